/** Makes the HTML of an answer safe to show: nothing that runs, loads, styles or asks for input. */
import DOMPurify from "dompurify";

const tags = [
  ["a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "kbd", "li", "ol"],
  ["p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul", "details", "summary"],
].flat();

// No src, style, class, id or name: an answer may neither load a beacon nor dress up as the page.
const plainAttributes = ["title", "start", "align", "colspan", "rowspan", "lang", "dir"];

const config = {
  ALLOWED_TAGS: tags,
  ALLOWED_ATTR: ["href", ...plainAttributes],
  ADD_URI_SAFE_ATTR: plainAttributes,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?|mailto|tel):/i,
  RETURN_DOM_FRAGMENT: true as const,
};

/** The safe part of `html` as nodes. An image becomes a link to it, which nothing fetches until it is clicked. */
export function sanitise(html: string): DocumentFragment {
  const fragment = DOMPurify.sanitize(imagesToLinks(keepLanguage(html)), config);
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  return fragment;
}

/** marked names a fence's language in a class; classes do not pass, so it travels as `lang`. */
function keepLanguage(html: string): string {
  return html.replace(/<code class="language-([^"\s]+)">/g, '<code lang="$1">');
}

/** marked writes images as `<img src="…" alt="…">`; raw HTML images without that shape are simply dropped. */
function imagesToLinks(html: string): string {
  return html.replace(/<img src="([^"]*)" alt="([^"]*)"[^>]*>/g, (_, source: string, words: string) => {
    return `<a href="${source}">${words || source}</a>`;
  });
}

/** What the highlighter may put on the page: spans with its own classes and nothing else. */
export function sanitiseColours(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true });
}
