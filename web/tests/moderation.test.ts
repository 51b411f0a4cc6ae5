import { describe, expect, it } from "vitest";
import type { WireItem, WireModeration, WireResponse } from "../src/api/wire";
import { fromItem, joinAnswer, toMessages, withdrawn } from "../src/threads/message";
import { afterAppeal, blockedNow, isUnanswered, mayAppeal, moderationOf, standingOf } from "../src/threads/moderation";

const filtered: WireResponse = { id: "resp_1", status: "incomplete", finish_reason: "content_filter" };

function item(moderation: WireModeration | null, changes: Partial<WireItem> = {}): WireItem {
  const base = { id: "msg_1", type: "message", status: "completed", role: "user", created_at: 100 } as const;
  return { ...base, content: [{ type: "input_text", text: "Words" }], response: null, moderation, ...changes };
}

const blocked = (state: "open" | "escalated" | "approved" | "upheld", appealed: boolean): WireModeration => ({
  ...{ blocked: true, review: { state, appealed } },
});

describe("a message that was blocked", () => {
  it.each([
    ["blocked", { blocked: true, review: null }],
    ["blocked", { blocked: true }],
    ["blocked", blocked("open", false)],
    ["waiting", blocked("open", true)],
    ["waiting", blocked("escalated", true)],
    ["upheld", blocked("upheld", false)],
    ["upheld", blocked("upheld", true)],
    ["approved", { blocked: false, review: { state: "approved", appealed: true } }],
  ] as const)("stands as %s", (standing, moderation) => {
    const known = moderationOf(item(moderation));
    expect(known && standingOf(known)).toBe(standing);
  });

  it("can be appealed against once, also where a reviewer has looked at it unasked", () => {
    const known = (moderation: WireModeration) => moderationOf(item(moderation)) ?? { ...blockedNow, appealed: true };
    expect(mayAppeal(known({ blocked: true }))).toBe(true);
    expect(mayAppeal(known(blocked("open", false)))).toBe(true);
    expect(mayAppeal(known(blocked("upheld", false)))).toBe(true);
    for (const state of ["open", "escalated", "upheld"] as const) {
      expect(mayAppeal(known(blocked(state, true)))).toBe(false);
    }
    expect(mayAppeal(known({ blocked: false, review: { state: "approved", appealed: false } }))).toBe(false);
  });

  it("keeps its text, for who wants to change it", () => {
    expect(fromItem(item(blocked("open", false)))).toMatchObject({ text: "Words", moderation: { blocked: true } });
  });

  it("is no question that found no answer", () => {
    expect(isUnanswered(item(null))).toBe(true);
    expect(isUnanswered(item(blocked("open", false)))).toBe(false);
    expect(isUnanswered(item(null, { role: "assistant" }))).toBe(false);
    expect(isUnanswered(undefined)).toBe(false);
  });

  it("has nothing to say where nothing was done to it", () => {
    expect(moderationOf(item(null))).toBeNull();
    expect(moderationOf(item({ blocked: false, review: { state: "open", appealed: false } }))).toBeNull();
  });

  it("waits for a person once the reader has asked for one, and again where one had decided", () => {
    const before = { blocked: true, state: "upheld", appealed: false } as const;
    const answer = { item_id: "msg_1", appealed_at: 1 } as const;
    expect(standingOf(afterAppeal(before, { ...answer, state: "open" }))).toBe("waiting");
    expect(standingOf(afterAppeal(before, { ...answer, state: "approved" }))).toBe("approved");
  });
});

describe("an answer that was taken back", () => {
  const said = item(blocked("open", false), { role: "assistant", response: filtered, status: "incomplete" });
  const thought = item(null, {
    ...{ id: "rs_1", type: "reasoning", content: [{ type: "reasoning_text", text: "Secret thought" }] },
    response: filtered,
  });

  it("leaves no word and no thought, whatever the server still has of it", () => {
    const [message, ...rest] = toMessages([said, thought]);
    expect(message).toMatchObject({ text: "", thought: "", outcome: "blocked", id: "msg_1" });
    expect(rest).toEqual([]);
    expect(JSON.stringify(message)).not.toContain("Secret");
  });

  it("leaves none either where two pages part it", () => {
    const [before] = toMessages([thought]);
    const [shown] = toMessages([said]);
    expect(before && shown && joinAnswer(before, shown)).toMatchObject({ text: "", thought: "" });
  });

  it("shows its text again after a reviewer found it fine", () => {
    const cleared = { ...said, moderation: { blocked: false, review: { state: "approved", appealed: true } } } as const;
    expect(fromItem(cleared)).toMatchObject({ text: "Words", moderation: { state: "approved" } });
  });

  it("is empty from the moment on that it is taken back", () => {
    const [shown] = toMessages([item(null, { role: "assistant", response: { ...filtered, finish_reason: "stop" } })]);
    expect(shown?.text).toBe("Words");
    expect(shown && withdrawn(shown)).toMatchObject({ text: "", thought: "", outcome: "blocked" });
  });
});
