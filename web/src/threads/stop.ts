/** Stops an answer; what it has said so far stays. */
import { cancelResponse } from "../api/responses";
import { toast } from "../kit/toasts";
import { text } from "../text";
import type { Thread } from "./thread";

/** Asks the server to stop. Before the server has named the answer, this is remembered until it does. */
export function stop(thread: Thread): void {
  const live = thread.live.value?.live;
  if (!live || live.stopping.value) return;
  live.stopping.value = true;
  stopWanted(thread);
}

/** Sends the stop the reader asked for, as soon as there is something to name. */
export function stopWanted(thread: Thread): void {
  const live = thread.live.value?.live;
  const responseId = live?.responseId.value;
  if (!live?.stopping.value || !responseId) return;
  cancelResponse(responseId).catch(() => {
    live.stopping.value = false;
    toast(text.stopFailed);
  });
}
