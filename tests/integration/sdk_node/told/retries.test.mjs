import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import OpenAI from "openai";
import { behind, breakAfter, lose, say } from "../faults.mjs";
import { ada, errorOf, model, said, texts, until } from "../support.mjs";

const request = { model, input: "words 3" };
const counts = (seen) => seen.map(({ headers }) => headers["x-stainless-retry-count"]);

for (const status of [408, 409, 429, 500, 503]) {
  test(`${status} is tried again when it says so`, async () => {
    await behind([say(status, { "retry-after": "1" })], {}, async (client, seen) => {
      assert.equal((await client.responses.create(request)).output_text, "w0 w1 w2 ");

      assert.deepEqual(counts(seen), ["0", "1"]);
      assert.ok(seen[1].at - seen[0].at >= 990, `after ${seen[1].at - seen[0].at} ms`);
    });
  });
}

test("what says that it is no use is not tried again", async () => {
  await behind([say(429, { "x-should-retry": "false" })], {}, async (client, seen) => {
    await errorOf(OpenAI.RateLimitError, () => client.responses.create(request));

    assert.equal(seen.length, 1);
  });
});

test("what the client did wrong is not tried again", async () => {
  await behind([], {}, async (client, seen) => {
    await errorOf(OpenAI.BadRequestError, () => client.responses.create({ ...request, temperature: 5 }));
    await errorOf(OpenAI.NotFoundError, () => client.responses.create({ ...request, model: "gpt-4o" }));

    assert.equal(seen.length, 2);
  });
});

for (const [how, headers] of [
  ["with a key", () => ({ "Idempotency-Key": randomUUID() })],
  ["without one", () => ({})],
]) {
  test(`an answer that is lost is given again, ${how}`, async () => {
    const { id } = await ada.conversations.create();
    let lost;
    await behind([lose((answer) => (lost = JSON.parse(answer)))], {}, async (client, seen) => {
      const { output_text, ...response } = await client.responses.create(
        { ...request, conversation: id },
        { headers: headers() },
      );

      assert.deepEqual(counts(seen), ["0", "1"]);
      assert.deepEqual(response, lost);
      assert.equal(output_text, "w0 w1 w2 ");
    });
    assert.deepEqual(await said(id), [
      ["user", "words 3"],
      ["assistant", "w0 w1 w2 "],
    ]);
  });

  test(`an answer that is still being written is joined, ${how}`, async () => {
    const { id } = await ada.conversations.create();
    const slow = { model, input: "words 20 every 0.1", conversation: id };
    await behind([breakAfter(300), breakAfter(300)], {}, async (client, seen) => {
      const response = await client.responses.create(slow, { headers: headers() });

      assert.deepEqual(counts(seen), ["0", "1", "2"]);
      assert.match(response.output_text, /^w0 .* w19 $/);
    });
    assert.deepEqual(
      (await said(id)).map(([who]) => who),
      ["user", "assistant"],
    );
  });

  test(`a stream that is lost before its first event begins again, ${how}`, async () => {
    const { id } = await ada.conversations.create();
    await behind([lose()], {}, async (client) => {
      const stream = await client.responses.create(
        { ...request, conversation: id, stream: true },
        { headers: headers() },
      );
      const events = await Array.fromAsync(stream);

      assert.deepEqual(
        events.map((event) => event.sequence_number),
        [...events.keys()],
      );
      assert.equal(texts(events), "w0 w1 w2 ");
    });
    assert.deepEqual(
      (await said(id)).map(([who]) => who),
      ["user", "assistant"],
    );
  });

  test(`a completion that is lost is given again, ${how}`, async () => {
    const { id } = await ada.conversations.create();
    const messages = [{ role: "user", content: "words 3" }];
    await behind([lose()], {}, async (client) => {
      const completion = await client.chat.completions.create(
        { model, messages, conversation_id: id },
        { headers: headers() },
      );

      assert.equal(completion.choices[0].message.content, "w0 w1 w2 ");
    });
    assert.deepEqual(
      (await said(id)).map(([who]) => who),
      ["user", "assistant"],
    );
  });

  test(`a background response is queued once, ${how}`, async () => {
    const { id } = await ada.conversations.create();
    let lost;
    await behind([lose((answer) => (lost = JSON.parse(answer)))], {}, async (client) => {
      const response = await client.responses.create(
        { ...request, conversation: id, background: true },
        { headers: headers() },
      );

      assert.equal(response.id, lost.id);
    });
  });
}

test("a request that says something else is not taken for the one before", async () => {
  const headers = { "Idempotency-Key": randomUUID() };
  await behind([], {}, async (client, seen) => {
    await client.responses.create(request, { headers });
    const reused = await errorOf(OpenAI.BadRequestError, () =>
      client.responses.create({ ...request, input: "words 4" }, { headers }),
    );

    assert.deepEqual([reused.code, seen.length], ["idempotency_key_reused", 2]);
  });
});

test("a conversation that is busy is waited for", async () => {
  const { id } = await ada.conversations.create();
  const slow = { model, input: "words 30 every 0.05", conversation: id, stream: true };
  const events = (await ada.responses.create(slow))[Symbol.asyncIterator]();
  await until(events, "response.created");

  await behind([], { maxRetries: 6 }, async (client, seen) => {
    const response = await client.responses.create({ ...request, conversation: id });

    assert.equal(response.output_text, "w0 w1 w2 ");
    assert.ok(seen.length > 1);
  });
  assert.deepEqual(
    (await said(id)).map(([who]) => who),
    ["user", "assistant", "user", "assistant"],
  );
});

test("a list that is cut off is asked for again", async () => {
  const { id } = await ada.conversations.create({ items: [{ role: "user", content: "words 3" }] });
  await behind([lose(), say(503, { "retry-after": "0" })], {}, async (client, seen) => {
    assert.equal((await client.conversations.items.list(id)).data.length, 1);

    assert.equal(seen.length, 3);
  });
});
