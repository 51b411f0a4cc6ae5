/** Whether, and when, what could not be sent is sent again without asking. */
import { ApiError } from "../api/http";

export const mostTries = 4;
const firstMs = 1000;
// Who has to wait longer is told so instead.
const longestMs = 5000;
const passing = new Set([0, 502, 503, 504]);

/** How long to wait before the next try; null where the failure is for the reader. `tries` have been made. */
export function waitBeforeRetry(error: unknown, tries: number): number | null {
  if (!(error instanceof ApiError) || !passing.has(error.status) || tries >= mostTries) return null;
  const wantedMs = (error.retryAfterS ?? 0) * 1000;
  const ms = Math.max(wantedMs, firstMs * (2 * tries - 1));
  return ms <= longestMs ? ms : null;
}
