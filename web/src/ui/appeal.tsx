/** The way to a person's eyes for what was blocked: the button, and the dialog it opens. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/http";
import { text } from "../text";
import { type Appealed, appeal, appealing, noteMost } from "../threads/appeal";
import { mayAppeal } from "../threads/moderation";
import { announce } from "./announcer";
import { Action } from "./button";
import { Dialog } from "./dialog";
import { wantWriting } from "./frame";
import { Icon } from "./icons";

export function AskForReview({ message, thread }: Appealed): VNode | null {
  const { moderation } = message;
  if (!moderation || !message.id || !mayAppeal(moderation)) return null;
  const ask = (): void => {
    appealing.value = { message, thread };
  };
  return <Action label={text.moderation.ask} run={ask} />;
}

export function AppealDialog(): VNode {
  const asked = useRef(false);
  const appealed = appealing.value;
  const close = (): void => {
    appealing.value = null;
  };
  const onAsked = (): void => {
    asked.current = true;
    close();
    announce(text.moderation.asked);
  };
  // The dialog gives the focus back to the button that opened it, which is gone by then.
  useEffect(() => {
    if (appealed === null && asked.current) wantWriting();
    asked.current = false;
  }, [appealed]);
  return (
    <Dialog title={text.moderation.title} open={appealed !== null} close={close}>
      {appealed && <AppealForm appealed={appealed} onAsked={onAsked} onCancel={close} />}
    </Dialog>
  );
}

interface FormProps {
  readonly appealed: Appealed;
  readonly onAsked: () => void;
  readonly onCancel: () => void;
}

function AppealForm({ appealed, onAsked, onCancel }: FormProps): VNode {
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
      onAsked();
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
        <button type="button" class="text-button calm" onClick={onCancel}>
          {text.moderation.cancel}
        </button>
        <button type="submit" class="primary" aria-disabled={busy}>
          {text.moderation.ask}
        </button>
      </footer>
    </form>
  );
}
