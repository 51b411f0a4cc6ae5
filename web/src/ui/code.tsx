/** A piece of code: its language, copy, a switch for wrapping, and a scroll of its own. */
import type { VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { highlight, highlighter, wantHighlighter } from "../markdown/highlight";
import { text } from "../text";
import { IconButton } from "./button";
import { CopyButton } from "./copy-button";

interface Props {
  readonly code: string;
  readonly language: string;
}

export function Code({ code, language }: Props): VNode {
  const target = useRef<HTMLElement>(null);
  const [wrap, setWrap] = useState(false);
  const highlighterNow = highlighter.value;
  useLayoutEffect(() => {
    if (language) wantHighlighter();
    target.current?.replaceChildren(highlight(code, language, highlighterNow));
  }, [code, language, highlighterNow]);
  const name = highlighterNow?.getLanguage(language)?.name ?? language;
  const label = name.split(",", 1)[0] || text.code.plain;
  return (
    <figure class="code" dir="ltr">
      <figcaption>
        <span>{label}</span>
        <IconButton icon="wrap" label={text.code.wrap} aria-pressed={wrap} onClick={() => setWrap(!wrap)} />
        <CopyButton label={text.code.copy} read={() => code} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable from the keyboard */}
      <pre class={wrap ? "wrapped" : ""} tabIndex={0}>
        <code ref={target} />
      </pre>
    </figure>
  );
}
