/** The shapes the server sends, as far as the page reads them. Times are unix seconds. */

export interface WireModel {
  readonly id: string;
  readonly context_tokens?: number;
}

export interface WireConversation {
  readonly id: string;
  readonly title: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface WireUsage {
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly input_tokens?: number;
  readonly output_tokens?: number;
}

export interface WireError {
  readonly message?: string;
  readonly code?: string | null;
  readonly type?: string;
}

export interface WireResponse {
  readonly id: string;
  readonly status: "queued" | "in_progress" | "completed" | "cancelled" | "incomplete" | "failed";
  readonly model?: string | null;
  readonly finish_reason?: string | null;
  readonly error?: WireError | null;
  readonly usage?: WireUsage | null;
  readonly created_at?: number | null;
  readonly completed_at?: number | null;
}

export interface WirePart {
  readonly type: string;
  readonly text?: string;
}

/** Where a review of a blocked item stands. */
export type WireReviewState = "open" | "escalated" | "approved" | "upheld";

/** What moderation did to an item. */
export interface WireModeration {
  readonly blocked: boolean;
  readonly review?: { readonly state: WireReviewState; readonly appealed: boolean } | null;
}

/** What stands in a conversation: messages and reasoning, and types the page passes over. */
export interface WireItem {
  readonly id: string;
  readonly type: string;
  readonly status: "completed" | "in_progress" | "incomplete";
  /** Messages alone have one. */
  readonly role?: "user" | "assistant" | "system" | "developer" | "tool";
  /** Messages and reasoning have it. */
  readonly content?: readonly WirePart[] | null;
  readonly created_at: number;
  readonly response?: WireResponse | null;
  readonly moderation?: WireModeration | null;
}

/** What the reader's wish for a review has come to. */
export interface WireAppeal {
  readonly item_id: string;
  readonly state: WireReviewState;
  readonly appealed_at: number | null;
}

/** Who asks. */
export interface WireMe {
  readonly roles: readonly string[];
}

export interface WireKey {
  readonly id: string;
  readonly name: string;
  /** Its last characters, enough to know it by. */
  readonly redacted_value: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  /** A day of UTC: "2026-11-22". */
  readonly last_used_on: string | null;
}

export interface WireNewKey extends WireKey {
  /** The secret; never sent again. */
  readonly value: string;
}

export interface WirePage<T> {
  readonly data: readonly T[];
  readonly last_id: string | null;
  readonly has_more: boolean;
}

/** What is to be shown no more, and what its reader is told. The item is null where nothing is stored. */
export interface WireRetraction {
  readonly item_id: string | null;
  readonly message: string;
}

/** A chunk of a streamed answer. The first one carries the ids, the last one what it cost and how it ended. */
export interface WireChunk {
  readonly conversation_id?: string;
  readonly response_id?: string;
  readonly item_ids?: readonly string[];
  readonly output_item_id?: string;
  readonly model?: string;
  /** The model that was asked for, where another one answers because that has no room. */
  readonly degraded_from?: string;
  readonly status?: string;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: WireUsage | null;
  readonly error?: WireError;
  /** What was said so far is taken back. */
  readonly retraction?: WireRetraction;
}

/** A response as its own route has it, with what it said. */
export interface WireAnswer {
  readonly id: string;
  readonly status: "queued" | "in_progress" | "completed" | "cancelled" | "incomplete" | "failed";
  readonly model?: string | null;
  readonly degraded_from?: string;
  readonly output?: readonly { readonly type: string; readonly content?: readonly WirePart[] | null }[];
  readonly incomplete_details?: { readonly reason?: string | null } | null;
  /** What it said is taken back. */
  readonly retraction?: WireRetraction;
  readonly usage?: WireUsage | null;
  readonly created_at?: number | null;
  readonly completed_at?: number | null;
}

/** An event of a response's stream, numbered from 0: the same number is the same event at every replay. */
export interface WireEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly response?: WireAnswer;
}
