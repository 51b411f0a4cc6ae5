/** Short notes at the edge of the page, each with at most one action. */
import { signal } from "@preact/signals";

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly ms: number;
  readonly action: { readonly label: string; readonly run: () => void } | null;
  /** Runs once when the note goes without its action having been taken. */
  readonly onEnd: (() => void) | null;
}

const most = 3;
export const toasts = signal<readonly Toast[]>([]);
let last = 0;

/** Shows a note. It goes by itself after `ms`, counted only while nobody points at it. */
export function toast(text: string, options: Partial<Pick<Toast, "action" | "onEnd" | "ms">> = {}): void {
  last += 1;
  toasts.value = [...toasts.value, { id: last, text, ms: 5000, action: null, onEnd: null, ...options }];
  for (const old of toasts.value.slice(0, -most)) end(old);
}

export function end(toast: Toast): void {
  if (remove(toast)) toast.onEnd?.();
}

export function act(toast: Toast): void {
  if (remove(toast)) toast.action?.run();
}

function remove(toast: Toast): boolean {
  const rest = toasts.value.filter((entry) => entry.id !== toast.id);
  const found = rest.length < toasts.value.length;
  if (found) toasts.value = rest;
  return found;
}
