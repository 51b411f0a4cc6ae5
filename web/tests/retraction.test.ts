import { describe, expect, it } from "vitest";
import type { WireEvent } from "../src/api/wire";
import { readToEnd, type Source } from "../src/threads/follow";
import { Replay } from "../src/threads/replay";
import { bytesOf, eventsOf, received } from "./answering";

const filtered = { status: "incomplete", incomplete_details: { reason: "content_filter" } } as const;
const said = eventsOf().slice(0, -1);
const retraction = { item_id: "msg_1", message: "This answer was withheld." };

/** What was said, and an end that takes it back. */
const events: WireEvent[] = [
  ...said,
  {
    type: "response.incomplete",
    response: { id: "resp_1", output: [{ type: "message", content: [] }], ...filtered, retraction },
    sequence_number: said.length,
  },
];

function screen() {
  const shown: string[] = [];
  return { shown, show: ({ text, thought }: Replay) => shown.push(thought + text), wait: () => undefined };
}

describe("an answer that is taken back while it is followed", () => {
  it("is gone from its retraction on, wherever the line is cut", async () => {
    const whole = bytesOf(events).length;
    for (let cut = 0; cut <= whole; cut++) {
      let count = 0;
      const source: Source = {
        open: (after) => {
          const bytes = bytesOf(events.filter((event) => event.sequence_number > (after ?? -1)));
          return received(bytes, count++ === 0 ? cut : bytes.length);
        },
        isOver: async () => false,
        wait: async () => undefined,
      };
      const seen = screen();

      const replay = await readToEnd(source, seen);

      expect(replay).toMatchObject({ text: "", thought: "", retracted: true });
      expect(seen.shown.slice(said.length)).toEqual([""]);
      expect(seen.shown[said.length - 1]).not.toBe("");
    }
  });

  it("is gone for who comes back when all is over", () => {
    const replay = new Replay();
    for (const event of said) replay.take(event);
    replay.take({ ...(events.at(-1) as WireEvent), sequence_number: 90 });

    expect(replay).toMatchObject({ text: "", thought: "", retracted: true });
  });

  it("is kept as far as it came where an engine's own filter ended it", () => {
    const replay = new Replay();
    for (const event of eventsOf(filtered)) replay.take(event);

    expect(replay.retracted).toBe(false);
    expect(replay.text).not.toBe("");
  });
});
