/** Server-sent events from a byte stream (WHATWG HTML, section 9.2.6), as far as answers use them. */

/** Yields the data of each event. Comments, names and ids are dropped; an event cut off by the end of the stream is dropped too. */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for await (const chunk of chunks) yield* parser.push(decoder.decode(chunk, { stream: true }));
}

/** The chunks of a body. Leaving the loop early lets go of the connection. */
export async function* readChunks(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

export class EventParser {
  #rest = "";
  #data: string[] = [];
  #afterReturn = false;

  /** The events that `text` completes. */
  push(text: string): string[] {
    // A CR at the end of one chunk and the LF at the start of the next are one line end.
    const fresh = this.#afterReturn && text.startsWith("\n") ? text.slice(1) : text;
    if (text !== "") this.#afterReturn = text.endsWith("\r");
    const lines = (this.#rest + fresh).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#take(line));
  }

  #take(line: string): string[] {
    if (line === "") {
      const event = this.#data;
      this.#data = [];
      return event.length > 0 ? [event.join("\n")] : [];
    }
    if (line.startsWith("data:")) this.#data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
    return [];
  }
}
