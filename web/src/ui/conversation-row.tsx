/** One conversation in the sidebar: open, rename, delete. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { removeWithUndo, rename } from "../conversations/list";
import { unread } from "../conversations/unread";
import { memo } from "../kit/memo";
import { addressOf, go, openId } from "../router";
import { text } from "../text";
import { drawerOpen, wantWriting } from "./frame";
import { Icon } from "./icons";
import { Menu } from "./menu";

interface Props {
  readonly id: string;
  readonly title: string | null;
  readonly at: number;
}

export const ConversationRow = memo(({ id, title, at }: Props): VNode => {
  const [renaming, setRenaming] = useState(false);
  const shown = title ?? text.sidebar.untitled;
  const open = openId.value === id;
  if (renaming) {
    return (
      <li class="row">
        <TitleField title={shown} onEnd={(wanted) => endRename(id, wanted, () => setRenaming(false))} />
      </li>
    );
  }
  return (
    <li class={`row${open ? " open" : ""}`}>
      <a
        href={addressOf(id)}
        aria-current={open ? "page" : undefined}
        title={text.fullTime(at)}
        onClick={(event) => follow(event, id)}
      >
        <bdi>{shown}</bdi>
        {unread.value.has(id) && !open && (
          <span class="dot">
            <span class="unseen">{text.sidebar.unread}</span>
          </span>
        )}
      </a>
      <Menu
        label={text.conversation.more(shown)}
        buttonClass="icon-button row-more"
        tooltip={false}
        entries={[
          { label: text.conversation.rename, icon: "pencil", run: () => setRenaming(true) },
          { label: text.conversation.delete, icon: "trash", danger: true, run: () => remove(id) },
        ]}
      >
        <Icon name="more" />
      </Menu>
    </li>
  );
});

function follow(event: MouseEvent, id: string): void {
  // A click for another tab or window belongs to the browser.
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  go(id);
  drawerOpen.value = false;
  wantWriting();
}

function remove(id: string): void {
  const wasOpen = openId.value === id;
  if (wasOpen) go(null);
  removeWithUndo(id, () => {
    if (wasOpen && openId.value === null) go(id);
  });
  wantWriting();
}

function endRename(id: string, wanted: string | null, close: () => void): void {
  close();
  if (wanted !== null) void rename(id, wanted);
}

interface FieldProps {
  readonly title: string;
  /** The new title, or null where the reader changed their mind. */
  readonly onEnd: (title: string | null) => void;
}

function TitleField({ title, onEnd }: FieldProps): VNode {
  const input = useRef<HTMLInputElement>(null);
  const ended = useRef(false);
  useEffect(() => input.current?.select(), []);
  const end = (wanted: string | null): void => {
    // Leaving the field after Enter or Escape must not count twice.
    if (ended.current) return;
    ended.current = true;
    onEnd(wanted);
  };
  const onKeyDown = (event: KeyboardEvent & { readonly currentTarget: HTMLInputElement }): void => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "Enter") end(event.currentTarget.value);
    if (event.key === "Escape") end(null);
  };
  return (
    <input
      ref={input}
      class="title-field"
      aria-label={text.conversation.titleField}
      defaultValue={title}
      maxLength={200}
      dir="auto"
      onKeyDown={onKeyDown}
      onBlur={(event) => end(event.currentTarget.value)}
    />
  );
}
