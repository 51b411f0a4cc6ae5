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
    if (event.type === "response.retracted") this.#retract();
    else if (this.retracted && !isEnd(event)) return;
    else if (event.type === textDelta) this.text += event.delta ?? "";
    else if (thoughtDeltas.has(event.type)) this.thought += event.delta ?? "";
    else if (isEnd(event) && event.response) this.#finish(event.response);
  }

  /** The last event has it all: it stands, also where the events before it are not kept any more. */
  #finish(answer: WireAnswer): void {
    this.end = answer;
    const { output } = answer;
    if (!output || this.retracted) return;
    this.text = partsOf(output, "output_text");
    this.thought = partsOf(output, "reasoning_text");
    // Who comes back only now has missed the word that it is taken back.
    if (this.text === "" && answer.incomplete_details?.reason === "content_filter") this.#retract();
  }

  #retract(): void {
    this.retracted = true;
    this.text = "";
    this.thought = "";
  }
}

function partsOf(output: NonNullable<WireAnswer["output"]>, type: string): string {
  const parts = output.flatMap((item) => item.content ?? []);
  return parts.map((part) => (part.type === type ? (part.text ?? "") : "")).join("");
}
