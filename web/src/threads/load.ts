/** Reads a conversation's messages, from its end backwards. */
import * as api from "../api/conversations";
import { ApiError } from "../api/http";
import { noteEnd } from "./end";
import { joinAnswer, type Message, toMessages } from "./message";
import { isUnanswered } from "./moderation";
import { followAnswer } from "./resume";
import { tailCount } from "./span";
import type { Thread } from "./thread";

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
    thread.unanswered.value = isUnanswered(page.data[0]);
    thread.oldestId = page.last_id;
    thread.hasEarlier.value = page.has_more;
    thread.phase.value = "ready";
    if (thread.live.value) void followToEnd(thread);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) thread.phase.value = "missing";
    else if (thread.phase.value !== "ready") thread.phase.value = "failed";
  }
}

async function followToEnd(thread: Thread): Promise<void> {
  await followAnswer(thread);
  noteEnd(thread);
  const last = thread.messages.value.at(-1);
  // Nothing was said: why may stand at the question by now.
  if (last?.outcome === "failed" && last.text === "") await loadThread(thread);
}

/** What is mounted stays mounted when the server's version replaces it. */
function keepKeys(before: readonly Message[], fresh: readonly Message[]): Message[] {
  const keys = new Map(before.map((message) => [message.responseId ?? message.id, message.key]));
  return fresh.map((message) => ({ ...message, key: keys.get(message.responseId ?? message.id) ?? message.key }));
}

/** Reads the page before the oldest message known. */
export async function loadEarlier(thread: Thread): Promise<void> {
  const id = thread.id.value;
  if (!id || !thread.hasEarlier.value || thread.earlier.value === "loading") return;
  thread.earlier.value = "loading";
  try {
    const page = await api.listItems(id, tailCount, thread.oldestId);
    putInFront(thread, toMessages(page.data));
    thread.oldestId = page.last_id ?? thread.oldestId;
    thread.hasEarlier.value = page.has_more && page.data.length > 0;
    thread.earlier.value = "idle";
  } catch {
    thread.earlier.value = "failed";
  }
}

/** The pages may part within an answer, whose halves then become one. */
function putInFront(thread: Thread, fresh: readonly Message[]): void {
  const [first, ...rest] = thread.messages.value;
  const before = fresh.at(-1);
  const whole = first && before ? joinAnswer(before, first) : null;
  const known = whole ? [whole, ...rest] : thread.messages.value;
  const added = whole ? fresh.slice(0, -1) : fresh;
  thread.messages.value = [...added, ...known];
  thread.prepended.value += added.length;
}
