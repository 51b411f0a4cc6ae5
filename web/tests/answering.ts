/** A response as the server streams it, for tests of those who read it. */
import { isEnd } from "../src/api/responses";
import { readEvents } from "../src/api/sse";
import { cut } from "../src/api/stream";
import type { WireAnswer, WireEvent } from "../src/api/wire";

export const thought = "Hm 🤔";
export const words = "Héllo 👋!";

function endOf(changes: Partial<WireAnswer>): WireAnswer {
  const output = [
    { type: "reasoning", content: [{ type: "reasoning_text", text: thought }] },
    { type: "message", content: [{ type: "output_text", text: words }] },
    { type: "function_call" },
  ];
  return { id: "resp_1", status: "completed", model: "m", output, ...changes };
}

/** Reasoning, text, a call, something this page has never heard of, and the end. */
export function eventsOf(changes: Partial<WireAnswer> = {}): WireEvent[] {
  const bodies: Omit<WireEvent, "sequence_number">[] = [
    { type: "response.created" },
    { type: "response.in_progress" },
    { type: "response.output_item.added" },
    ...[...thought].map((delta) => ({ type: "response.reasoning_text.delta", delta })),
    { type: "response.reasoning_text.done" },
    { type: "response.from_the_future", delta: "never shown" },
    ...[...words].map((delta) => ({ type: "response.output_text.delta", delta })),
    { type: "response.output_text.done" },
    { type: "response.function_call_arguments.delta", delta: '{"city":' },
    { type: "response.completed", response: endOf(changes) },
  ];
  return bodies.map((body, sequence_number) => ({ ...body, sequence_number }));
}

export function bytesOf(events: readonly WireEvent[]): Uint8Array {
  const encoded = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  return new TextEncoder().encode(`: hello\n\n${encoded.join("")}`);
}

/** The events in the first `length` bytes; then the line is cut. */
export async function* received(bytes: Uint8Array, length: number): AsyncGenerator<WireEvent> {
  for await (const data of readEvents(once(bytes.slice(0, length)))) {
    const event = JSON.parse(data) as WireEvent;
    yield event;
    if (isEnd(event)) return;
  }
  throw cut("for the test");
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
