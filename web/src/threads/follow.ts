/** Reads an answer's events to their end over a line that may be lost at any time. */
import { ApiError } from "../api/http";
import type { WireEvent } from "../api/wire";
import { Replay } from "./replay";

export interface Source {
  /** The events behind number `after`, or all of them. Raises: ApiError. */
  open(after: number | null): AsyncIterable<WireEvent>;
  /** Asks in another way whether there is still something to follow: the stream was refused. */
  isOver(): Promise<boolean>;
  /** Waits before the next try, longer the more tries have failed in a row. */
  wait(failures: number): Promise<void>;
}

export interface Screen {
  show(replay: Replay): void;
  /** Nothing comes for a while. */
  wait(): void;
}

/** What the answer said, each event once; null where it ended in another way, or is gone. */
export async function readToEnd(source: Source, screen: Screen): Promise<Replay | null> {
  let replay = new Replay();
  let failures = 0;
  for (;;) {
    try {
      for await (const event of source.open(replay.last)) {
        failures = 0;
        replay.take(event);
        screen.show(replay);
        if (replay.end) return replay;
      }
    } catch (error) {
      const refused = error instanceof ApiError && error.status !== 0;
      if (refused && (await source.isOver())) return null;
      // The number is not known there: whatever the page has, the server's word counts.
      if (refused && error.status === 400) replay = new Replay();
    }
    failures += 1;
    screen.wait();
    await source.wait(failures);
  }
}
