/** Who is signed in. Tokens live in memory only; a reload gets new ones without asking. */
import { signal } from "@preact/signals";
import { ErrorResponse, InMemoryWebStorage, type User, UserManager, WebStorageStateStore } from "oidc-client-ts";
import { forgetPerson, keep, local, perTab } from "../kit/storage";
import { type Config, loadConfig, signOutUrl } from "./config";

export type SessionState =
  | "starting" // not yet known
  | "in"
  | "out" // has to sign in
  | "ended" // was signed in; has to sign in again
  | "unreachable"; // the server does not answer; tried again by itself

export interface Person {
  readonly name: string;
  readonly email: string | null;
  readonly groups: readonly string[];
}

export const sessionState = signal<SessionState>("starting");
export const person = signal<Person | null>(null);

/** Whether somebody was signed in when the page was last open: then the page shows at once, while the token is fetched. */
export function wasSignedIn(): boolean {
  return local.getItem(markName) !== null;
}

const markName = "parley.person";
const retryMs = [500, 1000, 2000, 5000, 10_000];

let config: Config | null = null;
let manager: UserManager | null = null;
let user: User | null = null;
let renewal: Promise<User> | null = null;
let waiting: { resolve: (user: User) => void }[] = [];

/** Signs in without asking where possible. Ends when it is known whether somebody is signed in. */
export async function startSession(): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await trySession();
    } catch {
      sessionState.value = "unreachable";
      await pause(retryMs[Math.min(attempt, retryMs.length - 1)] ?? 10_000);
    }
  }
}

async function trySession(): Promise<void> {
  config ??= await loadConfig();
  manager ??= createManager(config);
  if (location.pathname === "/callback") return await finishRedirect(manager);
  if (!wasSignedIn()) {
    sessionState.value = "out";
  } else if (config.silent_frame) {
    await signInByFrame(manager);
  } else {
    await signIn();
  }
}

function createManager(settings: Config): UserManager {
  return new UserManager({
    authority: settings.authority,
    client_id: settings.client_id,
    scope: settings.scope,
    redirect_uri: `${location.origin}/callback`,
    silent_redirect_uri: `${location.origin}/silent`,
    post_logout_redirect_uri: `${location.origin}/`,
    userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    stateStore: new WebStorageStateStore({ store: perTab }),
    automaticSilentRenew: false,
    monitorSession: false,
    silentRequestTimeoutInSeconds: 8,
  });
}

async function finishRedirect(oidc: UserManager): Promise<void> {
  let target = "/";
  try {
    const signedIn = await oidc.signinRedirectCallback();
    target = (signedIn.state as { target?: string } | undefined)?.target ?? "/";
    accept(signedIn);
  } catch (error) {
    // An old or repeated callback address. A network failure is tried again by the caller.
    if (error instanceof TypeError) throw error;
    sessionState.value = "out";
  }
  history.replaceState(null, "", target);
}

async function signInByFrame(oidc: UserManager): Promise<void> {
  try {
    const signedIn = await oidc.signinSilent();
    if (signedIn) accept(signedIn);
    else sessionState.value = "ended";
  } catch (error) {
    if (!(error instanceof ErrorResponse)) throw error;
    sessionState.value = "ended";
  }
}

function accept(signedIn: User): void {
  const { profile } = signedIn;
  if (local.getItem(markName) !== profile.sub) forgetPerson();
  keep(markName, profile.sub);
  const groups = profile["cognito:groups"];
  person.value = {
    name: profile.name ?? profile.preferred_username ?? profile.email ?? profile.sub,
    email: profile.email ?? null,
    groups: Array.isArray(groups) ? groups.map(String) : [],
  };
  user = signedIn;
  sessionState.value = "in";
  for (const waiter of waiting) waiter.resolve(signedIn);
  waiting = [];
}

/** Goes to the issuer's sign-in page, and comes back to where the reader is. */
export async function signIn(): Promise<void> {
  const target = location.pathname === "/callback" ? "/" : location.pathname;
  await manager?.signinRedirect({ state: { target } });
}

export async function signOut(): Promise<void> {
  if (!manager || !config) return;
  forgetPerson();
  const url = signOutUrl(config, location.origin);
  if (url) location.assign(url);
  else await manager.signoutRedirect(user?.id_token ? { id_token_hint: user.id_token } : {});
}

/** A token that is valid for a while yet. Waits while nobody is signed in. */
export async function token(): Promise<string> {
  if (!user) return (await new Promise<User>((resolve) => waiting.push({ resolve }))).access_token;
  if ((user.expires_in ?? 60) < 30) return renewedToken();
  return user.access_token;
}

/** The token without waiting, for the moment the page is left. */
export function tokenNow(): string | null {
  return user?.access_token ?? null;
}

/** A fresh token, after the server refused the last one or shortly before it ends. Waits for a new sign-in where there is none. */
export async function renewedToken(): Promise<string> {
  renewal ??= renew().finally(() => {
    renewal = null;
  });
  return (await renewal).access_token;
}

async function renew(): Promise<User> {
  const renewed = await renewQuietly();
  if (renewed) {
    accept(renewed);
    return renewed;
  }
  user = null;
  sessionState.value = "ended";
  return new Promise((resolve) => waiting.push({ resolve }));
}

async function renewQuietly(): Promise<User | null> {
  if (!manager || !config) return null;
  const byRefresh = user?.refresh_token ? await manager.signinSilent().catch(() => null) : null;
  if (byRefresh || !config.silent_frame) return byRefresh;
  // Without a refresh token in memory the library asks through the frame.
  await manager.removeUser();
  return manager.signinSilent().catch(() => null);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    }
  });
}
