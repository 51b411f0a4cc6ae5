import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { memo } from "../kit/memo";
import { text } from "../text";
import type { Message } from "../threads/message";
import { standingOf } from "../threads/moderation";
import { send } from "../threads/send";
import type { Thread } from "../threads/thread";
import { announce } from "./announcer";
import { AskForReview } from "./appeal";
import { Action, IconButton } from "./button";
import { CopyButton } from "./copy-button";

interface Props {
  readonly message: Message;
  readonly thread: Thread;
  readonly editable: boolean;
}

/** What the reader said: a bubble, with edit where it was the last, and why it was not answered where it was blocked. */
export const UserMessage = memo(({ message, thread, editable }: Props): VNode => {
  const busy = thread.live.value !== null;
  const canEdit = editable && message.id !== null && !busy;
  const isBlocked = message.moderation?.blocked ?? false;
  useAnnouncedBlock(message, isBlocked);
  return (
    <article class={`said${isBlocked ? " blocked" : ""}`} aria-label={text.message.you}>
      <div class="bubble" dir="auto" title={text.fullTime(message.at)}>
        {message.text}
      </div>
      {message.moderation && <Standing message={message} thread={thread} editable={canEdit} />}
      <div class="actions">
        <CopyButton label={text.message.copy} read={() => message.text} />
        {canEdit && !isBlocked && (
          <IconButton icon="pencil" label={text.message.edit} onClick={() => thread.edit(message)} />
        )}
      </div>
    </article>
  );
});

/** Reads it out, once, when the message has just been refused. */
function useAnnouncedBlock(message: Message, isBlocked: boolean): void {
  const wasSent = useRef(message.id === null);
  useEffect(() => {
    if (isBlocked && wasSent.current) announce(text.moderation.message.blocked);
    wasSent.current = message.id === null;
  }, [message]);
}

/** Why there is no answer, what a reviewer said of that, and what can be done now. */
function Standing({ message, thread, editable }: Props): VNode | null {
  if (!message.moderation) return null;
  const standing = standingOf(message.moderation);
  // Where it was answered meanwhile, the answer follows.
  if (standing === "approved" && !editable) return null;
  return (
    <div class={`ending ${standing === "approved" ? "cleared" : "blocked"}`}>
      <span>{text.moderation.message[standing]}</span>
      <div class="remedies">
        <AskForReview message={message} thread={thread} />
        {/* It stands and is asked about: sent again, the same words would be judged and blocked again. */}
        {editable && standing === "approved" && (
          <Action label={text.moderation.answerNow} run={() => void send(thread, text.moderation.answerIt)} />
        )}
        {editable && standing !== "approved" && <Action label={text.message.edit} run={() => thread.edit(message)} />}
      </div>
    </div>
  );
}
