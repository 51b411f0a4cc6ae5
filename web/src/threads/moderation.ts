/** What moderation did to a message, and what came of it. */
import type { WireAppeal, WireItem, WireReviewState } from "../api/wire";

export interface Moderation {
  /** false once a reviewer has found it fine. */
  readonly blocked: boolean;
  /** null where no review is known of. */
  readonly state: WireReviewState | null;
  /** Whether the reader has asked for a review. */
  readonly appealed: boolean;
}

export const blockedNow: Moderation = { blocked: true, state: null, appealed: false };

/** Where the reader is with a message that was blocked. */
export type Standing = "blocked" | "waiting" | "upheld" | "approved";

/** What an item says of it; null where there is nothing to say. */
export function moderationOf({ moderation }: WireItem): Moderation | null {
  if (!moderation) return null;
  const { blocked, review } = moderation;
  if (!blocked && review?.state !== "approved") return null;
  return { blocked, state: review?.state ?? null, appealed: review?.appealed ?? false };
}

export function standingOf({ blocked, state, appealed }: Moderation): Standing {
  if (!blocked || state === "approved") return "approved";
  if (state === "upheld") return "upheld";
  return appealed ? "waiting" : "blocked";
}

/** Whether the reader may still ask for a review: once, also of what a reviewer has looked at unasked. */
export function mayAppeal(moderation: Moderation): boolean {
  const standing = standingOf(moderation);
  return !moderation.appealed && (standing === "blocked" || standing === "upheld");
}

/** After the reader has asked for a review, which may have been decided before. */
export function afterAppeal(before: Moderation, { state }: WireAppeal): Moderation {
  return { blocked: before.blocked && state !== "approved", state, appealed: true };
}

/** Whether the newest item is a question that nothing was said to, for no reason that moderation gives. */
export function isUnanswered(newest: WireItem | undefined): boolean {
  return newest?.role === "user" && moderationOf(newest) === null;
}
