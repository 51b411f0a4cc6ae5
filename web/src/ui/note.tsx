import type { VNode } from "preact";

interface NoteProps {
  readonly sentence: string;
  readonly action: string;
  readonly run: () => void;
}

/** One sentence in the middle of the column, where nothing else can be shown, and what helps. */
export function Note({ sentence, action, run }: NoteProps): VNode {
  return (
    <div class="note" role="alert">
      <p>{sentence}</p>
      <button type="button" class="primary" onClick={run}>
        {action}
      </button>
    </div>
  );
}
