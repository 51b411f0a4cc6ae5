/** The sidebar's list: newest activity first, read page by page. */
import { computed, signal } from "@preact/signals";
import * as api from "../api/conversations";
import { ApiError } from "../api/http";
import type { WireConversation } from "../api/wire";
import { toast } from "../kit/toasts";
import { text } from "../text";
import { markUnread } from "./unread";

export interface Conversation {
  readonly id: string;
  readonly title: string | null;
  /** Last activity, ms. */
  readonly at: number;
}

const pageSize = 30;
const all = signal<readonly Conversation[]>([]);
const hidden = signal<ReadonlySet<string>>(new Set());

/** What the sidebar shows; those waiting for their deletion are left out. */
export const conversations = computed(() => all.value.filter((entry) => !hidden.value.has(entry.id)));
export const listPhase = signal<"first" | "loading" | "idle" | "failed">("first");
export const hasMore = signal(true);
let after: string | null = null;

function fromWire(wire: WireConversation): Conversation {
  return { id: wire.id, title: wire.title, at: wire.updated_at * 1000 };
}

/** Puts the entries in, each once, newest first. */
export function merge(known: readonly Conversation[], fresh: readonly Conversation[]): Conversation[] {
  const byId = new Map(known.map((entry) => [entry.id, entry]));
  for (const entry of fresh) byId.set(entry.id, entry);
  return [...byId.values()].sort((a, b) => b.at - a.at);
}

/** Reads the next page; does nothing while one is on its way. */
export async function loadMore(): Promise<void> {
  if (listPhase.value === "loading" || !hasMore.value) return;
  listPhase.value = "loading";
  try {
    const page = await api.listConversations(pageSize, after);
    all.value = merge(all.value, page.data.map(fromWire));
    after = page.last_id ?? after;
    hasMore.value = page.has_more && page.data.length > 0;
    listPhase.value = "idle";
  } catch {
    listPhase.value = "failed";
  }
}

/** Reads the newest page again and marks what was answered elsewhere meanwhile. */
export async function refresh(openNow: string | null): Promise<void> {
  if (listPhase.value === "first" || listPhase.value === "failed") return loadMore();
  const page = await api.listConversations(pageSize, null).catch(() => null);
  if (!page) return;
  const known = new Map(all.value.map((entry) => [entry.id, entry.at]));
  const fresh = page.data.map(fromWire);
  for (const entry of fresh) {
    const before = known.get(entry.id);
    if (before !== undefined && entry.at > before + 1000 && entry.id !== openNow) markUnread(entry.id);
  }
  all.value = merge(all.value, fresh);
}

export function titleOf(id: string | null): string | null {
  return all.value.find((entry) => entry.id === id)?.title ?? null;
}

/** Puts a new conversation into the list, under a title of ours until the server's is known. */
export function add(id: string, title: string): void {
  all.value = merge(all.value, [{ id, title, at: Date.now() }]);
}

/** Puts a conversation first, because something was said in it now. One deleted meanwhile stays away. */
export function touch(id: string): void {
  const known = all.value.find((entry) => entry.id === id);
  if (known) all.value = merge(all.value, [{ ...known, at: Date.now() }]);
}

/** Reads one conversation that a link led to and the list has not reached yet. */
export async function learn(id: string): Promise<void> {
  const wire = await api.getConversation(id).catch(() => null);
  if (wire) all.value = merge(all.value, [fromWire(wire)]);
}

/** Forgets a conversation that is gone on the server. */
export function drop(id: string): void {
  all.value = all.value.filter((entry) => entry.id !== id);
}

export async function rename(id: string, title: string): Promise<void> {
  const before = all.value;
  const wanted = title.trim();
  if (wanted === "" || wanted === titleOf(id)) return;
  all.value = before.map((entry) => (entry.id === id ? { ...entry, title: wanted } : entry));
  try {
    await api.renameConversation(id, wanted);
  } catch {
    all.value = all.value.map((entry) => before.find((old) => old.id === entry.id) ?? entry);
    toast(text.conversation.renameFailed);
  }
}

const undoMs = 6000;

/** Hides the conversation now and deletes it when the chance to undo has passed. */
export function removeWithUndo(id: string, onUndo: () => void): void {
  hide(id, true);
  toast(text.conversation.deleted, {
    ms: undoMs,
    onEnd: () => void removeNow(id),
    action: {
      label: text.conversation.undo,
      run: () => {
        hide(id, false);
        onUndo();
      },
    },
  });
}

async function removeNow(id: string): Promise<void> {
  try {
    await api.deleteConversation(id);
    drop(id);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return drop(id);
    toast(text.conversation.deleteFailed);
  }
  hide(id, false);
}

function hide(id: string, away: boolean): void {
  const next = new Set(hidden.value);
  if (away) next.add(id);
  else next.delete(id);
  hidden.value = next;
}

/** Sends what still waits for its undo to pass. */
export function flushRemovals(): void {
  for (const id of hidden.value) api.deleteConversationOnLeaving(id);
}

window.addEventListener("pagehide", flushRemovals);
