/** What follows the end of an answer, wherever it was begun. */
import * as list from "../conversations/list";
import { markUnread } from "../conversations/unread";
import { openId } from "../router";
import type { Thread } from "./thread";

// The server names a conversation after its first answer, in its own time.
const titleAfterMs = [3000, 10_000];

/** The list puts the conversation first, marks what nobody saw, and learns the title it may be given. */
export function noteEnd(thread: Thread): void {
  const id = thread.id.value;
  if (!id) return;
  list.touch(id);
  if (openId.value !== id || document.hidden) markUnread(id);
  if (hasOneQuestion(thread)) void learnTitle(id);
}

function hasOneQuestion(thread: Thread): boolean {
  return !thread.hasEarlier.value && thread.messages.value.filter(({ role }) => role === "user").length === 1;
}

async function learnTitle(id: string): Promise<void> {
  await list.learn(id);
  const title = list.titleOf(id);
  let waitedMs = 0;
  for (const afterMs of titleAfterMs) {
    await new Promise((resolve) => setTimeout(resolve, afterMs - waitedMs));
    waitedMs = afterMs;
    if (list.titleOf(id) !== title) return;
    await list.learn(id);
  }
}
