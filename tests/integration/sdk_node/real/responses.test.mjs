import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ada, bob, errorOf, model, said, settled, textOf, texts, until } from "../support.mjs";

const hello = { model, input: "Say hello", max_output_tokens: 8 };
const ENDS = ["response.completed", "response.incomplete"];
const SEVEN = { format: zodTextFormat(z.object({ n: z.literal(7) }), "seven") };

test("a whole response is kept as it was given", async () => {
  const response = await ada.responses.create({
    ...hello,
    metadata: { topic: "greetings" },
    instructions: "Be brief.",
  });

  assert.ok(response.output_text);
  assert.equal(response.instructions, "Be brief.");
  assert.deepEqual(response.metadata, { topic: "greetings" });
  assert.ok(response.usage.output_tokens > 0 && response.usage.output_tokens <= 8);
  const { completed_at: _, ...kept } = await ada.responses.retrieve(response.id);
  const { completed_at: __, ...given } = response;
  assert.deepEqual(kept, given);
});

test("a stream is replayed from wherever its reader stopped", async () => {
  const events = await Array.fromAsync(await ada.responses.create({ ...hello, stream: true }));
  const { id } = events[0].response;

  assert.deepEqual(
    events.map((event) => event.sequence_number),
    [...events.keys()],
  );
  assert.equal(events[0].type, "response.created");
  assert.ok(ENDS.includes(events.at(-1).type));
  assert.equal(texts(events), (await ada.responses.retrieve(id)).output_text);
  assert.deepEqual(await Array.fromAsync(await ada.responses.retrieve(id, { stream: true })), events);
  for (const seen of [0, 3, events.length - 2, events.length - 1]) {
    const rest = await ada.responses.retrieve(id, { stream: true, starting_after: seen });
    assert.deepEqual(await Array.fromAsync(rest), events.slice(seen + 1));
  }
});

test("the streaming helper reads the answer into a schema", async () => {
  const deltas = [];
  const stream = ada.responses.stream({ model, input: "Seven", text: SEVEN, max_output_tokens: 200 });
  stream.on("response.output_text.delta", (event) => deltas.push(event.delta));
  const final = await stream.finalResponse();

  assert.deepEqual(final.output_parsed, { n: 7 });
  assert.equal(deltas.join(""), final.output_text);
  assert.equal(final.status, "completed");

  const again = ada.responses.stream({ response_id: final.id, starting_after: 4, text: SEVEN });
  const numbers = (await Array.fromAsync(again)).map((event) => event.sequence_number);
  assert.equal(numbers[0], 5);
  assert.deepEqual((await again.finalResponse()).output_parsed, { n: 7 });
});

test("the streaming helper takes an answer that was cut at its limit", async () => {
  const final = await ada.responses.stream({ ...hello, input: "Tell me a long story." }).finalResponse();

  assert.equal(final.status, "incomplete");
  assert.deepEqual(final.incomplete_details, { reason: "max_output_tokens" });
  assert.ok(final.output_text);
});

test("a whole answer is read into a schema", async () => {
  const parsed = await ada.responses.parse({ model, input: "Seven", text: SEVEN, max_output_tokens: 200 });

  assert.deepEqual(parsed.output_parsed, { n: 7 });
});

test("a background response is polled to its end", async () => {
  const queued = await ada.responses.create({ ...hello, background: true });
  const done = await settled(queued.id);

  assert.equal(queued.status, "queued");
  assert.equal(done.background, true);
  assert.ok(done.output_text);
});

test("a background response is streamed to its end", async () => {
  const events = await Array.fromAsync(await ada.responses.create({ ...hello, background: true, stream: true }));

  assert.deepEqual(
    events.slice(0, 3).map((event) => event.type),
    ["response.created", "response.queued", "response.in_progress"],
  );
  assert.ok(ENDS.includes(events.at(-1).type));
});

test("a response continues another", async () => {
  const first = await ada.responses.create({ ...hello, input: "My name is Ada." });
  const second = await ada.responses.create({ ...hello, input: "My name?", previous_response_id: first.id });
  const fork = await ada.responses.create({ ...hello, previous_response_id: first.id, store: false });

  assert.equal(second.previous_response_id, first.id);
  assert.equal(fork.store, false);
  assert.ok(second.usage.input_tokens > first.usage.input_tokens);
  await errorOf(OpenAI.NotFoundError, () => ada.responses.retrieve(fork.id));
});

test("a conversation holds its responses and no chain", async () => {
  const conversation = await ada.conversations.create();
  for (const input of ["My name is Ada.", [{ role: "user", content: "What is my name?" }]]) {
    const response = await ada.responses.create({ ...hello, input, conversation: conversation.id });
    assert.equal(response.conversation.id, conversation.id);
  }

  const items = await said(conversation.id);
  assert.deepEqual(
    items.map(([who]) => who),
    ["user", "assistant", "user", "assistant"],
  );
  const alone = await ada.responses.create(hello);
  assert.equal(alone.conversation, null);
});

