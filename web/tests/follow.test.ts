import { describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/api/http";
import type { WireEvent } from "../src/api/wire";
import { readToEnd, type Source } from "../src/threads/follow";
import type { Replay } from "../src/threads/replay";
import { bytesOf, eventsOf, received, thought, words } from "./answering";

const events = eventsOf();

function behind(after: number | null): WireEvent[] {
  return events.filter((event) => event.sequence_number > (after ?? -1));
}

/** A server whose line breaks after so many bytes, one number a connection; then it holds. */
function lineOf(...cuts: number[]) {
  const asked: (number | null)[] = [];
  const source: Source = {
    open: (after) => {
      asked.push(after);
      const bytes = bytesOf(behind(after));
      return received(bytes, cuts[asked.length - 1] ?? bytes.length);
    },
    isOver: async () => false,
    wait: async () => undefined,
  };
  return { source, asked };
}

function screen() {
  const shown: string[] = [];
  return { shown, show: ({ thought: before, text }: Replay) => shown.push(before + text), wait: vi.fn() };
}

function refusing(error: ApiError): AsyncIterable<WireEvent> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}

describe("an answer that is followed", () => {
  it("is whole wherever the line is cut, shown once and only ever growing", async () => {
    const whole = bytesOf(events).length;
    for (let cut = 0; cut <= whole; cut++) {
      const { source, asked } = lineOf(cut);
      const seen = screen();

      const replay = await readToEnd(source, seen);

      expect(replay).toMatchObject({ text: words, thought, last: events.length - 1 });
      expect(seen.shown.every((part) => (thought + words).startsWith(part))).toBe(true);
      expect(seen.shown).toHaveLength(events.length);
      expect(asked).toHaveLength(cut < whole ? 2 : 1);
    }
  });

  it("is whole on a line that gives a little more each time", async () => {
    const { source, asked } = lineOf(...Array.from({ length: 200 }, () => 150));

    const replay = await readToEnd(source, screen());

    expect(replay?.text).toBe(words);
    expect(asked).toEqual([...asked].sort((a, b) => (a ?? -1) - (b ?? -1)));
  });

  it("takes an event that comes twice once", async () => {
    const { source } = lineOf(600, 1200);
    const fromTheStart: Source = { ...source, open: () => source.open(null) };

    const replay = await readToEnd(fromTheStart, screen());

    expect(replay).toMatchObject({ text: words, thought });
  });

  it("ends with what the last event says where the events are not kept any more", async () => {
    const last = { ...(events.at(-1) as WireEvent), sequence_number: 12 };
    let count = 0;
    const source: Source = {
      ...lineOf().source,
      open: (after) => (count++ === 0 ? lineOf(900).source.open(after) : received(bytesOf([last]), 1e6)),
    };

    expect(await readToEnd(source, screen())).toMatchObject({ text: words, thought });
  });

  it("is looked for elsewhere where the server does not know it", async () => {
    const isOver = vi.fn(async () => true);
    const source: Source = { ...lineOf().source, open: () => refusing(new ApiError(404, "not_found", "")), isOver };

    expect(await readToEnd(source, screen())).toBeNull();
    expect(isOver).toHaveBeenCalledOnce();
  });

  it("is waited for ever longer while the server is away, and anew after it spoke", async () => {
    const { source } = lineOf(0, 0, 0, 300, 0);
    const waited: number[] = [];
    const seen = screen();

    await readToEnd({ ...source, wait: async (failures) => void waited.push(failures) }, seen);

    expect(waited).toEqual([1, 2, 3, 1, 2]);
    expect(seen.wait).toHaveBeenCalledTimes(5);
  });

  it("begins anew where the server does not know the number it had come to", async () => {
    const asked: (number | null)[] = [];
    const open: Source["open"] = (after) => {
      asked.push(after);
      if (asked.length === 1) return received(bytesOf(events), 600);
      if (after !== null) return refusing(new ApiError(400, "invalid_request_error", ""));
      return received(bytesOf(events), 1e6);
    };

    const replay = await readToEnd({ ...lineOf().source, open }, screen());

    expect(replay?.text).toBe(words);
    expect(asked.at(-1)).toBeNull();
  });
});
