/** The calls of reviewers. */
import { callJson } from "../api/http";
import type { WirePage } from "../api/wire";
import type { Decision, WireLabel, WireReview, WireWholeReview } from "./wire";

const base = "/v1/admin/reviews";

export function listReviews(query: URLSearchParams): Promise<WirePage<WireReview>> {
  return callJson(`${base}?${query}`);
}

export function getReview(id: string): Promise<WireWholeReview> {
  return callJson(`${base}/${id}`);
}

export function decide(id: string, decision: Decision, note: string | null): Promise<WireReview> {
  return callJson(`${base}/${id}/decision`, { method: "POST", body: { decision, note } });
}

export function listLabels(limit: number, after: string | null): Promise<WirePage<WireLabel>> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (after) query.set("after", after);
  return callJson(`${base}/labels?${query}`);
}
