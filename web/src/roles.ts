/** What the reader may do besides chatting, as the server sees it: which claim of a token says so is the deployment's matter. */
import { computed, signal } from "@preact/signals";
import { callJson } from "./api/http";
import type { WireMe } from "./api/wire";

/** null until it is known. */
export const roles = signal<readonly string[] | null>(null);

export const isAdmin = computed(() => roles.value?.includes("admin") ?? false);
export const mayReview = computed(() => isAdmin.value || (roles.value?.includes("reviewer") ?? false));

/** Reads them once. Where that fails nothing more is offered than before; the server decides in any case. */
export async function loadRoles(): Promise<void> {
  if (roles.value !== null) return;
  const me = await callJson<WireMe>("/v1/me").catch(() => null);
  if (me) roles.value = me.roles;
}
