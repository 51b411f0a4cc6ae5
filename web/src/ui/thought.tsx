/** What a model thought before it spoke: open while nothing else has come, then folded away. */
import type { VNode } from "preact";
import { text } from "../text";
import { Icon } from "./icons";

interface Props {
  readonly words: string;
  /** Whether it is still being thought. */
  readonly growing: boolean;
}

export function Thought({ words, growing }: Props): VNode {
  return (
    <details class={growing ? "thought growing" : "thought"} open={growing}>
      <summary>
        {growing && <span class="pulse-dot" />}
        {growing ? text.message.thinking : text.message.thought}
        <Icon name="chevron" />
      </summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable from the keyboard */}
      <section class="thought-place" tabIndex={0} aria-label={text.message.thought}>
        <p dir="auto">{words}</p>
      </section>
    </details>
  );
}
