import "./styles/index.css";
import { render } from "preact";
import { sessionState, startSession } from "./auth/session";
import { learn, refresh, titleOf } from "./conversations/list";
import { online } from "./kit/network";
import { onTold } from "./kit/tabs";
import { loadModels } from "./models";
import { openId, rereadAddress } from "./router";
import { text } from "./text";
import { followAddress, reloadCurrent } from "./threads/current";
import { App } from "./ui/app";

const refreshMs = 10_000;
let refreshedAt = 0;

/** Brings the list, the models and the open conversation up to date. */
function catchUp(): void {
  if (document.hidden || sessionState.value !== "in" || Date.now() - refreshedAt < refreshMs) return;
  refreshedAt = Date.now();
  void refresh(openId.value);
  void loadModels();
  reloadCurrent();
}

// Calls wait for the token by themselves, so that all of this runs while it is being fetched.
async function begin(): Promise<void> {
  followAddress();
  refreshedAt = Date.now();
  void loadModels();
  await refresh(openId.value);
  const id = openId.value;
  if (id && titleOf(id) === null) await learn(id);
}

document.documentElement.lang = text.language;
document.documentElement.dir = text.direction;

// First of all: its requests travel while the page is drawn.
const session = startSession();
const begun = location.pathname === "/callback" ? session.then(rereadAddress).then(begin) : begin();

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}

/** Another tab has asked something: who looks at it here sees the answer as it comes. */
function catchUpWith(id: string): void {
  if (sessionState.value !== "in") return;
  if (document.hidden) refreshedAt = 0;
  else if (openId.value === id) reloadCurrent();
  else void learn(id);
}

onTold(catchUpWith);
document.addEventListener("visibilitychange", catchUp);
window.addEventListener("focus", catchUp);
online.subscribe((isOnline) => {
  if (!isOnline) return;
  refreshedAt = 0;
  catchUp();
});

// Not awaited: what is fetched later shares this file's code, and would wait for its end.
void begun;
