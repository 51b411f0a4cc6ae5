/** The calls about one answer: to follow it, and to stop it. */
import { callJson } from "./http";
import { cut, streamEvents } from "./stream";
import type { WireEvent } from "./wire";

const ends = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** Whether nothing comes after this event. */
export function isEnd(event: WireEvent): boolean {
  return ends.has(event.type);
}

/** Yields an answer's events from its beginning, or those behind number `after`, up to its end. Raises: ApiError. */
export async function* streamResponse(id: string, after: number | null): AsyncGenerator<WireEvent> {
  const query = new URLSearchParams({ stream: "true" });
  if (after !== null) query.set("starting_after", String(after));
  for await (const data of streamEvents(`/v1/responses/${id}?${query}`)) {
    const event = JSON.parse(data) as WireEvent;
    yield event;
    if (isEnd(event)) return;
  }
  throw cut("the stream ended early");
}

/** Asks the server to stop an answer; what it has said so far is kept. */
export async function cancelResponse(id: string): Promise<void> {
  await callJson(`/v1/responses/${id}/cancel`, { method: "POST" });
}
