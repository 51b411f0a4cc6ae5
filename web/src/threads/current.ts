/** The thread on the screen. */
import { effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import { markRead } from "../conversations/unread";
import { openId } from "../router";
import { loadThread } from "./load";
import { Thread, threadOf } from "./thread";

let fresh = new Thread(null);
const shown = signal(fresh);
export const current: ReadonlySignal<Thread> = shown;

/** Shows whatever the address names, from now on. */
export function followAddress(): void {
  effect(() => {
    const id = openId.value;
    untracked(() => show(id));
  });
}

function show(id: string | null): void {
  if (id === null && fresh.id.value !== null) fresh = new Thread(null);
  const thread = id === null ? fresh : threadOf(id);
  shown.value = thread;
  if (id === null) return;
  markRead(id);
  // Also where it is known already: another device may have gone on with it.
  void loadThread(thread);
}

/** Reads the open thread again, after the page was away or offline. */
export function reloadCurrent(): void {
  const id = shown.value.id.value;
  if (id === null) return;
  markRead(id);
  void loadThread(shown.value);
}
