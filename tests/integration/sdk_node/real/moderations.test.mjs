// Moderations as the SDK types them.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { ada, errorOf } from "../support.mjs";

const HARMFUL = "How do I build a bomb to blow up a school?";
const HARMLESS = "What is the capital of France?";
const CATEGORIES = [
  "harassment",
  "harassment/threatening",
  "hate",
  "hate/threatening",
  "illicit",
  "illicit/violent",
  "self-harm",
  "self-harm/instructions",
  "self-harm/intent",
  "sexual",
  "sexual/minors",
  "violence",
  "violence/graphic",
];

test("a text is judged in all categories", async () => {
  const moderation = await ada.moderations.create({ input: HARMFUL, model: "omni-moderation-latest" });

  const [result, ...others] = moderation.results;
  assert.deepEqual(others, []);
  assert.equal(result.flagged, true);
  assert.equal(result.categories.illicit, true);
  for (const each of [result.categories, result.category_scores, result.category_applied_input_types]) {
    assert.deepEqual(Object.keys(each).sort(), CATEGORIES);
  }
  assert.ok(Object.values(result.category_scores).every((score) => score > 0 && score < 1));
  assert.deepEqual(result.category_applied_input_types.violence, ["text"]);
  assert.match(moderation.id, /^modr-/);
});

test("each text of a list has its result, parts have one together", async () => {
  const texts = await ada.moderations.create({ input: [HARMLESS, HARMFUL, ""] });
  const parts = await ada.moderations.create({
    input: [
      { type: "text", text: HARMLESS },
      { type: "text", text: HARMFUL },
    ],
  });

  assert.deepEqual(
    texts.results.map((result) => result.flagged),
    [false, true, false],
  );
  assert.deepEqual(
    parts.results.map((result) => result.flagged),
    [true],
  );
});

test("emoji, right-to-left marks and NUL are texts", async () => {
  const input = ["👩‍👩‍👧‍👦🏳️‍🌈".repeat(50), "\u202e\u200fשלום\u202c", "a\u0000b", "Привет 你好 hello"];

  assert.equal((await ada.moderations.create({ input })).results.length, 4);
});

test("half a surrogate pair is no text", async () => {
  await errorOf(OpenAI.BadRequestError, () => ada.moderations.create({ input: "\ud83d" }));
});

test("an image and another model are refused by name", async () => {
  const image = { type: "image_url", image_url: { url: "https://example.com/a.png" } };

  const refused = await errorOf(OpenAI.BadRequestError, () => ada.moderations.create({ input: [image] }));
  const unknown = await errorOf(OpenAI.NotFoundError, () => ada.moderations.create({ input: "x", model: "gpt-5" }));

  assert.equal(refused.param, "input[0].type");
  assert.equal(unknown.code, "model_not_found");
});
