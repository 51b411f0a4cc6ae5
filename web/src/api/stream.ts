/** A stream of events over a line that may be cut, fall silent, or be gone with the network. */
import { ApiError, type Call, call } from "./http";
import { readChunks, readEvents } from "./sse";

// The server says something every 15 s, and be it a comment.
const silentMs = 40_000;
const lookEveryMs = 5000;

/** Yields the data of each event. Raises: ApiError, with code "network" where the line was lost. */
export async function* streamEvents(path: string, options: Call = {}): AsyncGenerator<string> {
  // A question may have to wait for its model; what is there already begins at once.
  const line = new Line(options.method === "POST" ? null : Date.now());
  try {
    const answer = await call(path, { ...options, signal: line.signal });
    if (answer.body) yield* readEvents(line.heard(readChunks(answer.body)));
  } catch (error) {
    throw error instanceof ApiError ? error : cut(String(error));
  } finally {
    line.hangUp();
  }
}

/** The error for a stream that is over before its end was told. */
export function cut(why: string): ApiError {
  return new ApiError(0, "network", why);
}

/** Hangs up by itself when the browser goes offline or nothing is heard for long: a dead line does not say that it is dead. */
class Line {
  readonly #abort = new AbortController();
  #heardAt: number | null;
  // A clock that is looked at, for a timer stands still while the device sleeps.
  readonly #timer = setInterval(() => this.#look(), lookEveryMs);

  constructor(begunAt: number | null) {
    this.#heardAt = begunAt;
    window.addEventListener("offline", this.hangUp);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async *heard(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#heardAt = Date.now();
    for await (const chunk of chunks) {
      this.#heardAt = Date.now();
      yield chunk;
    }
  }

  hangUp = (): void => {
    clearInterval(this.#timer);
    window.removeEventListener("offline", this.hangUp);
    this.#abort.abort();
  };

  #look(): void {
    if (this.#heardAt !== null && Date.now() - this.#heardAt > silentMs) this.hangUp();
  }
}
