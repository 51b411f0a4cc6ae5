/** The keyboard: what it does everywhere, and the list of it. */
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { text } from "../text";
import { current } from "../threads/current";
import { stop } from "../threads/stop";
import { Dialog } from "./dialog";
import { drawerOpen, shortcutsOpen, wantSearch } from "./frame";
import { startChat } from "./sidebar";

function onKeyDown(event: KeyboardEvent): void {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && !event.shiftKey && key === "k") take(event, wantSearch);
  else if (command && event.shiftKey && key === "o") take(event, startChat);
  else if (command && key === "/") take(event, toggleList);
  else if (event.key === "Escape" && !event.defaultPrevented) onEscape();
}

function take(event: KeyboardEvent, run: () => void): void {
  event.preventDefault();
  run();
}

function toggleList(): void {
  shortcutsOpen.value = !shortcutsOpen.value;
}

function onEscape(): void {
  // What lies on top closes first, by itself.
  if (document.querySelector(":popover-open, dialog[open]")) return;
  if (drawerOpen.value) drawerOpen.value = false;
  else stop(current.value);
}

export function useShortcuts(): void {
  useEffect(() => {
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
}

export function ShortcutList(): VNode {
  return (
    <Dialog title={text.shortcuts.title} open={shortcutsOpen.value} close={() => (shortcutsOpen.value = false)}>
      <dl>
        {text.shortcuts.entries.map(({ keys, does }) => (
          <div key={does}>
            <dt>{does}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
