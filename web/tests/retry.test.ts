import { expect, it } from "vitest";
import { ApiError } from "../src/api/http";
import { waitBeforeRetry } from "../src/threads/retry";

const lost = new ApiError(0, "network", "");
const busy = (retryAfterS: number | null) => new ApiError(503, "engine_unavailable", "", retryAfterS);

it("a lost line is tried again a few times within ten seconds", () => {
  const waits = [1, 2, 3, 4].map((tries) => waitBeforeRetry(lost, tries));
  expect(waits).toEqual([1000, 3000, 5000, null]);
});

it("a busy server is given the time it asks for, unless the reader had better know", () => {
  expect(waitBeforeRetry(busy(null), 1)).toBe(1000);
  expect(waitBeforeRetry(busy(4), 1)).toBe(4000);
  expect(waitBeforeRetry(busy(30), 1)).toBeNull();
});

it("a refusal is told at once", () => {
  for (const status of [400, 401, 404, 409, 413, 429, 500]) {
    expect(waitBeforeRetry(new ApiError(status, "x", ""), 1)).toBeNull();
  }
  expect(waitBeforeRetry(new TypeError("a bug"), 1)).toBeNull();
});
