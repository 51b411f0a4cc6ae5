/** The list of reviews as the reviewer filters it, read page by page. */
import { batch, signal } from "@preact/signals";
import { ApiError } from "../api/http";
import type { WireReviewState } from "../api/wire";
import { listReviews } from "./calls";
import type { Side, WireReview } from "./wire";

export interface Filters {
  readonly state: WireReviewState | "all";
  readonly side: Side | "";
  readonly category: string;
  /** Only those somebody asked for. */
  readonly appealed: boolean;
  /** Only those that no classifier judged in time. */
  readonly unjudged: boolean;
}

export const noFilters: Filters = { state: "open", side: "", category: "", appealed: false, unjudged: false };
export const pageSize = 20;

export const filters = signal<Filters>(noFilters);
export const rows = signal<readonly WireReview[]>([]);
export const hasMore = signal(true);
/** "refused": the reader is no reviewer. */
export const phase = signal<"new" | "loading" | "idle" | "failed" | "refused">("new");
let after: string | null = null;
// What was asked before the filters changed answers a question nobody asks any more.
let round = 0;

/** What is asked of the server: the oldest first where somebody waits, else the newest. */
export function queryOf({ state, side, category, appealed, unjudged }: Filters, from: string | null): URLSearchParams {
  const waits = state === "open" || state === "escalated";
  const query = new URLSearchParams({ state, order: waits ? "asc" : "desc", limit: String(pageSize) });
  if (side) query.set("side", side);
  if (category) query.set("category", category);
  if (appealed) query.set("appealed", "true");
  if (unjudged) query.set("unjudged", "true");
  if (from) query.set("after", from);
  return query;
}

/** Reads the list anew, under other filters or the same. */
export function load(change: Partial<Filters> = {}): Promise<void> {
  round += 1;
  after = null;
  batch(() => {
    filters.value = { ...filters.value, ...change };
    rows.value = [];
    hasMore.value = true;
    phase.value = "new";
  });
  return loadMore();
}

/** Reads the next page; does nothing while one is on its way. */
export async function loadMore(): Promise<void> {
  if (phase.value === "loading" || !hasMore.value) return;
  const asked = round;
  phase.value = "loading";
  try {
    const page = await listReviews(queryOf(filters.value, after));
    if (asked !== round) return;
    const known = new Set(rows.value.map(({ id }) => id));
    batch(() => {
      rows.value = [...rows.value, ...page.data.filter(({ id }) => !known.has(id))];
      hasMore.value = page.has_more && page.data.length > 0;
      phase.value = "idle";
    });
    after = page.last_id ?? after;
  } catch (error) {
    if (asked === round) phase.value = isRefusal(error) ? "refused" : "failed";
  }
}

export function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403;
}

/** The id of the review that comes behind this one, "" at the end; read on for where need be. */
export async function nextAfter(id: string): Promise<string> {
  if (phase.value === "new") await load();
  if (behind(id) === "" && hasMore.value) await loadMore();
  return behind(id);
}

function behind(id: string): string {
  const at = rows.value.findIndex((row) => row.id === id);
  // One that the list does not have was reached by a link: the queue begins at its head.
  return rows.value[at + 1]?.id ?? "";
}

/** Shows what became of a review; one that the filters do not ask for any more leaves the list. */
export function note(review: WireReview): void {
  const { state } = filters.value;
  const stays = state === "all" || state === review.state;
  rows.value = rows.value.flatMap((row) => (row.id !== review.id ? [row] : stays ? [{ ...row, ...review }] : []));
}
