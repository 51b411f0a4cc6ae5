/** Turns a failure into a plain sentence with what helps. */
import { ApiError } from "../api/http";
import { text } from "../text";

export interface Problem {
  readonly sentence: string;
  /** Whether sending the same again may work. */
  readonly again: boolean;
}

const byCode: Readonly<Record<string, string>> = text.problems as unknown as Record<string, string>;
const notAgain = new Set([
  "request_too_large",
  "context_length_exceeded",
  "content_policy_violation",
  "model_not_found",
  "not_found",
]);

export function problemOf(error: unknown): Problem {
  if (!(error instanceof ApiError)) return { sentence: text.problems.server, again: true };
  const sentence = Object.hasOwn(byCode, error.code) ? byCode[error.code] : undefined;
  const wait = error.retryAfterS === null ? "" : ` ${text.problems.waitSeconds(error.retryAfterS)}`;
  return {
    sentence: (typeof sentence === "string" ? sentence : byStatus(error.status)) + wait,
    again: !notAgain.has(error.code),
  };
}

function byStatus(status: number): string {
  if (status === 0) return text.problems.network;
  if (status === 413) return text.problems.request_too_large;
  if (status === 429) return text.problems.rate_limit_exceeded;
  if (status === 503) return text.problems.busy;
  return status >= 500 ? text.problems.server : text.problems.refused;
}
