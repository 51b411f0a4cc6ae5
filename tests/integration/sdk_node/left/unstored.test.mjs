// What the engine sees of it, pytest asks the engine.
import { test } from "node:test";
import OpenAI from "openai";
import { ada, errorOf, model, until } from "../support.mjs";

const slow = "words 1000 every 0.05";

test("a client leaves a completion that is not stored", async () => {
  const messages = [{ role: "user", content: slow }];
  const stream = await ada.chat.completions.create({ model, messages, stream: true });
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }
});

test("a client aborts a response that is not stored", async () => {
  const stream = ada.responses.stream({ model, input: slow, store: false });
  await until(stream[Symbol.asyncIterator](), "response.output_text.delta");

  stream.abort();

  await errorOf(OpenAI.APIUserAbortError, () => stream.done());
});
