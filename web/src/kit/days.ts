/** Groups what has a time under the words of a calendar: today, yesterday, the last seven days … */

export type DayGroup =
  | { readonly kind: "today" | "yesterday" | "week" | "month" }
  | { readonly kind: "older"; readonly year: number; readonly month: number };

const dayMs = 86_400_000;

function startOfDay(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

/** From one time to another in the reader's own calendar days; negative where `to` is earlier. */
export function calendarDays(from: number, to: number): number {
  // Rounding: a day with a clock change has 23 or 25 hours.
  return Math.round((startOfDay(to) - startOfDay(from)) / dayMs);
}

/** Where a time falls, seen from `now`, both in ms; by the reader's own calendar days. */
export function dayGroupOf(time: number, now: number): DayGroup {
  const days = calendarDays(time, now);
  if (days <= 0) return { kind: "today" };
  if (days === 1) return { kind: "yesterday" };
  if (days <= 7) return { kind: "week" };
  if (days <= 30) return { kind: "month" };
  const date = new Date(time);
  return { kind: "older", year: date.getFullYear(), month: date.getMonth() };
}

function keyOf(group: DayGroup): string {
  return group.kind === "older" ? `${group.year}-${group.month}` : group.kind;
}

export interface Grouped<T> {
  readonly key: string;
  readonly group: DayGroup;
  readonly entries: readonly T[];
}

/** The entries, newest first as given, in runs of one group each. */
export function groupByDay<T>(entries: readonly T[], timeOf: (entry: T) => number, now: number): Grouped<T>[] {
  const groups = new Map<string, { key: string; group: DayGroup; entries: T[] }>();
  for (const entry of entries) {
    const group = dayGroupOf(timeOf(entry), now);
    const key = keyOf(group);
    const known = groups.get(key);
    if (known) known.entries.push(entry);
    else groups.set(key, { key, group, entries: [entry] });
  }
  return [...groups.values()];
}
