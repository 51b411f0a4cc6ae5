import "./styles/index.css";
import { render } from "preact";
import { sessionState, startSession } from "./auth/session";
import { learn, refresh, titleOf } from "./conversations/list";
import { online } from "./kit/network";
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

document.addEventListener("visibilitychange", catchUp);
window.addEventListener("focus", catchUp);
online.subscribe((isOnline) => {
  if (!isOnline) return;
  refreshedAt = 0;
  catchUp();
});

await Promise.all([session, begun]);
