import { describe, expect, it } from "vitest";
import { dayGroupOf, groupByDay } from "../src/kit/days";

const now = new Date(2026, 10, 22, 0, 30).getTime();
const at = (...parts: [number, number, number, number?, number?]) => new Date(...parts).getTime();

describe("the day of a conversation", () => {
  it.each([
    ["today", at(2026, 10, 22, 0, 1)],
    ["today", now + 60_000],
    ["yesterday", at(2026, 10, 21, 23, 59)],
    ["yesterday", at(2026, 10, 21, 0, 0)],
    ["week", at(2026, 10, 20, 23, 59)],
    ["week", at(2026, 10, 15, 0, 0)],
    ["month", at(2026, 10, 14, 23, 59)],
    ["month", at(2026, 9, 23, 0, 0)],
  ])("is %s by the calendar, not by hours", (kind, time) => {
    expect(dayGroupOf(time, now)).toEqual({ kind });
  });

  it("is a month of a year further back", () => {
    expect(dayGroupOf(at(2026, 9, 22), now)).toEqual({ kind: "older", year: 2026, month: 9 });
    expect(dayGroupOf(at(2025, 11, 31), now)).toEqual({ kind: "older", year: 2025, month: 11 });
  });

  it("keeps the order inside its group", () => {
    const times = [now, now - 1000, at(2026, 10, 21), at(2025, 1, 3), at(2025, 1, 2), at(2025, 0, 1)];
    const groups = groupByDay(times, (time) => time, now);
    expect(groups.map((group) => [group.key, group.entries.length])).toEqual([
      ["today", 2],
      ["yesterday", 1],
      ["2025-1", 2],
      ["2025-0", 1],
    ]);
    expect(groups.flatMap((group) => group.entries)).toEqual(times);
  });
});
