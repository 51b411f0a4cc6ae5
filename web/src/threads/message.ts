/** What the column shows: messages, and the answer being written. Pure but for the signals a live answer carries. */
import { type Signal, signal } from "@preact/signals";
import type { WireAnswer, WireItem, WirePart, WireResponse, WireUsage } from "../api/wire";
import { blockedNow, type Moderation, moderationOf } from "./moderation";

/** How an answer ended. */
export type Outcome = "done" | "stopped" | "length" | "blocked" | "incomplete" | "failed";

/**
 * "again": the question did not get through yet. "resumed": the page was not there when the answer began. "withdrawn": what
 * was said is taken back, and the end is about to come.
 */
export type LivePhase = "thinking" | "writing" | "again" | "reconnecting" | "resumed" | "withdrawn";

export interface Live {
  readonly text: Signal<string>;
  readonly thought: Signal<string>;
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
  /** What a model thought before it spoke. */
  readonly thought: string;
  /** The response that wrote it, all of whose items are one answer; null for what no response wrote. */
  readonly responseId: string | null;
  /** ms */
  readonly at: number;
  readonly outcome: Outcome;
  /** null where moderation had nothing against it. */
  readonly moderation: Moderation | null;
  readonly model: string | null;
  /** The model that was asked for, where that had no room; known until the page is left. */
  readonly insteadOf: string | null;
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

const blank: Omit<Message, "key" | "role" | "text" | "at"> = {
  ...{ id: null, thought: "", responseId: null, model: null, usage: null, tookMs: null, live: null, insteadOf: null },
  ...{ outcome: "done", moderation: null },
};

export function userMessage(text: string, at: number): Message {
  return { ...blank, key: nextKey(), role: "user", text, at };
}

export function liveAnswer(model: string | null, at: number): Message {
  return { ...blank, key: nextKey(), role: "assistant", text: "", at, model, live: newLive("thinking", null) };
}

export function newLive(phase: LivePhase, responseId: string | null): Live {
  return {
    ...{ text: signal(""), thought: signal(""), phase: signal(phase) },
    ...{ stopping: signal(false), responseId: signal(responseId) },
  };
}

/** Items of a page, newest first as sent, as messages, oldest first. */
export function toMessages(items: readonly WireItem[]): Message[] {
  return joinAnswers(items.map(fromItem).filter((message) => message !== null)).reverse();
}

/** Makes one message of what one response said in several items; of messages newest first. */
function joinAnswers(messages: readonly Message[]): Message[] {
  const joined: Message[] = [];
  for (const message of messages) {
    const later = joined.at(-1);
    const whole = later ? joinAnswer(message, later) : null;
    if (whole) joined[joined.length - 1] = whole;
    else joined.push(message);
  }
  return joined;
}

/** The answer of which these are two parts in this order; null where they are not of one. */
export function joinAnswer(earlier: Message, later: Message): Message | null {
  if (earlier.responseId === null || earlier.responseId !== later.responseId) return null;
  const words = { text: earlier.text + later.text, thought: earlier.thought + later.thought };
  return withoutWithheld({ ...later, ...words, moderation: later.moderation ?? earlier.moderation });
}

/** An answer that was taken back leaves no word on the page, nor a thought. */
function withoutWithheld(message: Message): Message {
  const isWithheld = message.role === "assistant" && (message.moderation?.blocked ?? false);
  return isWithheld ? { ...message, text: "", thought: "" } : message;
}

/** The answer without what it said, from the moment it is taken back. */
export function withdrawn(message: Message): Message {
  return withoutWithheld({ ...message, outcome: "blocked", moderation: blockedNow });
}

/** An item of the server as a message; null for what the column does not show. */
export function fromItem(item: WireItem): Message | null {
  const role = roleOf(item);
  if (!role) return null;
  const said = textOf(item.content);
  const response = item.response ?? null;
  const isThought = item.type === "reasoning";
  return withoutWithheld({
    ...{ key: item.id, id: item.id, role, at: item.created_at * 1000 },
    ...{ text: isThought ? "" : said, thought: isThought ? said : "" },
    live: item.status === "in_progress" ? newLive("resumed", response?.id ?? null) : null,
    responseId: role === "user" ? null : (response?.id ?? null),
    outcome: role === "user" ? "done" : outcomeOf(response?.status ?? item.status, response?.finish_reason),
    moderation: moderationOf(item),
    model: response?.model ?? null,
    insteadOf: null,
    usage: usageOf(response?.usage),
    tookMs: tookMs(response),
  });
}

function roleOf(item: WireItem): Message["role"] | null {
  if (item.type === "reasoning") return "assistant";
  if (item.type !== "message") return null;
  return item.role === "user" || item.role === "assistant" ? item.role : null;
}

function textOf(parts: readonly WirePart[] | null | undefined): string {
  return (parts ?? []).map((part) => part.text ?? "").join("");
}

function tookMs(response: WireResponse | WireAnswer | null): number | null {
  if (!response?.completed_at || !response.created_at) return null;
  return (response.completed_at - response.created_at) * 1000;
}

export function usageOf(usage: WireUsage | null | undefined): Usage | null {
  if (!usage) return null;
  const read = usage.prompt_tokens ?? usage.input_tokens ?? null;
  const written = usage.completion_tokens ?? usage.output_tokens ?? null;
  return read === null && written === null ? null : { read, written };
}

function outcomeOf(status: WireAnswer["status"], reason: string | null | undefined): Outcome {
  if (status === "cancelled") return "stopped";
  if (status === "failed") return "failed";
  const ended = endedBy(reason);
  return ended === "done" && status === "incomplete" ? "incomplete" : ended;
}

/** What a finish reason means for the reader, in the words of either of OpenAI's APIs. */
export function endedBy(finishReason: string | null | undefined): Outcome {
  if (finishReason === "length" || finishReason === "max_output_tokens") return "length";
  if (finishReason === "content_filter") return "blocked";
  return "done";
}

/** What a response that is over says of the answer. */
export function fromAnswer(answer: WireAnswer): Pick<Message, "outcome" | "model" | "insteadOf" | "usage" | "tookMs"> {
  return {
    outcome: outcomeOf(answer.status, answer.incomplete_details?.reason),
    model: answer.model ?? null,
    insteadOf: answer.degraded_from ?? null,
    usage: usageOf(answer.usage),
    tookMs: tookMs(answer),
  };
}
