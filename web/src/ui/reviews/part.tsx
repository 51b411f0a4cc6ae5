import type { ComponentChildren, VNode } from "preact";
import { useId } from "preact/hooks";

interface PartProps {
  readonly title: string;
  readonly children: ComponentChildren;
}

/** A part of a review under a heading of its own. */
export function Part({ title, children }: PartProps): VNode {
  const id = useId();
  return (
    <section class="review-part" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}
