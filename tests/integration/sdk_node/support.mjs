// The clients of two users, as pytest names them in the environment, and what the tests share.
import assert from "node:assert/strict";
import { env } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";

export const model = env.PARLEY_MODEL;
export const origin = env.PARLEY_URL;
export const ada = clientOf(env.PARLEY_ADA);
export const bob = clientOf(env.PARLEY_BOB);

/** A client that does not try again. */
export function clientOf(apiKey, options = {}) {
  return new OpenAI({ baseURL: `${origin}/v1`, apiKey, maxRetries: 0, timeout: 60_000, ...options });
}

/** The error of a kind that a call ends in. */
export async function errorOf(kind, call) {
  const error = await call().then(
    () => "no error",
    (reason) => reason,
  );
  assert.ok(error instanceof kind, `not ${kind.name} but ${error}`);
  return error;
}

/** A response once it is over. */
export async function settled(id) {
  for (;;) {
    const response = await ada.responses.retrieve(id);
    if (!["queued", "in_progress"].includes(response.status)) return response;
    await sleep(100);
  }
}

/** The next event of a type. */
export async function until(events, type) {
  for (;;) {
    const { value, done } = await events.next();
    assert.ok(!done, `the stream ended before ${type}`);
    if (value.type === type) return value;
  }
}

/** Each item of a conversation in order, as who (or what) and its text. */
export async function said(conversation) {
  const items = await Array.fromAsync(ada.conversations.items.list(conversation, { order: "asc" }));
  return items.map((item) => [item.role ?? item.type, item.content?.map((part) => part.text).join("")]);
}

/** What is said in a response, which only some calls of the SDK give as `output_text`. */
export const textOf = (response) =>
  response.output
    .flatMap((item) => item.content ?? [])
    .map((part) => part.text)
    .join("");

export const texts = (events) =>
  events
    .filter((event) => event.type === "response.output_text.delta")
    .map((event) => event.delta)
    .join("");
