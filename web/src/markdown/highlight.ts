/** Colours for code. Plain text until the highlighter has arrived, and for languages it does not know. */
import { signal } from "@preact/signals";
import type { HLJSApi } from "highlight.js";
import { sanitiseColours } from "./sanitise";

// Highlighting is linear but slow; longer code stays plain rather than freeze the page.
const mostChars = 60_000;

export const highlighter = signal<HLJSApi | null>(null);
let asked = false;

/** Fetches the highlighter; every shown code follows when it is there. */
export function wantHighlighter(): void {
  if (asked) return;
  asked = true;
  import("./languages").then(
    (module) => {
      highlighter.value = module.default;
    },
    () => {
      asked = false;
    },
  );
}

/** The code as nodes with classes for colours. */
export function highlight(code: string, language: string, highlighterNow: HLJSApi | null): Node {
  const known = highlighterNow !== null && language !== "" && highlighterNow.getLanguage(language) !== undefined;
  if (!known || code.length > mostChars) return document.createTextNode(code);
  return sanitiseColours(highlighterNow.highlight(code, { language, ignoreIllegals: true }).value);
}
