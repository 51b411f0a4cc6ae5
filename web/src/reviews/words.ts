/** What moderation found, in plain words. */
import { words } from "../text-reviews";
import type { Decision, WireLayer, WireReview } from "./wire";

/** OpenAI's categories, in the order in which they are offered. */
export const categories: readonly string[] = Object.keys(words.categories);

// What nobody should meet unprepared, nor more often than the work asks for.
const harrowing = new Set(["sexual/minors", "violence/graphic", "self-harm/intent", "self-harm/instructions"]);

export function nameOfCategory(category: string): string {
  return words.categories[category] ?? category;
}

export function categoriesInWords(found: readonly string[]): string {
  return found.map(nameOfCategory).join(", ");
}

/** Whether its text is shown only to who asks for it. */
export function isHarrowing({ categories: found }: Pick<WireReview, "categories">): boolean {
  return found.some((category) => harrowing.has(category));
}

/** "Blocked message", "Flagged answer" … */
export function kindOf({ side, action, enforced }: Pick<WireReview, "side" | "action" | "enforced">): string {
  return words.kinds[side][action === "block" && enforced ? "block" : "review"];
}

/** How sure moderation was; empty where nothing was measured. */
export function scoreInWords({ score }: Pick<WireReview, "score">): string {
  return score > 0 ? words.one.score(score) : "";
}

/** Whether a layer has no say because it did not answer. */
export function isAway({ version }: WireLayer): boolean {
  return version === "away";
}

/** What a reviewer should know before reading: each a word or two. */
export function marksOf(review: WireReview): string[] {
  const { marks } = words;
  return [
    review.appealed_at !== null ? marks.appealed : "",
    review.unjudged ? marks.unjudged : "",
    review.action === "block" && !review.enforced ? marks.dryRun : "",
  ].filter((mark) => mark !== "");
}

export interface Finding {
  readonly category: string;
  /** 0 to 1 */
  readonly score: number;
  /** What the policy does from which score on; empty where that was not kept, or is nothing. */
  readonly limits: string;
}

const mostFindings = 5;

/** What a layer found, the most certain first. */
export function findingsOf({ scores, thresholds }: WireLayer): Finding[] {
  const found = Object.entries(scores ?? {}).sort(([, a], [, b]) => b - a);
  return found.slice(0, mostFindings).map(([category, score]) => {
    return { category, score, limits: limitsOf(thresholds?.[category]) };
  });
}

function limitsOf(thresholds: readonly [review: number, block: number] | undefined): string {
  if (!thresholds) return "";
  const [review, block] = thresholds;
  const parts = [
    review <= 1 && review < block ? words.findings.looksFrom(review) : "",
    block <= 1 ? words.findings.blocksFrom(block) : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** What may be decided: escalated and decided ones are for admins. */
export function choicesFor({ state }: Pick<WireReview, "state">, admin: boolean): readonly Decision[] {
  if (state === "open") return ["approve", "uphold", "escalate"];
  return admin ? ["approve", "uphold"] : [];
}
