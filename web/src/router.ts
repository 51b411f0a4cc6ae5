/** The address bar: "/" is a new chat, "/c/<id>" a kept one, "/reviews" the queue of reviews, "/reviews/<id>" one of them. */
import { batch, signal } from "@preact/signals";

function read(): string | null {
  return /^\/c\/(conv_[0-9a-z]+)$/i.exec(location.pathname)?.[1] ?? null;
}

function readReview(): string | null {
  const found = /^\/reviews(?:\/(rev_[0-9a-z]+))?$/i.exec(location.pathname);
  return found ? (found[1] ?? "") : null;
}

/** The id of the open conversation; null for a new chat. */
export const openId = signal<string | null>(read());
/** The id of the open review, "" for their list; null where the page shows a chat. */
export const openReview = signal<string | null>(readReview());

window.addEventListener("popstate", rereadAddress);

/** Reads the address again, after it was changed by the browser, or sign-in put back the one the reader came for. */
export function rereadAddress(): void {
  show(read(), readReview());
}

export function addressOf(id: string | null): string {
  return id ? `/c/${id}` : "/";
}

export function addressOfReview(id: string): string {
  return id ? `/reviews/${id}` : "/reviews";
}

export function go(id: string | null): void {
  if (location.pathname !== addressOf(id)) history.pushState(null, "", addressOf(id));
  show(id, null);
}

/** Shows one review, or with "" their list. */
export function goReview(id: string): void {
  if (location.pathname !== addressOfReview(id)) history.pushState(null, "", addressOfReview(id));
  show(null, id);
}

function show(id: string | null, review: string | null): void {
  batch(() => {
    openId.value = id;
    openReview.value = review;
  });
}
