/** The reader's wish that a person looks at what was blocked. */
import { type Signal, signal } from "@preact/signals";
import { appealItem } from "../api/conversations";
import type { Message } from "./message";
import { afterAppeal } from "./moderation";
import type { Thread } from "./thread";

export interface Appealed {
  readonly thread: Thread;
  readonly message: Message;
}

/** What the reader is about to ask a review of. */
export const appealing: Signal<Appealed | null> = signal(null);

/** As the server takes it. */
export const noteMost = 1000;

/** Asks, and marks the message. Raises: ApiError. */
export async function appeal({ thread, message }: Appealed, note: string): Promise<void> {
  const conversationId = thread.id.value;
  if (!conversationId || !message.id) return;
  const answer = await appealItem(conversationId, message.id, note.trim() || null);
  thread.replace(message.key, (known) => ({
    ...known,
    moderation: known.moderation && afterAppeal(known.moderation, answer),
  }));
}
