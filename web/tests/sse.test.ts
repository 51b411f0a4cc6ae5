import { describe, expect, it } from "vitest";
import { EventParser, readEvents } from "../src/api/sse";

const stream = [
  ": keep-alive\n\n",
  'data: {"text":"héllo 👋"}\n\n',
  "event: message\r\ndata: one\r\ndata: two\r\n\r\n",
  "data:tight\rdata: \r\r",
  "id: 7\nretry: 10\n\n",
  "data: [DONE]\n\n",
].join("");
const events = ['{"text":"héllo 👋"}', "one\ntwo", "tight\n", "[DONE]"];

async function* chunked(bytes: Uint8Array, ...cuts: number[]): AsyncGenerator<Uint8Array> {
  const ends = [...cuts, bytes.length];
  let from = 0;
  for (const to of ends) {
    yield bytes.slice(from, to);
    from = to;
  }
}

async function read(chunks: AsyncIterable<Uint8Array>): Promise<string[]> {
  const found: string[] = [];
  for await (const event of readEvents(chunks)) found.push(event);
  return found;
}

describe("a stream of events", () => {
  const bytes = new TextEncoder().encode(stream);

  it("is read the same wherever its bytes are split in two", async () => {
    for (let cut = 0; cut <= bytes.length; cut++) expect(await read(chunked(bytes, cut))).toEqual(events);
  });

  it("is read the same byte by byte", async () => {
    const cuts = Array.from(bytes.keys());
    expect(await read(chunked(bytes, ...cuts))).toEqual(events);
  });

  it("drops an event that was cut off", async () => {
    const whole = new TextEncoder().encode("data: one\n\ndata: tw");
    expect(await read(chunked(whole))).toEqual(["one"]);
  });

  it("has no event for comments, names and ids alone", () => {
    expect(new EventParser().push(": hello\n\nevent: x\n\nid: 1\n\n")).toEqual([]);
  });
});
