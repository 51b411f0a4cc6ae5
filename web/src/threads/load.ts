/** Reads a conversation's messages, from its end backwards. */
import * as api from "../api/conversations";
import { ApiError } from "../api/http";
import type { WireItem } from "../api/wire";
import { fromItem, type Message } from "./message";
import { followAnswer } from "./resume";
import { tailCount } from "./span";
import type { Thread } from "./thread";

/** Items of a page, newest first as sent, as messages, oldest first. */
export function toMessages(items: readonly WireItem[]): Message[] {
  return items
    .map(fromItem)
    .filter((message) => message !== null)
    .reverse();
}

/** Reads the end of the conversation. An answer still being written is followed to its end. */
export async function loadThread(thread: Thread): Promise<void> {
  const id = thread.id.value;
  if (!id || thread.live.value) return;
  if (thread.phase.value !== "ready") thread.phase.value = "loading";
  try {
    const page = await api.listItems(id, tailCount, null);
    // Something was sent while this was on its way: what the page has is newer.
    if (thread.live.value) return;
    thread.messages.value = keepKeys(thread.messages.value, toMessages(page.data));
    thread.oldestId = page.last_id;
    thread.hasEarlier.value = page.has_more;
    thread.phase.value = "ready";
    if (thread.live.value) void followAnswer(thread);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) thread.phase.value = "missing";
    else if (thread.phase.value !== "ready") thread.phase.value = "failed";
  }
}

/** What is mounted stays mounted when the server's version replaces it. */
function keepKeys(before: readonly Message[], fresh: readonly Message[]): Message[] {
  const keys = new Map(before.map((message) => [message.id, message.key]));
  return fresh.map((message) => ({ ...message, key: keys.get(message.id) ?? message.key }));
}

/** Reads the page before the oldest message known. */
export async function loadEarlier(thread: Thread): Promise<void> {
  const id = thread.id.value;
  if (!id || !thread.hasEarlier.value || thread.earlier.value === "loading") return;
  thread.earlier.value = "loading";
  try {
    const page = await api.listItems(id, tailCount, thread.oldestId);
    const fresh = toMessages(page.data);
    thread.messages.value = [...fresh, ...thread.messages.value];
    thread.prepended.value += fresh.length;
    thread.oldestId = page.last_id ?? thread.oldestId;
    thread.hasEarlier.value = page.has_more && page.data.length > 0;
    thread.earlier.value = "idle";
  } catch {
    thread.earlier.value = "failed";
  }
}
