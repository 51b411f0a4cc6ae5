/** The box one writes in. Enter sends; send turns into stop while an answer is being written. */
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { loadModels } from "../models";
import { text } from "../text";
import { send } from "../threads/send";
import { stop } from "../threads/stop";
import type { Thread } from "../threads/thread";
import { IconButton } from "./button";
import { writingWanted } from "./frame";
import { Icon } from "./icons";
import { ModelPicker } from "./model-picker";

const touch = window.matchMedia("(pointer: coarse)");
const growsByItself = CSS.supports("field-sizing", "content");

export function Composer({ thread }: { readonly thread: Thread }): VNode {
  const submit = (): void => submitDraft(thread);
  return (
    <div class="composer-place">
      <Problem thread={thread} onAgain={submit} />
      <form
        class="composer"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {thread.editing.value && <EditStrip thread={thread} />}
        <Box thread={thread} onSubmit={submit} />
        <div class="composer-foot">
          <ModelPicker />
          <SendOrStop thread={thread} />
        </div>
      </form>
      <p class="composer-note">{text.composer.note}</p>
    </div>
  );
}

function submitDraft(thread: Thread): void {
  const words = thread.draft.value.trim();
  const replaced = thread.editing.value;
  if (words === "" || thread.live.value) return;
  if (replaced) thread.endEdit();
  else thread.draft.value = "";
  void send(thread, words, replaced).finally(() => {
    if (thread.problem.value) void loadModels();
  });
}

interface BoxProps {
  readonly thread: Thread;
  readonly onSubmit: () => void;
}

function Box({ thread, onSubmit }: BoxProps): VNode {
  const box = useRef<HTMLTextAreaElement>(null);
  const words = thread.draft.value;
  const wanted = writingWanted.value;
  const editing = thread.editing.value;
  // A wish to write, another thread or an edit takes the focus; what is typed does not.
  useLayoutEffect(() => {
    // On a touch screen the keyboard would jump up unasked.
    if (touch.matches && !editing) return;
    box.current?.focus({ preventScroll: true });
    box.current?.setSelectionRange(words.length, words.length);
  }, [wanted, thread, editing]);
  // The height follows the text.
  useLayoutEffect(() => {
    const area = box.current;
    if (growsByItself || !area) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }, [words]);
  return (
    <textarea
      ref={box}
      rows={1}
      dir="auto"
      aria-label={text.composer.label}
      placeholder={text.composer.placeholder}
      value={words}
      onInput={(event) => {
        thread.draft.value = event.currentTarget.value;
      }}
      onKeyDown={(event) => onKey(event, thread, onSubmit)}
    />
  );
}

function onKey(event: KeyboardEvent, thread: Thread, onSubmit: () => void): void {
  if (event.isComposing) return;
  const last = thread.lastUser.value;
  if (event.key === "Enter" && !event.shiftKey && !touch.matches) {
    event.preventDefault();
    onSubmit();
  } else if (event.key === "ArrowUp" && thread.draft.value === "" && last?.id && !thread.live.value) {
    event.preventDefault();
    thread.edit(last);
  } else if (event.key === "Escape" && thread.editing.value && !thread.live.value) {
    event.stopPropagation();
    thread.endEdit();
  }
}

function EditStrip({ thread }: { readonly thread: Thread }): VNode {
  return (
    <div class="edit-strip">
      <Icon name="pencil" />
      <span>{text.composer.editing}</span>
      <IconButton icon="close" label={text.composer.cancelEdit} onClick={() => thread.endEdit()} />
    </div>
  );
}

function SendOrStop({ thread }: { readonly thread: Thread }): VNode {
  const live = thread.live.value?.live;
  if (!live) {
    return (
      <button
        type="submit"
        class="send"
        disabled={thread.draft.value.trim() === ""}
        aria-label={text.composer.send}
        title={text.composer.send}
      >
        <Icon name="up" />
      </button>
    );
  }
  const stopping = live.stopping.value;
  const label = stopping ? text.composer.stopping : text.composer.stop;
  return (
    <button
      type="button"
      class="send stop"
      disabled={stopping}
      aria-label={label}
      title={label}
      onClick={() => stop(thread)}
    >
      <Icon name="stop" />
    </button>
  );
}

/** Why the last sending failed; the text is back in the box already. */
function Problem({ thread, onAgain }: { readonly thread: Thread; readonly onAgain: () => void }): VNode | null {
  const problem = thread.problem.value;
  if (!problem) return null;
  const clear = (): void => {
    thread.problem.value = null;
  };
  return (
    <div class="problem" role="alert">
      <Icon name="warning" />
      <span>{problem.sentence}</span>
      {problem.again && thread.draft.value.trim() !== "" && (
        <button type="button" class="text-button" onClick={onAgain}>
          {text.retry}
        </button>
      )}
      <IconButton icon="close" label={text.dismiss} onClick={clear} />
    </div>
  );
}
