/** The shapes of reviews, as the server sends them. Times are unix seconds. */
import type { WireReviewState } from "../api/wire";

export type Side = "input" | "output";
export type Decision = "approve" | "uphold" | "escalate";

export interface WireReview {
  readonly id: string;
  readonly state: WireReviewState;
  readonly side: Side;
  readonly action: "review" | "block";
  /** false in a dry run, which blocks nothing. */
  readonly enforced: boolean;
  /** Flagged only because no classifier answered in time. */
  readonly unjudged: boolean;
  readonly categories: readonly string[];
  /** 0 to 1 */
  readonly score: number;
  readonly created_at: number;
  readonly decided_at: number | null;
  readonly appealed_at: number | null;
  readonly appeal_note: string | null;
  /** A pseudonym. */
  readonly user: string;
  /** The beginning of the text; null where its user has deleted it. */
  readonly excerpt: string | null;
}

export interface WireLayer {
  readonly layer: string;
  readonly action: "allow" | "review" | "block";
  readonly scores?: Readonly<Record<string, number>>;
  /** From where on the policy of that day wanted a person to look, and wanted it blocked. Above 1 is never. */
  readonly thresholds?: Readonly<Record<string, readonly [review: number, block: number]>> | null;
  readonly version?: string;
  /** Names of lists' entries, or kinds of personal data; never the text. */
  readonly matched?: readonly string[];
}

export interface WireContextItem {
  readonly id: string;
  readonly role: string | null;
  readonly type: string;
  readonly text: string | null;
  readonly is_subject: boolean;
}

export interface WireReviewEvent {
  readonly at: number;
  readonly kind: "viewed" | "approved" | "upheld" | "escalated" | "appealed";
  readonly actor: string;
  readonly note: string | null;
}

export interface WireWholeReview extends WireReview {
  /** null where its user has deleted it. */
  readonly text: string | null;
  readonly context: readonly WireContextItem[];
  readonly verdict: { readonly action?: string; readonly layers?: readonly WireLayer[] } | null;
  readonly events: readonly WireReviewEvent[];
}

export interface WireLabel {
  readonly review_id: string;
}
