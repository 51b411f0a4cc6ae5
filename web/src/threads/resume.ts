/**
 * Follows an answer that this page does not receive from its own question: after a reload, a lost connection, or one begun
 * on another device or tab.
 */
import * as api from "../api/conversations";
import { ApiError } from "../api/http";
import { streamResponse } from "../api/responses";
import { pause } from "../kit/pause";
import { readToEnd } from "./follow";
import { fromAnswer, type Message, toMessages, withdrawn } from "./message";
import { isUnanswered } from "./moderation";
import { Pen } from "./pen";
import type { Replay } from "./replay";
import type { Thread } from "./thread";

const firstMs = 400;
const longestMs = 8000;
// Items that one answer may have: reasoning, text, calls.
const newestCount = 20;
const following = new WeakSet<Thread>();

/** Ends when the thread's live answer is settled or gone; one follower a thread. */
export async function followAnswer(thread: Thread): Promise<void> {
  const message = thread.live.value;
  if (!message || following.has(thread)) return;
  following.add(thread);
  try {
    const replay = await followMessage(thread, message);
    if (replay) settle(thread, message.key, replay);
  } finally {
    following.delete(thread);
  }
}

async function followMessage(thread: Thread, message: Message): Promise<Replay | null> {
  const { live } = message;
  const responseId = live?.responseId.value;
  if (!live || !responseId) return null;
  const pen = new Pen(live);
  const replay = await readToEnd(
    {
      open: (after) => streamResponse(responseId, after),
      isOver: () => isOver(thread, message.key, responseId),
      wait: (failures) => pause(waitMs(failures)),
    },
    {
      show: ({ text, thought, retracted }) => (retracted ? pen.erase() : pen.write(text, thought)),
      wait: () => {
        live.phase.value = "reconnecting";
      },
    },
  );
  pen.flush();
  return replay;
}

function waitMs(failures: number): number {
  // Half of it by chance: those whom one failure threw out do not come back at once.
  return Math.min(longestMs, firstMs * 2 ** failures) * (0.5 + Math.random() / 2);
}

function settle(thread: Thread, key: string, replay: Replay): void {
  const { end, text, thought } = replay;
  if (!end) return;
  const settled = { ...fromAnswer(end), text, thought, live: null };
  thread.replace(key, (message) => {
    const ended = { ...message, ...settled };
    return replay.retracted ? withdrawn(ended) : ended;
  });
}

/** Looks into the conversation. True where the answer is settled, which is shown then, or gone with its message. */
async function isOver(thread: Thread, key: string, responseId: string): Promise<boolean> {
  const id = thread.id.value;
  if (!id) return true;
  try {
    const page = await api.listItems(id, newestCount, null);
    const found = toMessages(page.data).find((message) => message.responseId === responseId);
    if (found?.live) return false;
    if (found) thread.replace(key, () => ({ ...found, key }));
    else thread.forget(key, isUnanswered(page.data[0]));
    return true;
  } catch (error) {
    const gone = error instanceof ApiError && error.status === 404;
    if (gone) thread.forget(key, false);
    return gone;
  }
}
