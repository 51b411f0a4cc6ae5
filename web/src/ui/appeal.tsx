/** The way to a person's eyes for what was blocked: the button, and the dialog it opens. */
import type { VNode } from "preact";
import { useRef, useState } from "preact/hooks";
import { ApiError } from "../api/http";
import { text } from "../text";
import { type Appealed, appeal, appealing, noteMost } from "../threads/appeal";
import { standingOf } from "../threads/moderation";
import { announce } from "./announcer";
import { Action } from "./button";
import { Dialog } from "./dialog";
import { wantWriting } from "./frame";
import { Icon } from "./icons";

/** Only where nobody has asked or decided yet. */
export function AskForReview({ message, thread }: Appealed): VNode | null {
  const { moderation } = message;
  if (!moderation || !message.id || standingOf(moderation) !== "blocked") return null;
  const ask = (): void => {
    appealing.value = { message, thread };
  };
  return <Action label={text.moderation.ask} run={ask} />;
}

export function AppealDialog(): VNode {
  const close = (): void => {
    appealing.value = null;
  };
  const appealed = appealing.value;
  return (
    <Dialog title={text.moderation.title} open={appealed !== null} close={close}>
      {appealed && <AppealForm appealed={appealed} close={close} />}
    </Dialog>
  );
}

interface FormProps {
  readonly appealed: Appealed;
  readonly close: () => void;
}

function AppealForm({ appealed, close }: FormProps): VNode {
  const note = useRef<HTMLTextAreaElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const ask = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await appeal(appealed, note.current?.value ?? "");
      close();
      announce(text.moderation.asked);
      // The button that opened this is gone.
      wantWriting();
    } catch (error) {
      const isAway = error instanceof ApiError && error.status === 0;
      setProblem(isAway ? text.moderation.network : text.moderation.failed);
      setBusy(false);
    }
  };
  return (
    <form class="form" onSubmit={(event) => void ask(event)}>
      <p class="quiet">{text.moderation.lead}</p>
      <label>
        {text.moderation.note}
        <textarea ref={note} rows={4} maxLength={noteMost} dir="auto" />
      </label>
      {problem && (
        <p class="problem" role="alert">
          <Icon name="warning" />
          <span>{problem}</span>
        </p>
      )}
      <footer>
        <button type="button" class="text-button calm" onClick={close}>
          {text.moderation.cancel}
        </button>
        <button type="submit" class="primary" aria-disabled={busy}>
          {text.moderation.ask}
        </button>
      </footer>
    </form>
  );
}
