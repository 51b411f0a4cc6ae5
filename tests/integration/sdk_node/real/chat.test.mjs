import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ada, bob, clientOf, errorOf, model, said } from "../support.mjs";

const hello = { model, messages: [{ role: "user", content: "Say hello" }], max_tokens: 8 };

test("a whole completion", async () => {
  const { data: completion, request_id } = await ada.chat.completions.create(hello).withResponse();

  assert.ok(request_id);
  assert.ok(completion.choices[0].message.content);
  assert.ok(["stop", "length"].includes(completion.choices[0].finish_reason));
  assert.ok(completion.usage.prompt_tokens > 0);
  assert.equal(completion.usage.total_tokens, completion.usage.prompt_tokens + completion.usage.completion_tokens);
});

test("a streamed completion", async () => {
  const stream = await ada.chat.completions.create({ ...hello, stream: true, stream_options: { include_usage: true } });
  const chunks = await Array.fromAsync(stream);

  assert.deepEqual(chunks[0].choices[0].delta, { role: "assistant", content: "" });
  assert.ok(chunks.some((chunk) => chunk.choices[0]?.delta.content));
  assert.ok(["stop", "length"].includes(chunks.at(-2).choices[0].finish_reason));
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
});

test("the streaming helper puts the same answer together", async () => {
  // The helper refuses an answer that was cut at its limit, and the small model rambles: it is made to stop.
  const brief = { ...hello, max_tokens: 60, stop: [" "], temperature: 0 };
  const deltas = [];
  const stream = ada.chat.completions.stream(brief).on("content", (delta) => deltas.push(delta));
  const streamed = await stream.finalContent();
  const whole = await ada.chat.completions.create(brief);

  assert.equal(streamed, deltas.join(""));
  assert.equal(streamed, whole.choices[0].message.content);
});

test("an answer has the form of a schema", async () => {
  const answer = z.object({ n: z.literal(7) });
  const completion = await ada.chat.completions.parse({
    ...hello,
    max_tokens: 100,
    response_format: zodResponseFormat(answer, "answer"),
  });

  assert.deepEqual(completion.choices[0].message.parsed, { n: 7 });
});

test("models are listed and retrieved", async () => {
  const listed = await Array.fromAsync(ada.models.list());
  assert.deepEqual(
    listed.map((each) => each.id),
    [model],
  );
  assert.ok((await ada.models.retrieve(model)).owned_by);

  const missing = await errorOf(OpenAI.NotFoundError, () => ada.models.retrieve("gpt-4o"));
  assert.equal(missing.code, "model_not_found");
});

test("a conversation is kept and continued, and each answer is a response", async () => {
  const conversation = await ada.conversations.create();
  const ids = [];
  for (const content of ["My name is Ada.", "What is my name?"]) {
    const stream = await ada.chat.completions.create({
      ...hello,
      messages: [{ role: "user", content }],
      conversation_id: conversation.id,
      stream: true,
    });
    const [first] = await Array.fromAsync(stream);
    ids.push(first.response_id);
  }

  const items = await said(conversation.id);
  assert.deepEqual(
    items.map(([who]) => who),
    ["user", "assistant", "user", "assistant"],
  );
  for (const [index, id] of ids.entries()) {
    const response = await ada.responses.retrieve(id);
    assert.equal(response.conversation.id, conversation.id);
    assert.equal(response.output_text, items[2 * index + 1][1]);
  }
});

test("what is wrong is named", async () => {
  const ask = (fields) => () => ada.chat.completions.create({ ...hello, ...fields });

  const bad = await errorOf(OpenAI.BadRequestError, ask({ temperature: 5 }));
  assert.deepEqual(
    [bad.status, bad.type, bad.code, bad.param],
    [400, "invalid_request_error", "invalid_request", "temperature"],
  );
  assert.ok(bad.requestID);

  const missing = await errorOf(OpenAI.NotFoundError, ask({ model: "gpt-4o" }));
  assert.deepEqual([missing.status, missing.code], [404, "model_not_found"]);

  assert.equal((await errorOf(OpenAI.BadRequestError, ask({ stream: true, n: 3 }))).param, "n");
});

test("who is not signed in is turned away", async () => {
  for (const key of ["nonsense", "sk-parley-nobody", `${ada.apiKey.slice(0, -4)}AAAA`]) {
    const refused = await errorOf(OpenAI.AuthenticationError, () => clientOf(key).chat.completions.create(hello));
    assert.deepEqual([refused.status, refused.code], [401, "invalid_api_key"]);
  }
});

test("another user's conversation does not exist", async () => {
  const conversation = await ada.conversations.create();

  const ask = () => bob.chat.completions.create({ ...hello, conversation_id: conversation.id });
  assert.equal((await errorOf(OpenAI.NotFoundError, ask)).code, "not_found");
});

test("a route that is not there is an error of the SDK's own kind", async () => {
  const error = await errorOf(OpenAI.NotFoundError, () => ada.embeddings.create({ model, input: "hello" }));

  assert.equal(error.code, "unknown_url");
});
