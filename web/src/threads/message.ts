/** What the column shows: messages, and the answer being written. Pure but for the signals a live answer carries. */
import { type Signal, signal } from "@preact/signals";
import type { WireItem, WireResponse, WireUsage } from "../api/wire";

/** How an answer ended. */
export type Outcome = "done" | "stopped" | "length" | "blocked" | "incomplete" | "failed";

/** "resumed": the page was not there when it began, and waits for the whole. */
export type LivePhase = "thinking" | "writing" | "reconnecting" | "resumed";

export interface Live {
  readonly text: Signal<string>;
  readonly phase: Signal<LivePhase>;
  readonly stopping: Signal<boolean>;
  /** null until the server named it. */
  readonly responseId: Signal<string | null>;
}

export interface Usage {
  readonly read: number | null;
  readonly written: number | null;
}

export interface Message {
  /** Stays the same when the server names the message: what is mounted stays mounted. */
  readonly key: string;
  readonly id: string | null;
  readonly role: "user" | "assistant";
  readonly text: string;
  /** ms */
  readonly at: number;
  readonly outcome: Outcome;
  readonly model: string | null;
  readonly usage: Usage | null;
  readonly tookMs: number | null;
  /** Set while the answer is being written. */
  readonly live: Live | null;
}

let count = 0;

function nextKey(): string {
  count += 1;
  return `local-${count}`;
}

const blank = { id: null, outcome: "done", model: null, usage: null, tookMs: null, live: null } as const;

export function userMessage(text: string, at: number): Message {
  return { ...blank, key: nextKey(), role: "user", text, at };
}

export function liveAnswer(model: string | null, at: number): Message {
  return { ...blank, key: nextKey(), role: "assistant", text: "", at, model, live: newLive("thinking", null) };
}

export function newLive(phase: LivePhase, responseId: string | null): Live {
  return { text: signal(""), phase: signal(phase), stopping: signal(false), responseId: signal(responseId) };
}

/** An item of the server as a message; null for what the column does not show. */
export function fromItem(item: WireItem): Message | null {
  if (item.type !== "message" || (item.role !== "user" && item.role !== "assistant")) return null;
  const words = item.content.map((part) => part.text ?? "").join("");
  const response = item.response ?? null;
  const running = item.status === "in_progress";
  const live = running ? newLive("resumed", response?.id ?? null) : null;
  if (live) live.text.value = words;
  return {
    ...{ key: item.id, id: item.id, role: item.role, text: words, at: item.created_at * 1000, live },
    outcome: item.role === "user" ? "done" : outcomeOf(item.status, response),
    model: response?.model ?? null,
    usage: usageOf(response?.usage),
    tookMs: tookMs(response),
  };
}

function tookMs(response: WireResponse | null): number | null {
  if (!response?.completed_at || !response.created_at) return null;
  return (response.completed_at - response.created_at) * 1000;
}

export function usageOf(usage: WireUsage | null | undefined): Usage | null {
  if (!usage) return null;
  const read = usage.prompt_tokens ?? usage.input_tokens ?? null;
  const written = usage.completion_tokens ?? usage.output_tokens ?? null;
  return read === null && written === null ? null : { read, written };
}

function outcomeOf(status: WireItem["status"], response: WireResponse | null): Outcome {
  if (response?.status === "cancelled") return "stopped";
  if (response?.status === "failed") return "failed";
  const ended = endedBy(response?.finish_reason);
  if (ended !== "done") return ended;
  return status === "incomplete" || response?.status === "incomplete" ? "incomplete" : "done";
}

/** What a finish reason means for the reader. */
export function endedBy(finishReason: string | null | undefined): Outcome {
  if (finishReason === "length") return "length";
  if (finishReason === "content_filter") return "blocked";
  return "done";
}
