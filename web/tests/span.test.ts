import { describe, expect, it } from "vitest";
import { earlier, followed, later, mostCount, shifted, tail } from "../src/threads/span";

describe("the mounted messages", () => {
  it("are the last sixty at first, or all where there are fewer", () => {
    expect(tail(2000)).toEqual({ from: 1940, to: 2000 });
    expect(tail(7)).toEqual({ from: 0, to: 7 });
  });

  it("never become more than the most, up to the first message and back down to the last", () => {
    let span = tail(2000);
    while (span.from > 0) {
      span = earlier(span);
      expect(span.to - span.from).toBeLessThanOrEqual(mostCount);
    }
    while (span.to < 2000) {
      span = later(span, 2000);
      expect(span.to - span.from).toBeLessThanOrEqual(mostCount);
    }
    expect(span.to).toBe(2000);
  });

  it("stay the same ones when earlier messages are put in front", () => {
    expect(shifted({ from: 0, to: 60 }, 60)).toEqual({ from: 60, to: 120 });
  });

  it("follow the end only where they showed it", () => {
    expect(followed({ from: 1940, to: 2000 }, 2000, 2002)).toEqual({ from: 1940, to: 2002 });
    expect(followed({ from: 100, to: 280 }, 2000, 2002)).toEqual({ from: 100, to: 280 });
  });

  it("start over where the list was cut above them", () => {
    expect(followed({ from: 1940, to: 2000 }, 2000, 10)).toEqual({ from: 0, to: 10 });
  });
});
