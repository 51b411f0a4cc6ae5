/** One conversation as the page holds it. */
import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { Drafts } from "../kit/drafts";
import { local } from "../kit/storage";
import type { Message } from "./message";
import type { Problem } from "./problem";

export type ThreadPhase = "new" | "loading" | "ready" | "missing" | "failed";

const drafts = new Drafts(local);
const editMark = ".edit";

/** A reload in the middle of an edit leaves its text as a draft. */
function storedDraft(key: string): string {
  return drafts.get(key) || drafts.get(key + editMark);
}

export class Thread {
  /** null until the first message is sent. */
  readonly id: Signal<string | null>;
  readonly phase: Signal<ThreadPhase>;
  readonly messages: Signal<readonly Message[]> = signal([]);
  /** What the reader is writing; kept in the browser under the conversation's id. */
  readonly draft: Signal<string>;
  /** The user's message being edited, if any. */
  readonly editing: Signal<Message | null> = signal(null);
  /** Why the last sending did not work. */
  readonly problem: Signal<Problem | null> = signal(null);
  /** Whether the server keeps the last message without an answer to it. */
  readonly unanswered = signal(false);
  /** The question that may or may not have reached the server, as it was sent, and its key. */
  unsent: { readonly question: string; readonly key: string } | null = null;
  readonly hasEarlier = signal(false);
  readonly earlier: Signal<"idle" | "loading" | "failed"> = signal("idle");
  /** Counts what was put in front, so that the mounted span can follow. */
  readonly prepended = signal(0);
  /** Id of the oldest item read, shown or not. */
  oldestId: string | null = null;

  /** The answer being written, if any. */
  readonly live: ReadonlySignal<Message | null> = computed(() => this.messages.value.findLast((m) => m.live) ?? null);
  readonly lastUser: ReadonlySignal<Message | null> = computed(
    () => this.messages.value.findLast((m) => m.role === "user") ?? null,
  );

  constructor(id: string | null) {
    this.id = signal(id);
    this.phase = signal(id ? "loading" : "new");
    this.draft = signal(storedDraft(id ?? "new"));
    effect(() => this.#keepDraft());
  }

  /** Gives a new thread the id the server made for it. */
  adopt(id: string): void {
    if (this.id.value === null) drafts.set("new", "");
    this.id.value = id;
    this.phase.value = "ready";
    known.set(id, this);
  }

  /** Goes back to being a new chat, its messages as they are. */
  disown(): void {
    if (this.id.value) {
      known.delete(this.id.value);
      drafts.set(this.id.value, "");
    }
    this.id.value = null;
    this.phase.value = "new";
  }

  replace(key: string, change: (message: Message) => Message): void {
    this.messages.value = this.messages.value.map((message) => (message.key === key ? change(message) : message));
  }

  /** Takes out an answer that is gone. */
  forget(key: string, unanswered: boolean): void {
    batch(() => {
      this.messages.value = this.messages.value.filter((message) => message.key !== key);
      this.unanswered.value = unanswered;
    });
  }

  /** Puts a message of the reader's into the box; the draft waits meanwhile. */
  edit(message: Message): void {
    batch(() => {
      this.editing.value = message;
      this.draft.value = message.text;
    });
  }

  /** Leaves editing, and gives the draft back that was there before. */
  endEdit(): void {
    batch(() => {
      this.editing.value = null;
      this.draft.value = drafts.get(this.#draftKey());
    });
  }

  #draftKey(): string {
    return this.id.value ?? "new";
  }

  #keepDraft(): void {
    const key = this.#draftKey();
    if (!this.editing.value) {
      drafts.set(key, this.draft.value);
      drafts.set(key + editMark, "");
    } else {
      drafts.set(key + editMark, this.draft.value);
    }
  }
}

const known = new Map<string, Thread>();
const mostKept = 12;

/** The thread for an id, with what is known of it. */
export function threadOf(id: string): Thread {
  const thread = known.get(id) ?? new Thread(id);
  known.delete(id);
  known.set(id, thread);
  forgetOldest();
  return thread;
}

function forgetOldest(): void {
  for (const [id, thread] of known) {
    if (known.size <= mostKept) return;
    if (!thread.live.value) known.delete(id);
  }
}
