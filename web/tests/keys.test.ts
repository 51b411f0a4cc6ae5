import { describe, expect, it } from "vitest";
import { ApiError } from "../src/api/http";
import type { WireKey } from "../src/api/wire";
import { factsOf, isGone, keyProblem } from "../src/keys/key";
import { text } from "../src/text";

const now = new Date(2026, 10, 22, 12).getTime();
const dayMs = 86_400_000;
const key: WireKey = {
  ...{ id: "key_1", name: "laptop", redacted_value: "sk-parley-...wxyz" },
  ...{ created_at: now / 1000, expires_at: null, last_used_on: null },
};
const wordsOf = (changes: Partial<WireKey>, at = now) => factsOf({ ...key, ...changes }, at).map(({ words }) => words);

describe("what the list says of a key", () => {
  it("one just made is new, unused and stays", () => {
    expect(wordsOf({})).toEqual(["Created today", "Never used", "Does not expire"]);
  });

  it("near days are counted and far ones are dates", () => {
    expect(wordsOf({ expires_at: (now + 30 * dayMs) / 1000 })[2]).toBe("Expires in 30 days");
    expect(wordsOf({ expires_at: (now + 365 * dayMs) / 1000 })[2]).toBe("Expires Nov 22, 2027");
  });

  it("the day of its last use is UTC's, whatever the reader's clock says", () => {
    const justAfterMidnight = Date.parse("2026-11-22T00:30:00Z");
    expect(wordsOf({ last_used_on: "2026-11-22" }, justAfterMidnight)[1]).toBe("Last used today");
    expect(wordsOf({ last_used_on: "2026-11-21" }, justAfterMidnight)[1]).toBe("Last used yesterday");
    expect(wordsOf({ last_used_on: "2026-01-05" }, justAfterMidnight)[1]).toBe("Last used Jan 5, 2026");
  });
});

describe("a key that could not be made or revoked", () => {
  it("says what helps where the server says why", () => {
    expect(keyProblem(new ApiError(400, "api_key_limit_reached", ""), "other")).toBe(text.keys.problems.limit);
    expect(keyProblem(new ApiError(500, "unknown", ""), "other")).toBe("other");
    expect(keyProblem(new Error(), "other")).toBe("other");
  });

  it("is gone where the server does not know it any more", () => {
    expect(isGone(new ApiError(404, "not_found", ""))).toBe(true);
    expect(isGone(new ApiError(0, "network", ""))).toBe(false);
  });
});
