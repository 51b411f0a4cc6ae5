/** An answer's markdown. Blocks whose source did not change are left alone. */
import { render, type VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { memo } from "../kit/memo";
import { type Block, noBlocks, toBlocks } from "../markdown/blocks";
import { sanitise } from "../markdown/sanitise";
import { Code } from "./code";

interface Props {
  readonly source: string;
  /** Whether more may follow: then only the end is read again. */
  readonly growing: boolean;
}

export function Markdown({ source, growing }: Props): VNode {
  const before = useRef(noBlocks);
  before.current = toBlocks(source, growing ? before.current : noBlocks);
  return (
    <div class="prose">
      {before.current.blocks.map((block, index) => (
        // A block is its place in the text.
        <BlockView key={index} {...viewOf(block)} />
      ))}
    </div>
  );
}

type View = { readonly html: string } | { readonly code: string; readonly language: string };

function viewOf(block: Block): View {
  return block.kind === "html" ? { html: block.html } : { code: block.text, language: block.language };
}

const BlockView = memo((view: View): VNode => ("html" in view ? <Html html={view.html} /> : <Code {...view} />));

function Html({ html }: { readonly html: string }): VNode {
  const target = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = target.current;
    if (!element) return;
    const fragment = sanitise(html);
    const hosts = frameCode(fragment);
    for (const table of fragment.querySelectorAll("table")) frameTable(table);
    element.replaceChildren(fragment);
    return () => {
      for (const host of hosts) render(null, host);
    };
  }, [html]);
  return <div ref={target} class="block" dir="auto" />;
}

/** Code inside lists and quotes gets the same frame as code of its own. Returns what to unmount later. */
function frameCode(fragment: DocumentFragment): HTMLElement[] {
  return [...fragment.querySelectorAll("pre")].map((pre) => {
    const host = document.createElement("div");
    const language = pre.querySelector("code")?.lang ?? "";
    pre.replaceWith(host);
    render(<Code code={pre.textContent.replace(/\n$/, "")} language={language} />, host);
    return host;
  });
}

/** A wide table scrolls by itself instead of widening the page. */
function frameTable(table: HTMLTableElement): void {
  const frame = document.createElement("div");
  frame.className = "table-frame";
  frame.tabIndex = 0;
  table.replaceWith(frame);
  frame.append(table);
}
