/** The history's calls. */
import { callJson, callOnLeaving } from "./http";
import type { WireAppeal, WireConversation, WireItem, WirePage } from "./wire";

const base = "/v1/conversations";

export function createConversation(): Promise<WireConversation> {
  return callJson(base, { method: "POST", body: {} });
}

export function listConversations(limit: number, after: string | null): Promise<WirePage<WireConversation>> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (after) query.set("after", after);
  return callJson(`${base}?${query}`);
}

export function getConversation(id: string): Promise<WireConversation> {
  return callJson(`${base}/${id}`);
}

export function renameConversation(id: string, title: string): Promise<WireConversation> {
  return callJson(`${base}/${id}`, { method: "POST", body: { title } });
}

export async function deleteConversation(id: string): Promise<void> {
  await callJson(`${base}/${id}`, { method: "DELETE" });
}

export function deleteConversationOnLeaving(id: string): void {
  callOnLeaving(`${base}/${id}`, { method: "DELETE" });
}

/** Items newest first; `after` the oldest one known gives those before it. */
export function listItems(id: string, limit: number, after: string | null): Promise<WirePage<WireItem>> {
  const query = new URLSearchParams({ limit: String(limit), order: "desc" });
  if (after) query.set("after", after);
  return callJson(`${base}/${id}/items?${query}`);
}

/** Asks that a person looks at an item that was blocked; again changes nothing. */
export function appealItem(id: string, itemId: string, note: string | null): Promise<WireAppeal> {
  return callJson(`${base}/${id}/items/${itemId}/appeal`, { method: "POST", body: { note } });
}
