import { describe, expect, it } from "vitest";
import type { WireAnswer, WireItem, WireResponse } from "../src/api/wire";
import { endedBy, fromAnswer, fromItem, joinAnswer, toMessages } from "../src/threads/message";

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
    for (const type of ["function_call", "function_call_output", "from_the_future"]) {
      const { content: _, role: __, ...bare } = item({ type });
      expect(fromItem(bare)).toBeNull();
    }
  });

  it("knows its tokens in either of OpenAI's names", () => {
    const usage = { input_tokens: 3, output_tokens: 4 };
    expect(fromItem(item({ response: response({ usage }) }))?.usage).toEqual({ read: 3, written: 4 });
  });
});

describe("an answer of several items", () => {
  const wrote = response({});
  const said = (id: string, text: string) =>
    item({ id, content: [{ type: "output_text", text }], response: wrote, created_at: 101 });
  const thought = item({
    id: "rs_1",
    type: "reasoning",
    content: [{ type: "reasoning_text", text: "Hm." }],
    response: wrote,
  });
  const question = item({ id: "msg_0", role: "user", content: [{ type: "input_text", text: "Hi?" }], response: wrote });
  const call = item({ id: "fc_1", type: "function_call", content: null, response: wrote });

  it("is one message with what was thought before", () => {
    const [asked, answer, ...rest] = toMessages([said("msg_2", " you."), call, said("msg_1", "To"), thought, question]);
    expect(asked).toMatchObject({ role: "user", text: "Hi?", responseId: null });
    expect(answer).toMatchObject({ text: "To you.", thought: "Hm.", outcome: "done", responseId: "resp_1" });
    expect(rest).toEqual([]);
  });

  it("is not joined to another one", () => {
    const seeded = item({ id: "msg_9", response: null });
    expect(toMessages([seeded, seeded, said("msg_1", "x")])).toHaveLength(3);
  });

  it("is joined where two pages part it, and stays what was mounted", () => {
    const [before] = toMessages([thought]);
    const [shown] = toMessages([said("msg_1", "Hello")]);
    const joined = before && shown ? joinAnswer(before, shown) : null;
    expect(joined).toMatchObject({ key: "msg_1", thought: "Hm.", text: "Hello" });
  });

  it("may have reasoning without a text in it", () => {
    const { content: _, ...bare } = item({ type: "reasoning" });
    expect(fromItem(bare)).toMatchObject({ text: "", thought: "" });
  });
});

describe("a response that is over", () => {
  const over = (changes: Partial<WireAnswer>): WireAnswer => ({ id: "resp_1", status: "incomplete", ...changes });

  it.each([
    ["done", over({ status: "completed" })],
    ["stopped", over({ status: "cancelled" })],
    ["failed", over({ status: "failed" })],
    ["incomplete", over({})],
    ["length", over({ incomplete_details: { reason: "max_output_tokens" } })],
    ["blocked", over({ incomplete_details: { reason: "content_filter" } })],
  ])("ended as %s", (outcome, answer) => {
    expect(fromAnswer(answer)).toMatchObject({ outcome });
  });

  it("knows what it cost and how long it took", () => {
    const usage = { input_tokens: 3, output_tokens: 4 };
    expect(fromAnswer(over({ model: "m", usage, created_at: 10, completed_at: 12 }))).toMatchObject({
      ...{ model: "m", usage: { read: 3, written: 4 }, tookMs: 2000 },
    });
  });
});

it("a finish reason it does not know is no failure", () => {
  expect(endedBy("tool_calls")).toBe("done");
});
