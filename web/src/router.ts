/** The address bar: "/" is a new chat, "/c/<id>" a kept one. */
import { signal } from "@preact/signals";

function read(): string | null {
  return /^\/c\/(conv_[0-9a-z]+)$/i.exec(location.pathname)?.[1] ?? null;
}

/** The id of the open conversation; null for a new chat. */
export const openId = signal<string | null>(read());

window.addEventListener("popstate", () => {
  openId.value = read();
});

/** Reads the address again, after sign-in put back the one the reader came for. */
export function rereadAddress(): void {
  openId.value = read();
}

export function addressOf(id: string | null): string {
  return id ? `/c/${id}` : "/";
}

export function go(id: string | null): void {
  if (location.pathname !== addressOf(id)) history.pushState(null, "", addressOf(id));
  openId.value = id;
}
