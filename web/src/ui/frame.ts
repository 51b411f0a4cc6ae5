/** The page's frame: is the sidebar open, narrow, or a drawer over the conversation? */
import { signal } from "@preact/signals";
import { keep, local } from "../kit/storage";

const name = "parley.sidebar";
const narrow = window.matchMedia("(max-width: 48rem)");

/** Whether the window is so narrow that the sidebar lies over the column. */
export const isPhone = signal(narrow.matches);
export const drawerOpen = signal(false);
/** On a wide window: the sidebar shows icons only. */
export const collapsed = signal(local.getItem(name) === "collapsed");
export const shortcutsOpen = signal(false);
export const keysOpen = signal(false);
/** Counts the wishes to search, to write; whoever can, takes the focus. */
export const searchWanted = signal(0);
export const writingWanted = signal(0);

narrow.addEventListener("change", () => {
  isPhone.value = narrow.matches;
  drawerOpen.value = false;
});

export function setCollapsed(value: boolean): void {
  collapsed.value = value;
  keep(name, value ? "collapsed" : "open");
}

export function wantSearch(): void {
  if (isPhone.value) drawerOpen.value = true;
  else setCollapsed(false);
  searchWanted.value += 1;
}

export function wantWriting(): void {
  drawerOpen.value = false;
  writingWanted.value += 1;
}
