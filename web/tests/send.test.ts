import { afterEach, beforeEach, expect, it, vi } from "vitest";

vi.mock("../src/auth/session", () => ({ token: async () => "t", renewedToken: async () => "t", tokenNow: () => "t" }));

import type { WireChunk, WireItem } from "../src/api/wire";
import { chooseModel } from "../src/models";
import { send } from "../src/threads/send";
import { Thread } from "../src/threads/thread";

type Speak = (chunk: WireChunk | "[DONE]") => void;

let speak: Speak = () => undefined;
let items: readonly WireItem[] = [];
let refusal: Response | null = null;

function streaming(): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      speak = (chunk) => {
        const data = chunk === "[DONE]" ? chunk : JSON.stringify(chunk);
        controller.enqueue(new TextEncoder().encode(`data: ${data}\n\n`));
        if (chunk === "[DONE]") controller.close();
      };
    },
  });
  return new Response(body);
}

beforeEach(() => {
  items = [];
  refusal = null;
  chooseModel("m");
  vi.stubGlobal("fetch", async (url: string) => {
    if (url.includes("/chat/completions")) return refusal ?? streaming();
    if (url.includes("/items")) return Response.json({ data: items, last_id: null, has_more: false });
    return Response.json({ id: "conv_1", title: null, created_at: 1, updated_at: 1, data: [{ id: "m" }] });
  });
});
afterEach(() => vi.unstubAllGlobals());

function thread(): Thread {
  const made = new Thread("conv_1");
  made.phase.value = "ready";
  return made;
}

function delta(content: string): WireChunk {
  return { choices: [{ delta: { content } }] };
}

it("an answer is off the page from its retraction on, before its stream ends", async () => {
  const open = thread();
  const sent = send(open, "Hi");
  await vi.waitFor(() => expect(open.live.value).not.toBeNull());
  const live = open.live.value?.live;
  await vi.waitFor(() => {
    speak({ response_id: "resp_1", item_ids: ["msg_1"], output_item_id: "msg_2", choices: [] });
    expect(live?.responseId.value).toBe("resp_1");
  });
  speak({ choices: [{ delta: { reasoning_content: "Hm." } }] });
  speak(delta("Words that were shown"));
  await vi.waitFor(() => expect(live?.text.value).toBe("Words that were shown"));

  speak({ choices: [], retraction: { item_id: "msg_2", message: "Withheld." } });
  await vi.waitFor(() => expect(live?.phase.value).toBe("withdrawn"));

  expect([live?.text.value, live?.thought.value]).toEqual(["", ""]);
  speak(delta("late"));
  speak({ choices: [{ finish_reason: "content_filter" }], status: "incomplete" });
  speak("[DONE]");
  await sent;
  const answer = open.messages.value.at(-1);
  expect(answer).toMatchObject({ id: "msg_2", text: "", thought: "", outcome: "blocked", live: null });
  expect(answer?.moderation).toEqual({ blocked: true, state: null, appealed: false });
});

it("a message that is refused stays as blocked, under its name on the server and in its words there", async () => {
  const error = { code: "content_policy_violation", message: "", type: "invalid_request_error" };
  refusal = Response.json({ error }, { status: 400 });
  const stored = { id: "msg_1", type: "message", status: "completed", role: "user", created_at: 1 } as const;
  items = [{ ...stored, content: [{ type: "input_text", text: "Call [PHONE_1]" }] }];
  const open = thread();

  await send(open, "Call +47 22 33 44 55");

  expect(open.messages.value).toMatchObject([{ id: "msg_1", text: "Call [PHONE_1]", moderation: { blocked: true } }]);
  expect([open.unanswered.value, open.problem.value, open.draft.value]).toEqual([false, null, ""]);
});

it("a message that is refused and not kept goes back to the box with the reason", async () => {
  refusal = Response.json({ error: { code: "content_policy_violation" } }, { status: 400 });
  const open = thread();

  await send(open, "Words");

  expect(open.messages.value).toEqual([]);
  expect(open.draft.value).toBe("Words");
  expect(open.problem.value?.sentence).toContain("safety rules");
});
