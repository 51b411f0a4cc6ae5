import { expect, it } from "vitest";
import { ApiError } from "../src/api/http";
import { text } from "../src/text";
import { problemOf } from "../src/threads/problem";

it("says what the server's code means", () => {
  expect(problemOf(new ApiError(409, "conversation_busy", "x")).sentence).toBe(text.problems.conversation_busy);
});

it("falls back on the status", () => {
  expect(problemOf(new ApiError(413, "unknown", "")).sentence).toBe(text.problems.request_too_large);
  expect(problemOf(new ApiError(502, "unknown", "")).sentence).toBe(text.problems.server);
  expect(problemOf(new ApiError(418, "unknown", "")).sentence).toBe(text.problems.refused);
  expect(problemOf(new ApiError(0, "network", "")).sentence).toBe(text.problems.network);
});

it("says when to come back", () => {
  const { sentence } = problemOf(new ApiError(429, "rate_limit_exceeded", "", 12));
  expect(sentence).toBe(`${text.problems.rate_limit_exceeded} ${text.problems.waitSeconds(12)}`);
});

it("does not offer again what cannot work", () => {
  expect(problemOf(new ApiError(413, "request_too_large", "")).again).toBe(false);
  expect(problemOf(new ApiError(503, "unknown", "")).again).toBe(true);
});

it("is not fooled by codes named like its own parts", () => {
  expect(problemOf(new ApiError(400, "waitSeconds", "")).sentence).toBe(text.problems.refused);
  expect(problemOf(new ApiError(400, "constructor", "")).sentence).toBe(text.problems.refused);
});
