/** What an answer has said, put together from the events of its response. */
import { isEnd } from "../api/responses";
import type { WireAnswer, WireEvent } from "../api/wire";

const textDelta = "response.output_text.delta";
const thoughtDeltas = new Set(["response.reasoning_text.delta", "response.reasoning_summary_text.delta"]);

export class Replay {
  text = "";
  thought = "";
  /** Whether what was said was taken back: then there is no text, whatever came before. */
  retracted = false;
  /** Number of the newest event taken: what comes behind it is still to be read. */
  last: number | null = null;
  /** The response as it ended. */
  end: WireAnswer | null = null;

  /** Takes an event in. One that was seen before changes nothing, and one of an unknown type says nothing. */
  take(event: WireEvent): void {
    if (this.last !== null && event.sequence_number <= this.last) return;
    this.last = event.sequence_number;
    if (event.type === textDelta) this.text += event.delta ?? "";
    else if (thoughtDeltas.has(event.type)) this.thought += event.delta ?? "";
    else if (isEnd(event) && event.response) this.#finish(event.response);
  }

  /** The last event has it all: it stands, also where the events before it are not kept any more. */
  #finish(answer: WireAnswer): void {
    this.end = answer;
    this.retracted = Boolean(answer.retraction);
    if (!answer.output) return;
    this.text = partsOf(answer.output, "output_text");
    this.thought = partsOf(answer.output, "reasoning_text");
  }
}

function partsOf(output: NonNullable<WireAnswer["output"]>, type: string): string {
  const parts = output.flatMap((item) => item.content ?? []);
  return parts.map((part) => (part.type === type ? (part.text ?? "") : "")).join("");
}
