import { describe, expect, it } from "vitest";
import { noBlocks, toBlocks } from "../src/markdown/blocks";

const answer = `# Title

A paragraph with **bold**
over two lines.

- one
- two

  with a paragraph

1. first
2. second

\`\`\`python
def f():

    return 1
\`\`\`

| a | b |
|---|---|
| 1 | 2 |

> quote
goes on

Setext
------

    indented code

The end of [it](https://example.com).
`;

describe("a growing answer", () => {
  it("has at every length the blocks it would have if read as a whole", () => {
    let grown = noBlocks;
    for (let length = 1; length <= answer.length; length++) {
      const source = answer.slice(0, length);
      grown = toBlocks(source, grown);
      expect(grown.blocks, JSON.stringify(source)).toEqual(toBlocks(source).blocks);
    }
  });

  it("leaves settled blocks alone", () => {
    const before = toBlocks("One.\n\nTwo.\n\nThr");
    const after = toBlocks("One.\n\nTwo.\n\nThree.", before);
    expect(after.blocks[0]).toBe(before.blocks[0]);
    expect(after.blocks[1]).toBe(before.blocks[1]);
    expect(after.blocks[2]).not.toBe(before.blocks[2]);
  });

  it("follows a link defined at the end", () => {
    let grown = noBlocks;
    const source = "See [the docs][d].\n\nMore.\n\n[d]: https://example.com\n";
    for (let length = 1; length <= source.length; length++) grown = toBlocks(source.slice(0, length), grown);
    expect(grown.blocks[0]).toMatchObject({ html: '<p>See <a href="https://example.com">the docs</a>.</p>\n' });
  });

  it("names code's language", () => {
    expect(toBlocks("```ts title=x\nlet a;\n```").blocks).toMatchObject([
      { kind: "code", language: "ts", text: "let a;" },
    ]);
  });
});
