/** Says politely, to those who listen instead of look, what happens to the answer. */
import { signal } from "@preact/signals";
import type { VNode } from "preact";

const said = signal("");

export function announce(words: string): void {
  said.value = words;
}

export function Announcer(): VNode {
  return (
    <div class="unseen" aria-live="polite" aria-atomic="true">
      {said.value}
    </div>
  );
}
