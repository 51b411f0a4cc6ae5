import assert from "node:assert/strict";
import { test } from "node:test";
import { zodFunction, zodResponsesFunction } from "openai/helpers/zod";
import { toResponseInputItems } from "openai/lib/responses/ResponseInputItems";
import { z } from "zod";
import { ada, model, textOf } from "../support.mjs";

const weather = { name: "weather", description: "The weather of a city.", parameters: z.object({ city: z.string() }) };
const tools = [zodResponsesFunction(weather)];
const chatTools = [zodFunction(weather)];
const CALL = ["function_call", "weather", '{"city":"Oslo"}'];
const seen = (item) => [item.type, item.name, item.arguments];
const answerTo = (call) => ({ type: "function_call_output", call_id: call.call_id, output: "words 2" });

test("a function is called, and its answer continues the response", async () => {
  const first = await ada.responses.create({ model, input: "tool", tools, tool_choice: "required" });
  const [call] = first.output;
  const second = await ada.responses.create({ model, input: [answerTo(call)], previous_response_id: first.id, tools });

  assert.deepEqual(seen(call), CALL);
  assert.deepEqual([first.tool_choice, first.tools[0].name, first.status], ["required", "weather", "completed"]);
  assert.equal(second.output_text, "w0 w1 ");
  const asked = await Array.fromAsync(ada.responses.inputItems.list(second.id));
  assert.deepEqual([asked.length, asked[0].type, asked[0].output], [1, "function_call_output", "words 2"]);
});

test("a call is sent back as it came", async () => {
  const input = [{ role: "user", content: "tool" }];
  const first = await ada.responses.create({ model, input, tools, store: false });
  const [call] = first.output;
  const second = await ada.responses.create({ model, input: [...input, call, answerTo(call)], tools, store: false });

  assert.equal(second.output_text, "w0 w1 ");
});

test("the streaming helper puts a call together and reads its arguments", async () => {
  const stream = ada.responses.stream({ model, input: "tool", tools });
  const deltas = [];
  stream.on("response.function_call_arguments.delta", (event) => deltas.push(event.delta));
  const final = await stream.finalResponse();

  assert.deepEqual(seen(final.output[0]), CALL);
  assert.deepEqual(final.output[0].parsed_arguments, { city: "Oslo" });
  assert.equal(deltas.join(""), CALL[2]);
});

test("a whole call is read too", async () => {
  const response = await ada.responses.parse({ model, input: "tool", tools });

  assert.deepEqual(response.output[0].parsed_arguments, { city: "Oslo" });
});

test("a conversation keeps a call and its answer", async () => {
  const { id } = await ada.conversations.create();
  const first = await ada.responses.create({ model, input: "tool 3", tools, conversation: id });
  await ada.responses.create({ model, input: [answerTo(first.output[0])], tools, conversation: id });

  const items = await Array.fromAsync(ada.conversations.items.list(id, { order: "asc" }));
  const kinds = ["message", "function_call", "function_call_output", "message"];
  assert.deepEqual(
    items.map((item) => item.type),
    kinds,
  );
  assert.deepEqual([items[1].id, ...seen(items[1])], [first.output[0].id, ...CALL]);
});

test("a chat completion calls a function, whole and in a stream", async () => {
  const request = { model, messages: [{ role: "user", content: "tool" }], tools: chatTools };
  const whole = await ada.chat.completions.parse(request);
  const streamed = await ada.chat.completions.stream(request).finalChatCompletion();

  for (const { choices } of [whole, streamed]) {
    const [call] = choices[0].message.tool_calls;
    assert.deepEqual(
      [call.id, call.function.name, call.function.parsed_arguments],
      ["call_1", "weather", { city: "Oslo" }],
    );
    assert.equal(choices[0].finish_reason, "tool_calls");
  }
});

test("the helper that runs functions goes on until there is an answer", async () => {
  const asked = [];
  const look = ({ city }) => {
    asked.push(city);
    return "words 2";
  };
  const tool = zodFunction({ ...weather, function: look });
  const runner = ada.chat.completions.runTools({ model, messages: [{ role: "user", content: "tool" }], tools: [tool] });

  assert.equal(await runner.finalContent(), "w0 w1 ");
  assert.deepEqual(asked, ["Oslo"]);
});

test("reasoning comes before the words, streamed, kept, and sent back", async () => {
  const stream = ada.responses.stream({ model, input: "think 2" });
  const thoughts = [];
  stream.on("response.reasoning_text.delta", (event) => thoughts.push(event.delta));
  const { output, id } = await stream.finalResponse();

  assert.deepEqual(thoughts, ["They want ", "words."]);
  assert.deepEqual(
    output.map((item) => item.type),
    ["reasoning", "message"],
  );
  assert.deepEqual(output[0].content, [{ type: "reasoning_text", text: "They want words." }]);
  const kept = await ada.responses.retrieve(id);
  assert.deepEqual(kept.output[0], output[0]);

  const input = [
    { role: "user", content: "think 2" },
    ...toResponseInputItems(output),
    { role: "user", content: "words 1" },
  ];
  assert.equal((await ada.responses.create({ model, input, store: false })).output_text, "w0 ");
});

test("a conversation keeps reasoning as an item", async () => {
  const { id } = await ada.conversations.create();
  const response = await ada.responses.create({ model, input: "think 2", conversation: id });

  const items = await Array.fromAsync(ada.conversations.items.list(id, { order: "asc" }));
  assert.deepEqual(
    items.map((item) => item.type),
    ["message", "reasoning", "message"],
  );
  assert.deepEqual(
    items.slice(1).map((item) => item.id),
    response.output.map((item) => item.id),
  );
  const reasoning = await ada.conversations.items.retrieve(items[1].id, { conversation_id: id });
  assert.equal(textOf({ output: [reasoning] }), "They want words.");
});

test("what the helpers gave may be put into a conversation", async () => {
  const thought = await ada.responses.stream({ model, input: "think 2" }).finalResponse();
  const called = await ada.responses.parse({ model, input: "tool", tools });

  const { id } = await ada.conversations.create({ items: [...thought.output, ...called.output] });

  const items = await Array.fromAsync(ada.conversations.items.list(id, { order: "asc" }));
  assert.deepEqual(
    items.map((item) => item.type),
    ["reasoning", "message", "function_call"],
  );
});
