import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { ada, bob, errorOf, said } from "../support.mjs";

const TOOL_USE = [
  { role: "developer", content: "Be brief." },
  { role: "user", content: [{ type: "input_text", text: "Is it warm?" }] },
  { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Look it up." }] },
  { type: "function_call", call_id: "call_1", name: "weather", arguments: "{}" },
  { type: "function_call_output", call_id: "call_1", output: "warm" },
  { role: "assistant", content: [{ type: "output_text", text: "Yes.", annotations: [] }] },
];
const messages = (count) =>
  Array.from({ length: count }, (_, index) => ({ role: "user", content: `message ${index}` }));

test("a conversation is made, changed and deleted", async () => {
  const made = await ada.conversations.create({ metadata: { topic: "travel" }, items: messages(1) });
  assert.deepEqual((await ada.conversations.retrieve(made.id)).metadata, { topic: "travel" });

  const changed = await ada.conversations.update(made.id, { metadata: { topic: "geography" } });
  assert.deepEqual(
    [changed.id, changed.metadata, changed.created_at],
    [made.id, { topic: "geography" }, made.created_at],
  );

  const deleted = await ada.conversations.delete(made.id);
  assert.deepEqual(deleted, { id: made.id, object: "conversation.deleted", deleted: true });
  for (const ask of [
    () => ada.conversations.retrieve(made.id),
    () => ada.conversations.update(made.id, { metadata: {} }),
    () => ada.conversations.delete(made.id),
    () => ada.conversations.items.list(made.id),
    () => ada.conversations.items.create(made.id, { items: messages(1) }),
  ]) {
    assert.equal((await errorOf(OpenAI.NotFoundError, ask)).code, "not_found");
  }
});

test("a conversation needs nothing to begin with", async () => {
  const made = await ada.conversations.create();

  assert.deepEqual(made.metadata, {});
  assert.deepEqual(await said(made.id), []);
});

test("every kind of item is kept and comes back alone", async () => {
  const { id } = await ada.conversations.create();
  const added = await ada.conversations.items.create(id, { items: TOOL_USE });

  assert.deepEqual([added.object, added.has_more], ["list", false]);
  assert.deepEqual([added.first_id, added.last_id], [added.data[0].id, added.data.at(-1).id]);
  const kinds = ["message", "message", "reasoning", "function_call", "function_call_output", "message"];
  assert.deepEqual(
    added.data.map((item) => item.type),
    kinds,
  );
  assert.deepEqual(added.data[2].content, TOOL_USE[2].content);
  for (const item of added.data) {
    assert.deepEqual(await ada.conversations.items.retrieve(item.id, { conversation_id: id }), item);
  }
});

test("what a list gave may be sent back", async () => {
  const { id } = await ada.conversations.create({ items: TOOL_USE });
  const listed = await Array.fromAsync(ada.conversations.items.list(id, { order: "asc" }));

  const copy = await ada.conversations.create({ items: listed });

  assert.deepEqual(await said(copy.id), await said(id));
});

test("pages run both ways", async () => {
  const { id } = await ada.conversations.create({ items: messages(7) });

  const up = await Array.fromAsync(ada.conversations.items.list(id, { order: "asc", limit: 3 }));
  const down = await Array.fromAsync(ada.conversations.items.list(id, { limit: 2 }));
  const first = await ada.conversations.items.list(id, { order: "asc", limit: 3 });
  const second = await first.getNextPage();
  const behind = await ada.conversations.items.list(id, { order: "asc", after: up[5].id });

  assert.deepEqual(
    up.map((item) => item.content[0].text),
    messages(7).map(({ content }) => content),
  );
  assert.deepEqual(
    down.map((item) => item.id),
    up.map((item) => item.id).reverse(),
  );
  assert.deepEqual(second.data, up.slice(3, 6));
  assert.deepEqual([behind.data, behind.hasNextPage()], [[up[6]], false]);
});

test("what never occurs here is included at no cost, and what is not kept is refused by name", async () => {
  const { id } = await ada.conversations.create({ items: messages(1) });
  const include = ["file_search_call.results", "code_interpreter_call.outputs", "message.input_image.image_url"];
  const { data } = await ada.conversations.items.list(id, { include });

  assert.equal(data.length, 1);
  assert.deepEqual(await ada.conversations.items.retrieve(data[0].id, { conversation_id: id, include }), data[0]);
  assert.equal((await ada.conversations.items.create(id, { items: messages(1), include })).data.length, 1);
  for (const unkept of ["message.output_text.logprobs", "reasoning.encrypted_content"]) {
    for (const ask of [
      () => ada.conversations.items.list(id, { include: [unkept] }),
      () => ada.conversations.items.retrieve(data[0].id, { conversation_id: id, include: [unkept] }),
      () => ada.conversations.items.create(id, { items: messages(1), include: [unkept] }),
    ]) {
      const error = await errorOf(OpenAI.BadRequestError, ask);
      assert.deepEqual([error.code, error.param], ["unsupported_parameter", "include"]);
      assert.match(error.message, new RegExp(unkept));
    }
  }
});

test("a deleted item leaves its conversation", async () => {
  const { id } = await ada.conversations.create({ items: messages(3) });
  const { data } = await ada.conversations.items.list(id);

  const left = await ada.conversations.items.delete(data[1].id, { conversation_id: id });

  assert.deepEqual([left.id, left.object], [id, "conversation"]);
  assert.deepEqual(
    (await said(id)).map(([, text]) => text),
    ["message 0", "message 2"],
  );
  await errorOf(OpenAI.NotFoundError, () => ada.conversations.items.retrieve(data[1].id, { conversation_id: id }));
});

test("what is wrong is named", async () => {
  const { id } = await ada.conversations.create();
  for (const [ask, param] of [
    [() => ada.conversations.create({ items: messages(21) }), "items"],
    [() => ada.conversations.create({ metadata: { a: 1 } }), "metadata.a"],
    [() => ada.conversations.items.create(id, { items: [{ role: "user", content: "" }] }), "items[0]"],
    [() => ada.conversations.items.create(id, { items: [{ type: "web_search_call", id: "ws_1" }] }), "items[0]"],
    [() => ada.conversations.items.list(id, { order: "newest" }), "order"],
    [() => ada.conversations.items.list(id, { limit: 101 }), "limit"],
  ]) {
    assert.equal((await errorOf(OpenAI.BadRequestError, ask)).param, param);
  }
  const beyond = () => ada.conversations.items.list(id, { after: "msg_nowhere" });
  assert.equal((await errorOf(OpenAI.NotFoundError, beyond)).param, "after");
});

test("another user's conversation does not exist", async () => {
  const { id } = await ada.conversations.create({ items: messages(1) });
  const { data } = await ada.conversations.items.list(id);

  for (const ask of [
    () => bob.conversations.retrieve(id),
    () => bob.conversations.update(id, { metadata: {} }),
    () => bob.conversations.delete(id),
    () => bob.conversations.items.list(id),
    () => bob.conversations.items.create(id, { items: messages(1) }),
    () => bob.conversations.items.retrieve(data[0].id, { conversation_id: id }),
    () => bob.conversations.items.delete(data[0].id, { conversation_id: id }),
  ]) {
    await errorOf(OpenAI.NotFoundError, ask);
  }
  assert.deepEqual(await said(id), [["user", "message 0"]]);
});
