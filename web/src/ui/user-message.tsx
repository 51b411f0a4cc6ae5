import type { VNode } from "preact";
import { memo } from "../kit/memo";
import { text } from "../text";
import type { Message } from "../threads/message";
import type { Thread } from "../threads/thread";
import { IconButton } from "./button";
import { CopyButton } from "./copy-button";

interface Props {
  readonly message: Message;
  readonly thread: Thread;
  readonly editable: boolean;
}

/** What the reader said: a bubble, with edit where it was the last. */
export const UserMessage = memo(({ message, thread, editable }: Props): VNode => {
  const busy = thread.live.value !== null;
  return (
    <article class="said" aria-label={text.message.you}>
      <div class="bubble" dir="auto" title={text.fullTime(message.at)}>
        {message.text}
      </div>
      <div class="actions">
        <CopyButton label={text.message.copy} read={() => message.text} />
        {editable && message.id && !busy && (
          <IconButton icon="pencil" label={text.message.edit} onClick={() => thread.edit(message)} />
        )}
      </div>
    </article>
  );
});
