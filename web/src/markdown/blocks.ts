/** Markdown cut into its top-level blocks, so that a growing answer re-renders only its last one. */
import { Marked, type Token, type TokensList } from "marked";

const marked = new Marked({ gfm: true, breaks: true, async: false });

/** A piece of an answer: code, which gets a frame and buttons of its own, or HTML that is not yet sanitised. */
export type Block =
  | {
      readonly kind: "code";
      readonly raw: string;
      readonly text: string;
      readonly language: string;
      readonly open: boolean;
    }
  | { readonly kind: "html"; readonly raw: string; readonly html: string };

export interface Blocks {
  readonly source: string;
  readonly blocks: readonly Block[];
  /** How much of the source the blocks before the last one cover: later text cannot change those. */
  readonly stableChars: number;
}

export const noBlocks: Blocks = { source: "", blocks: [], stableChars: 0 };

/** The blocks of `source`; where it continues `before`, the settled ones are taken over as they are. */
export function toBlocks(source: string, before: Blocks = noBlocks): Blocks {
  const text = source.replace(/\r\n?/g, "\n");
  if (text === before.source) return before;
  // A link definition further down changes what is above it, so such a text is read as a whole.
  const continues = before.stableChars > 0 && text.startsWith(before.source) && !/^ {0,3}\[[^\]]+\]:/m.test(text);
  const skipped = continues ? before.stableChars : 0;
  const tokens = marked.lexer(text.slice(skipped));
  const kept = continues ? before.blocks.slice(0, -1) : [];
  return { source: text, blocks: [...kept, ...render(tokens)], stableChars: skipped + stableLength(tokens) };
}

function render(tokens: TokensList): Block[] {
  const blocks: Block[] = [];
  for (const token of tokens)
    if (token.type !== "space" && token.type !== "def") blocks.push(toBlock(token, tokens.links));
  return blocks;
}

function toBlock(token: Token, links: TokensList["links"]): Block {
  if (token.type === "code") {
    const language = /^\S*/.exec(token.lang ?? "")?.[0] ?? "";
    return { kind: "code", raw: token.raw, text: token.text, language, open: isOpenFence(token.raw) };
  }
  const html = marked.parser(Object.assign([token], { links }));
  return { kind: "html", raw: token.raw, html };
}

/** Whether a fence has begun and not ended: more code is still to come. */
function isOpenFence(raw: string): boolean {
  const fence = /^ {0,3}(`{3,}|~{3,})/.exec(raw)?.[1];
  return fence !== undefined && !new RegExp(`\\n {0,3}${fence[0]}{${fence.length},}\\s*$`).test(raw);
}

function stableLength(tokens: TokensList): number {
  const last = tokens.findLastIndex((token) => token.type !== "space" && token.type !== "def");
  return tokens.slice(0, Math.max(0, last)).reduce((length, token) => length + token.raw.length, 0);
}
