import type { VNode } from "preact";

/** Grey lines where something is on its way. They appear only after 150 ms (see the style), so that what is quick does not flash. */
export function Skeleton({ rows, label }: { readonly rows: number; readonly label: string }): VNode {
  return (
    <div class="skeleton" role="status">
      <span class="unseen">{label}</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} class={`bone bone-${row % 4}`} />
      ))}
    </div>
  );
}
