import { describe, expect, it } from "vitest";
import type { WireItem, WireResponse } from "../src/api/wire";
import { endedBy, fromItem } from "../src/threads/message";

function item(changes: Partial<WireItem> = {}): WireItem {
  const base = { id: "msg_1", type: "message", status: "completed", role: "assistant", created_at: 100 } as const;
  return { ...base, content: [{ type: "output_text", text: "Hi" }], response: null, ...changes };
}

function response(changes: Partial<WireResponse>): WireResponse {
  return { id: "resp_1", status: "completed", model: "m", finish_reason: "stop", ...changes };
}

describe("an item of the server", () => {
  it.each([
    ["done", item({ response: response({}) })],
    ["stopped", item({ status: "incomplete", response: response({ status: "cancelled" }) })],
    ["failed", item({ status: "incomplete", response: response({ status: "failed", finish_reason: null }) })],
    ["incomplete", item({ status: "incomplete", response: response({ status: "incomplete", finish_reason: null }) })],
    ["incomplete", item({ status: "incomplete" })],
    ["length", item({ status: "incomplete", response: response({ status: "incomplete", finish_reason: "length" }) })],
    ["blocked", item({ status: "incomplete", response: response({ finish_reason: "content_filter" }) })],
  ])("ended as %s", (outcome, wire) => {
    expect(fromItem(wire)).toMatchObject({ outcome, text: "Hi", at: 100_000, live: null });
  });

  it("is live while it is in progress, and can be stopped", () => {
    const message = fromItem(
      item({ status: "in_progress", content: [], response: response({ status: "in_progress" }) }),
    );
    expect(message?.live?.phase.value).toBe("resumed");
    expect(message?.live?.responseId.value).toBe("resp_1");
  });

  it("is not shown where it is neither the reader's nor an answer", () => {
    expect(fromItem(item({ role: "system" }))).toBeNull();
    expect(fromItem(item({ type: "reasoning" }))).toBeNull();
  });

  it("knows its tokens in either of OpenAI's names", () => {
    const usage = { input_tokens: 3, output_tokens: 4 };
    expect(fromItem(item({ response: response({ usage }) }))?.usage).toEqual({ read: 3, written: 4 });
  });
});

it("a finish reason it does not know is no failure", () => {
  expect(endedBy("tool_calls")).toBe("done");
});
