/** What the reader may do besides chatting. */
import { computed, signal } from "@preact/signals";
import { callJson } from "./api/http";
import type { WireMe } from "./api/wire";
import { person } from "./auth/session";

// The server's word; which claim of a token says so is the deployment's matter.
const said = signal<readonly string[] | null>(null);
// Until it is asked, which costs everybody a request, the groups of the sign-in tell as much where they are Cognito's.
const roles = computed(() => said.value ?? person.value?.groups ?? []);

export const isAdmin = computed(() => roles.value.includes("admin"));
export const mayReview = computed(() => isAdmin.value || roles.value.includes("reviewer"));

/** Asks the server once. Where that fails nothing is offered beyond what was; the server decides in any case. */
export async function loadRoles(): Promise<void> {
  if (said.value !== null) return;
  const me = await callJson<WireMe>("/v1/me").catch(() => null);
  if (me) said.value = me.roles;
}
