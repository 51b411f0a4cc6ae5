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
  readonly status: "completed" | "in_progress" | "cancelled" | "incomplete" | "failed";
  readonly model?: string | null;
  readonly finish_reason?: string | null;
  readonly error?: WireError | null;
  readonly usage?: WireUsage | null;
  readonly created_at?: number | null;
  readonly completed_at?: number | null;
}

export interface WireItem {
  readonly id: string;
  readonly type: string;
  readonly status: "completed" | "in_progress" | "incomplete";
  readonly role: "user" | "assistant" | "system" | "developer" | "tool";
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly created_at: number;
  readonly response?: WireResponse | null;
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

/** A chunk of a streamed answer. The first one carries the ids, the last one what it cost and how it ended. */
export interface WireChunk {
  readonly conversation_id?: string;
  readonly response_id?: string;
  readonly item_ids?: readonly string[];
  readonly output_item_id?: string;
  readonly model?: string;
  readonly status?: string;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: WireUsage | null;
  readonly error?: WireError;
}
