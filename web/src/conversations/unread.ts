/** Conversations with an answer the reader has not seen. */
import { signal } from "@preact/signals";
import { keep, local } from "../kit/storage";

const name = "parley.unread";

function stored(): string[] {
  try {
    const ids: unknown = JSON.parse(local.getItem(name) ?? "[]");
    return Array.isArray(ids) ? ids.map(String) : [];
  } catch {
    return [];
  }
}

export const unread = signal<ReadonlySet<string>>(new Set(stored()));

function set(ids: Set<string>): void {
  unread.value = ids;
  keep(name, JSON.stringify([...ids].slice(-200)));
}

export function markUnread(id: string): void {
  set(new Set(unread.value).add(id));
}

export function markRead(id: string): void {
  if (!unread.value.has(id)) return;
  const ids = new Set(unread.value);
  ids.delete(id);
  set(ids);
}
