import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { ada, bob, clientOf, errorOf, model, said, settled, textOf, texts, until } from "../support.mjs";

const WORDS = (count) => Array.from({ length: count }, (_, index) => `w${index} `).join("");
const ask = (content, fields = {}) => ({ model, messages: [{ role: "user", content }], ...fields });

test("a response that is left goes on, and its stream is picked up where it was left", async () => {
  const stream = await ada.responses.create({ model, input: "words 20 every 0.05", stream: true });
  const seen = [];
  for await (const event of stream) {
    seen.push(event);
    if (texts(seen).includes("w2")) break; // the SDK closes the connection
  }

  const { id } = seen[0].response;
  const rest = await ada.responses.retrieve(id, { stream: true, starting_after: seen.at(-1).sequence_number });
  const events = [...seen, ...(await Array.fromAsync(rest))];

  assert.deepEqual(
    events.map((event) => event.sequence_number),
    [...events.keys()],
  );
  assert.equal(texts(events), WORDS(20));
  assert.equal(events.at(-1).type, "response.completed");
  assert.equal(textOf(await settled(id)), WORDS(20));
});

test("the streaming helper can be aborted, and the response goes on", async () => {
  const stream = ada.responses.stream({ model, input: "words 10 every 0.05" });
  const { response } = await until(stream[Symbol.asyncIterator](), "response.created");
  stream.abort();

  await errorOf(OpenAI.APIUserAbortError, () => stream.done());
  const done = await settled(response.id);
  assert.deepEqual([done.status, done.output_text], ["completed", WORDS(10)]);
});

test("an abort signal ends the wait for a whole answer, which is kept", async () => {
  const { id } = await ada.conversations.create();
  const request = { model, input: "words 10 every 0.05", conversation: id };
  await errorOf(OpenAI.APIUserAbortError, () => ada.responses.create(request, { signal: AbortSignal.timeout(200) }));

  const [answer] = (await ada.conversations.items.list(id)).data;
  assert.equal(answer.status, "in_progress");
  await settled(answer.response.id);
  assert.deepEqual(await said(id), [
    ["user", "words 10 every 0.05"],
    ["assistant", WORDS(10)],
  ]);
});

test("a chat stream that is left goes on as a response", async () => {
  const { id } = await ada.conversations.create();
  const request = ask("words 10 every 0.05", { conversation_id: id, stream: true });
  let first;
  for await (const chunk of await ada.chat.completions.create(request)) {
    first ??= chunk;
    if (chunk.choices[0].delta.content) break;
  }

  const events = await Array.fromAsync(await ada.responses.retrieve(first.response_id, { stream: true }));
  assert.equal(texts(events), WORDS(10));
  assert.deepEqual(await said(id), [
    ["user", "words 10 every 0.05"],
    ["assistant", WORDS(10)],
  ]);
});

test("a background response is stopped, by another device of its owner", async () => {
  const { id } = await ada.responses.create({ model, input: "words 1000 every 0.05", background: true });
  const events = (await ada.responses.retrieve(id, { stream: true }))[Symbol.asyncIterator]();
  await until(events, "response.output_text.delta");

  await errorOf(OpenAI.NotFoundError, () => bob.responses.cancel(id));
  const stopped = await clientOf(ada.apiKey).responses.cancel(id);

  assert.equal(stopped.status, "cancelled");
  const last = await until(events, "response.incomplete");
  assert.equal(textOf(last.response), textOf(stopped));
  assert.equal((await settled(id)).status, "cancelled");
});

test("of two turns in one conversation the second is refused while the first runs", async () => {
  const { id } = await ada.conversations.create();
  const request = { model, input: "words 1000 every 0.05", conversation: id };
  const events = (await ada.responses.create({ ...request, stream: true }))[Symbol.asyncIterator]();
  const { response } = await until(events, "response.created");

  for (const second of [
    () => ada.responses.create(request),
    () => ada.responses.create({ ...request, stream: true }),
    () => ada.chat.completions.create(ask("words 1", { conversation_id: id })),
    () => ada.responses.create({ model, input: "words 1", previous_response_id: response.id }),
    () => ada.responses.delete(response.id),
    () => ada.conversations.items.create(id, { items: [{ role: "user", content: "words 1" }] }),
  ]) {
    const busy = await errorOf(OpenAI.ConflictError, second);
    assert.deepEqual([busy.status, busy.code], [409, "conversation_busy"]);
  }
  await ada.responses.cancel(response.id);
  assert.equal((await ada.responses.create({ ...request, input: "words 1" })).output_text, "w0 ");
});

test("an answer that breaks off says so, and keeps what was said", async () => {
  const events = await Array.fromAsync(await ada.responses.create({ model, input: "cut 3", stream: true }));
  const { response } = events.at(-1);

  assert.equal(events.at(-1).type, "response.incomplete");
  assert.deepEqual([response.status, response.error.code, textOf(response)], ["incomplete", "engine_failed", WORDS(3)]);
  assert.deepEqual((await ada.responses.retrieve(response.id)).error, response.error);
  const final = await ada.responses.stream({ model, input: "cut 3" }).finalResponse();
  assert.deepEqual([final.status, final.output_text], ["incomplete", WORDS(3)]);
});

test("a chat stream that breaks off is an error in the middle", async () => {
  const stream = await ada.chat.completions.create(ask("cut 3", { stream: true }));
  const chunks = [];
  const error = await errorOf(OpenAI.APIError, async () => {
    for await (const chunk of stream) chunks.push(chunk.choices[0].delta.content);
  });

  assert.equal(error.code, "engine_failed");
  assert.equal(chunks.join(""), WORDS(3));
});

test("an engine that fails before it speaks is a server's error", async () => {
  for (const call of [
    () => ada.responses.create({ model, input: "status 500" }),
    () => ada.chat.completions.create(ask("status 500", { stream: true })),
  ]) {
    const error = await errorOf(OpenAI.InternalServerError, call);
    assert.deepEqual([error.status, error.type], [502, "server_error"]);
  }
});
