/** Decisions as labels for training, one JSON document a line. */
import { listLabels } from "./calls";
import type { WireLabel } from "./wire";

const pageSize = 500;

/** All there are, read page by page. Raises: ApiError. */
export async function allLabels(): Promise<readonly WireLabel[]> {
  const labels: WireLabel[] = [];
  let after: string | null = null;
  for (;;) {
    const page = await listLabels(pageSize, after);
    labels.push(...page.data);
    after = page.data.at(-1)?.review_id ?? null;
    if (!page.has_more || after === null) return labels;
  }
}

export function toLines(labels: readonly WireLabel[]): string {
  return labels.map((label) => `${JSON.stringify(label)}\n`).join("");
}

/** Hands a text to the browser as a file to keep. */
export function saveFile(name: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type: "application/jsonl" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own hold on the content by the next turn of the loop.
  setTimeout(() => URL.revokeObjectURL(url));
}
