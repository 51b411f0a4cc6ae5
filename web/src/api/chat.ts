/** The chat function's calls. */
import { ApiError, call, callJson } from "./http";
import { readChunks, readEvents } from "./sse";
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

/** Asks, and yields the answer's chunks up to the server's end mark. Raises: ApiError, with code "network" where the stream was cut. */
export async function* streamAnswer(question: Question): AsyncGenerator<WireChunk> {
  const answer = await call("/v1/chat/completions", { method: "POST", body: bodyOf(question) });
  if (!answer.body) throw new ApiError(0, "network", "no body");
  const events = readEvents(readChunks(answer.body));
  for (;;) {
    const event = await events.next().catch((error: unknown) => {
      throw new ApiError(0, "network", String(error));
    });
    if (event.done) throw new ApiError(0, "network", "the stream ended early");
    if (event.value === "[DONE]") break;
    const chunk = JSON.parse(event.value) as WireChunk;
    yield chunk;
    if (chunk.error) break;
  }
  await events.return(undefined);
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

/** Asks the server to stop an answer; what it has said so far is kept. */
export async function cancelResponse(responseId: string): Promise<void> {
  await callJson(`/v1/responses/${responseId}/cancel`, { method: "POST" });
}
