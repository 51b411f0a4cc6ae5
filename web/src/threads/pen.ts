/** Shows an answer as it grows, at most once a frame, and never less of it than was shown before. */
import { batch } from "@preact/signals";
import { Painter } from "../kit/paint";
import type { Live } from "./message";

export class Pen {
  #text = "";
  #thought = "";
  readonly #painter = new Painter(() => this.#paint());

  constructor(private readonly live: Live) {}

  /** A replay begins with nothing: what is on the page stays until it has come as far. */
  write(text: string, thought: string): void {
    this.#text = text;
    this.#thought = thought;
    const phase = text || this.live.text.value ? "writing" : "thinking";
    if (this.live.phase.value !== phase) this.live.phase.value = phase;
    this.#painter.request();
  }

  /** Takes everything from the page at once, whatever was shown before. */
  erase(): void {
    this.#text = "";
    this.#thought = "";
    batch(() => {
      this.live.text.value = "";
      this.live.thought.value = "";
      this.live.phase.value = "withdrawn";
    });
  }

  flush(): void {
    this.#painter.flush();
  }

  #paint(): void {
    const { text, thought } = this.live;
    batch(() => {
      if (this.#text.length > text.value.length) text.value = this.#text;
      if (this.#thought.length > thought.value.length) thought.value = this.#thought;
    });
  }
}
