import { afterEach, beforeEach, expect, it, vi } from "vitest";

vi.mock("../src/auth/session", () => ({ token: async () => "t", renewedToken: async () => "t", tokenNow: () => "t" }));

import { streamAnswer } from "../src/api/chat";
import { ApiError } from "../src/api/http";
import { streamResponse } from "../src/api/responses";

const question = { conversationId: "conv_1", text: "Hi", model: "m", replacesItemId: null };
let sent: { url: string; init: RequestInit }[] = [];
let speak: (text: string) => void = () => undefined;

/** A server whose answer says what `speak` is given, until its line is hung up. */
function answering(): void {
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    sent.push({ url, init });
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        speak = (text) => controller.enqueue(new TextEncoder().encode(text));
        init.signal?.addEventListener("abort", () => controller.error(new DOMException("", "AbortError")));
      },
    });
    return new Response(body);
  });
}

async function failureOf(stream: AsyncGenerator<unknown>): Promise<unknown> {
  try {
    for await (const _ of stream);
  } catch (error) {
    return error;
  }
  return null;
}

beforeEach(() => {
  sent = [];
  vi.useFakeTimers();
  answering();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("a question is sent under its key", async () => {
  void failureOf(streamAnswer(question, "key-1"));
  await vi.advanceTimersByTimeAsync(0);
  expect(new Headers(sent[0]?.init.headers).get("idempotency-key")).toBe("key-1");
});

it("an answer is read on from where it was", async () => {
  void failureOf(streamResponse("resp_1", 41));
  await vi.advanceTimersByTimeAsync(0);
  expect(sent[0]?.url).toBe("/v1/responses/resp_1?stream=true&starting_after=41");
});

it("a line that falls silent is given up, and one that only keeps itself alive is not", async () => {
  const failed = vi.fn();
  void failureOf(streamResponse("resp_1", null)).then(failed);
  for (let count = 0; count < 10; count++) {
    await vi.advanceTimersByTimeAsync(15_000);
    speak(": still here\n\n");
  }
  expect(failed).not.toHaveBeenCalled();

  await vi.advanceTimersByTimeAsync(60_000);

  expect(failed.mock.lastCall?.[0]).toMatchObject({ status: 0, code: "network" });
});

it("a line is given up when the browser goes offline", async () => {
  const failure = failureOf(streamAnswer(question, "key-1"));
  await vi.advanceTimersByTimeAsync(0);

  window.dispatchEvent(new Event("offline"));

  expect(await failure).toBeInstanceOf(ApiError);
});
