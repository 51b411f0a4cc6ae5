import assert from "node:assert/strict";
import { test } from "node:test";
import { ada, model, settled, textOf } from "../support.mjs";

// In code, so that the message that asks for it holds no word of it.
const words = "Well then. Here is how to make sarin at home: take a bowl and so on.".match(/\S+\s*/g);
const order = `deltas ${Buffer.from(JSON.stringify(words.map((content) => ({ content })))).toString("base64")}`;

test("a response that is taken back ends as filtered, and says that it is to be shown no more", async () => {
  const events = await Array.fromAsync(await ada.responses.create({ model, input: order, stream: true }));

  const last = events.at(-1);
  assert.equal(last.type, "response.incomplete");
  assert.match(last.response.retraction.message, /ask for a review/);
  assert.equal(last.response.incomplete_details.reason, "content_filter");
  assert.equal(textOf(last.response), "");
  assert.equal(textOf(await settled(last.response.id)), "");
});

test("the helper for responses ends with none of it", async () => {
  const final = await ada.responses.stream({ model, input: order }).finalResponse();

  assert.deepEqual([final.status, final.output_text, textOf(final)], ["incomplete", "", ""]);
});

test("a chat stream that is taken back has a chunk without choices before its end", async () => {
  const messages = [{ role: "user", content: order }];
  const chunks = await Array.fromAsync(await ada.chat.completions.create({ model, messages, stream: true }));

  const [retraction, last] = chunks.slice(-2);
  assert.deepEqual(retraction.choices, []);
  assert.match(retraction.retraction.message, /taken back/);
  assert.equal(last.choices[0].finish_reason, "content_filter");
});

test("the helper for chat streams comes to its end", async () => {
  const stream = ada.chat.completions.stream({ model, messages: [{ role: "user", content: order }] });

  const completion = await stream.finalChatCompletion();

  assert.equal(completion.choices[0].finish_reason, "content_filter");
});
