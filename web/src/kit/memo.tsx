import { Component, type ComponentType, type VNode } from "preact";

/** The component, rendered again only when one of its properties is another value. */
export function memo<P extends object>(Inner: ComponentType<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const now = this.props as Record<string, unknown>;
      const coming = next as Record<string, unknown>;
      return Object.keys({ ...now, ...coming }).some((name) => now[name] !== coming[name]);
    }

    override render(): VNode {
      return <Inner {...(this.props as P)} />;
    }
  };
}
