/** The chat function's calls. */
import { callJson } from "./http";
import { cut, streamEvents } from "./stream";
import type { WireChunk, WireModel, WirePage } from "./wire";

export interface Question {
  readonly conversationId: string;
  readonly text: string;
  readonly model: string;
  /** The user item from which on the conversation is replaced by this question. */
  readonly replacesItemId: string | null;
}

export async function listModels(): Promise<readonly WireModel[]> {
  const page = await callJson<WirePage<WireModel>>("/v1/models");
  return page.data;
}

/**
 * Asks, and yields the answer's chunks up to the server's end mark. Asked again under the same key, the same question is
 * given the same answer. Raises: ApiError, with code "network" where the stream was cut.
 */
export async function* streamAnswer(question: Question, idempotencyKey: string): AsyncGenerator<WireChunk> {
  const options = { method: "POST", body: bodyOf(question), idempotencyKey } as const;
  for await (const data of streamEvents("/v1/chat/completions", options)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data) as WireChunk;
    yield chunk;
    if (chunk.error) return;
  }
  throw cut("the stream ended early");
}

function bodyOf(question: Question): unknown {
  return {
    conversation_id: question.conversationId,
    model: question.model,
    messages: [{ role: "user", content: question.text }],
    stream: true,
    stream_options: { include_usage: true },
    ...(question.replacesItemId ? { replaces_item_id: question.replacesItemId } : {}),
  };
}
