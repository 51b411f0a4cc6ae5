/** An API key as the list shows it. */
import { ApiError } from "../api/http";
import type { WireKey } from "../api/wire";
import { calendarDays } from "../kit/days";
import { text } from "../text";

/** What can be chosen, in days; null stays until it is revoked. */
export const lifetimes: readonly (number | null)[] = [30, 90, 365, null];
export const usualLifetime = 90;

export interface Fact {
  readonly words: string;
  /** The whole date, for who points at it. */
  readonly full: string | null;
}

const dayMs = 86_400_000;

/** When it was made, last used and will end, seen from `now` (ms). */
export function factsOf(key: WireKey, now: number): Fact[] {
  return [
    localFact(text.keys.created, key.created_at * 1000, now),
    key.last_used_on === null ? { words: text.keys.neverUsed, full: null } : usedFact(key.last_used_on, now),
    key.expires_at === null
      ? { words: text.keys.staysOn, full: null }
      : localFact(text.keys.expires, key.expires_at * 1000, now),
  ];
}

function localFact(words: (day: string) => string, time: number, now: number): Fact {
  return { words: words(text.dayAway(calendarDays(now, time), time)), full: text.fullTime(time) };
}

/** The server knows only the day, and that in UTC: so today is UTC's as well. */
function usedFact(day: string, now: number): Fact {
  const time = Date.parse(`${day}T00:00:00Z`);
  const away = Math.round(time / dayMs) - Math.floor(now / dayMs);
  return { words: text.keys.lastUsed(text.dayAway(away, time, "UTC")), full: text.keys.utcDay(time) };
}

const byCode: Readonly<Record<string, string>> = {
  api_key_limit_reached: text.keys.problems.limit,
  network: text.keys.problems.network,
};

/** A plain sentence for a key that could not be made or revoked. */
export function keyProblem(error: unknown, otherwise: string): string {
  return (error instanceof ApiError ? byCode[error.code] : undefined) ?? otherwise;
}

/** Whether a key is gone although revoking it failed: it was revoked elsewhere. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