test("a response is stopped and keeps what was said", async () => {
  const stream = await ada.responses.create({
    ...hello,
    input: "A long story.",
    max_output_tokens: 1000,
    stream: true,
  });
  const events = stream[Symbol.asyncIterator]();
  const { response } = await until(events, "response.created");
  await until(events, "response.output_text.delta");

  const stopped = await ada.responses.cancel(response.id);
  const last = await until(events, "response.incomplete");

  assert.equal(stopped.status, "cancelled");
  assert.ok(textOf(stopped));
  assert.equal(last.response.status, "cancelled");
  assert.equal((await events.next()).done, true);
  assert.equal(textOf(last.response), textOf(stopped));
  assert.deepEqual(await ada.responses.cancel(response.id), stopped);
  assert.equal((await ada.responses.retrieve(response.id)).output_text, textOf(stopped));
});

test("what was asked is listed page by page, and counted", async () => {
  const input = [..."abcde"].map((content) => ({ role: "user", content }));
  const response = await ada.responses.create({ ...hello, input });

  const up = await Array.fromAsync(ada.responses.inputItems.list(response.id, { order: "asc", limit: 2 }));
  const down = await Array.fromAsync(ada.responses.inputItems.list(response.id, { limit: 3 }));
  const counted = await ada.responses.inputTokens.count({ model, input });

  assert.deepEqual(
    up.map((item) => item.content[0].text),
    [..."abcde"],
  );
  assert.deepEqual(
    down.map((item) => item.id),
    up.map((item) => item.id).reverse(),
  );
  assert.deepEqual(counted, { object: "response.input_tokens", input_tokens: response.usage.input_tokens });
});

test("a deleted response is gone", async () => {
  const { id } = await ada.responses.create(hello);

  assert.deepEqual(await ada.responses.delete(id), { id, object: "response", deleted: true });

  for (const ask of ["retrieve", "cancel", "delete"]) {
    const error = await errorOf(OpenAI.NotFoundError, () => ada.responses[ask](id));
    assert.equal(error.code, "not_found");
  }
});

test("another user's response does not exist", async () => {
  const { id } = await ada.responses.create(hello);

  for (const ask of [
    () => bob.responses.retrieve(id),
    () => bob.responses.retrieve(id, { stream: true }),
    () => bob.responses.cancel(id),
    () => bob.responses.delete(id),
    () => bob.responses.inputItems.list(id),
    () => bob.responses.create({ ...hello, previous_response_id: id }),
    () => bob.responses.create({ ...hello, previous_response_id: id, stream: true }),
  ]) {
    assert.equal((await errorOf(OpenAI.NotFoundError, ask)).code, "not_found");
  }
  assert.equal((await ada.responses.retrieve(id)).id, id);
});

test("what is wrong or not supported is named", async () => {
  const { id } = await ada.responses.create(hello);
  for (const [ask, param] of [
    [() => ada.responses.create({ ...hello, tools: [{ type: "web_search" }] }), "tools[0].type"],
    [() => ada.responses.create({ ...hello, temperature: 5, stream: true }), "temperature"],
    [() => ada.responses.create({ ...hello, background: true, store: false }), "background"],
    [() => ada.responses.retrieve(id, { stream: true, starting_after: 1000 }), "starting_after"],
    [() => ada.responses.retrieve(id, { stream: true, starting_after: -1 }), "starting_after"],
    [() => ada.responses.inputItems.list(id, { limit: 1000 }), "limit"],
  ]) {
    const error = await errorOf(OpenAI.BadRequestError, ask);
    assert.deepEqual([error.type, error.param], ["invalid_request_error", param]);
  }
});

test("the same key gives the same response, and no other", async () => {
  const options = { headers: { "Idempotency-Key": `key-${process.pid}` } };
  const first = await ada.responses.create(hello, options);

  assert.deepEqual(await ada.responses.create(hello, options), first);
  const other = () => ada.responses.create({ ...hello, input: "Else" }, options);
  const reused = await errorOf(OpenAI.BadRequestError, other);
  assert.equal(reused.code, "idempotency_key_reused");
  assert.notEqual((await bob.responses.create(hello, options)).id, first.id);
});

test("log probabilities come with the text", async () => {
  const include = ["message.output_text.logprobs"];
  const response = await ada.responses.create({ ...hello, include, top_logprobs: 2, temperature: 0 });

  const [part] = response.output[0].content;
  assert.equal(part.logprobs.map((each) => each.token).join(""), part.text);
  assert.equal(part.logprobs[0].top_logprobs.length, 2);
});
