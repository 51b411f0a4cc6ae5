/**
 * Follows an answer that this page does not receive as a stream: after a reload, a lost connection, or one begun on
 * another device. It asks the server every now and then until the answer is settled.
 */
import * as api from "../api/conversations";
import type { WireItem } from "../api/wire";
import { fromItem } from "./message";
import type { Thread } from "./thread";

const firstMs = 700;
const longestMs = 4000;
const following = new WeakSet<Thread>();

/** Ends when the answer is settled or gone; one follower a thread. */
export async function followAnswer(thread: Thread): Promise<void> {
  if (following.has(thread)) return;
  following.add(thread);
  try {
    let waitMs = firstMs;
    while (thread.live.value && !(await poll(thread))) {
      await pause(waitMs);
      waitMs = Math.min(longestMs, waitMs * 1.3);
    }
  } finally {
    following.delete(thread);
  }
}

/** Asks once. True when there is nothing more to follow. */
async function poll(thread: Thread): Promise<boolean> {
  const id = thread.id.value;
  const live = thread.live.value;
  if (!id || !live?.live) return true;
  const page = await api.listItems(id, 4, null).catch(() => null);
  if (!page) return false;
  const item = page.data.find((entry) => (live.id ? entry.id === live.id : entry.role === "assistant"));
  if (!item) return forgetAnswer(thread, live.key);
  return settle(thread, live.key, item);
}

function settle(thread: Thread, key: string, item: WireItem): boolean {
  const message = fromItem(item);
  if (!message) return forgetAnswer(thread, key);
  if (message.live) {
    showPart(thread, message.text, message.live.responseId.value);
    return false;
  }
  thread.replace(key, () => ({ ...message, key }));
  return true;
}

function showPart(thread: Thread, words: string, responseId: string | null): void {
  const live = thread.live.value?.live;
  if (!live) return;
  live.responseId.value ??= responseId;
  if (words.length > live.text.value.length) live.text.value = words;
}

function forgetAnswer(thread: Thread, key: string): true {
  thread.messages.value = thread.messages.value.filter((message) => message.key !== key);
  return true;
}

/** Waits, but not longer than it takes to be online or looked at again. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    function done(): void {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    }
  });
}
