/** Sends a message and receives its answer. Nothing typed is lost: what fails before the server took it goes back to the box. */
import { streamAnswer } from "../api/chat";
import * as api from "../api/conversations";
import { ApiError } from "../api/http";
import type { WireChunk } from "../api/wire";
import * as list from "../conversations/list";
import { markUnread } from "../conversations/unread";
import { Painter } from "../kit/paint";
import { chosenModel, modelToAsk } from "../models";
import { addressOf, openId } from "../router";
import { endedBy, fromItem, type Live, liveAnswer, type Message, type Outcome, usageOf, userMessage } from "./message";
import { problemOf } from "./problem";
import { followAnswer } from "./resume";
import { stopWanted } from "./stop";
import type { Thread } from "./thread";

/** Asks `words`, at the end or in place of the user's message `replaced` and all after it. */
export async function send(thread: Thread, words: string, replaced: Message | null = null): Promise<void> {
  if (thread.live.value || words.trim() === "") return;
  const turn = new Turn(thread, words, replaced);
  turn.show();
  try {
    await turn.ask();
  } catch (error) {
    await turn.recover(error);
  }
  turn.leave();
}

class Turn {
  readonly #before: readonly Message[];
  readonly #user: Message;
  readonly #answer: Message;
  readonly #live: Live;
  readonly #painter: Painter;
  readonly #startedAt = performance.now();
  #received = "";
  #accepted = false;
  #created = false;
  #outcome: Outcome = "done";
  #settled: Partial<Message> = {};

  constructor(
    private readonly thread: Thread,
    private readonly words: string,
    private readonly replaced: Message | null,
  ) {
    this.#before = thread.messages.value;
    this.#user = userMessage(words, Date.now());
    this.#answer = liveAnswer(chosenModel.value, Date.now());
    // liveAnswer always carries one.
    this.#live = this.#answer.live as Live;
    this.#painter = new Painter(() => {
      this.#live.text.value = this.#received;
    });
  }

  show(): void {
    const { thread, replaced } = this;
    const at = replaced ? this.#before.findIndex((message) => message.key === replaced.key) : -1;
    const kept = at >= 0 ? this.#before.slice(0, at) : this.#before;
    thread.problem.value = null;
    thread.messages.value = [...kept, this.#user, this.#answer];
    if (thread.id.value) list.touch(thread.id.value);
  }

  async ask(): Promise<void> {
    const model = await modelToAsk();
    const conversationId = this.thread.id.value ?? (await this.#create());
    const question = {
      conversationId,
      text: this.words,
      model,
      replacesItemId: this.replaced?.id ?? null,
    };
    for await (const chunk of streamAnswer(question)) this.#take(chunk);
    this.#finish();
  }

  async #create(): Promise<string> {
    const { thread } = this;
    const created = await api.createConversation();
    this.#created = true;
    const shown = openId.value === null;
    thread.adopt(created.id);
    list.add(created.id, firstLine(this.words));
    if (shown) {
      history.pushState(null, "", addressOf(created.id));
      openId.value = created.id;
    }
    return created.id;
  }

  #take(chunk: WireChunk): void {
    if (!this.#accepted) this.#accept(chunk);
    if (chunk.error) {
      this.#outcome = chunk.error.code === "content_filter" ? "blocked" : "failed";
      return;
    }
    const choice = chunk.choices?.[0];
    if (choice?.delta?.content) this.#write(choice.delta.content);
    if (choice?.finish_reason) this.#outcome = endedBy(choice.finish_reason);
    if (chunk.status === "cancelled") this.#outcome = "stopped";
    if (chunk.status === "incomplete" && this.#outcome === "done") this.#outcome = "incomplete";
    if (chunk.model) this.#settled = { ...this.#settled, model: chunk.model };
    const usage = usageOf(chunk.usage);
    if (usage) this.#settled = { ...this.#settled, usage };
  }

  /** The first chunk: the server has the question, and names it and the answer. */
  #accept(chunk: WireChunk): void {
    const { thread } = this;
    this.#accepted = true;
    this.#live.responseId.value = chunk.response_id ?? null;
    const userId = chunk.item_ids?.at(-1) ?? null;
    const answerId = chunk.output_item_id ?? null;
    thread.replace(this.#user.key, (message) => ({ ...message, id: userId }));
    thread.replace(this.#answer.key, (message) => ({ ...message, id: answerId }));
    stopWanted(thread);
  }

  #write(words: string): void {
    this.#received += words;
    if (this.#live.phase.value === "thinking") this.#live.phase.value = "writing";
    this.#painter.request();
  }

  #finish(): void {
    this.#painter.flush();
    const stopped = this.#live.stopping.value && this.#outcome === "done";
    const settled: Partial<Message> = {
      ...{ text: this.#received, live: null, tookMs: performance.now() - this.#startedAt, at: Date.now() },
      ...{ outcome: stopped ? "stopped" : this.#outcome, ...this.#settled },
    };
    this.thread.replace(this.#answer.key, (message) => ({ ...message, ...settled }));
  }

  /** After a failure: the answer goes on without us, or the text goes back to the box. */
  async recover(error: unknown): Promise<void> {
    const cut = error instanceof ApiError && error.code === "network";
    this.#painter.flush();
    if (this.#accepted || (cut && (await this.#reachedServer()))) {
      this.#live.phase.value = "reconnecting";
      await followAnswer(this.thread);
    } else {
      await this.#giveBack(error);
    }
  }

  /** Whether the question is stored although no answer came: then sending it again would ask twice. */
  async #reachedServer(): Promise<boolean> {
    const id = this.thread.id.value;
    const page = id && navigator.onLine ? await api.listItems(id, 2, null).catch(() => null) : null;
    const user = page?.data.find((item) => item.role === "user");
    const stored = user ? fromItem(user) : null;
    const known = this.#before.some((message) => message.id === stored?.id);
    return stored !== null && !known && stored.text === this.words;
  }

  async #giveBack(error: unknown): Promise<void> {
    const { thread, words } = this;
    thread.messages.value = this.#before;
    if (this.#created) await this.#forgetCreated();
    // A regenerated answer's question was never in the box; an edited one was, and goes back to being edited.
    if (this.replaced?.text !== words) {
      const typedSince = thread.draft.value;
      thread.editing.value = this.replaced;
      thread.draft.value = typedSince.trim() ? `${words}\n\n${typedSince}` : words;
    }
    thread.problem.value = problemOf(error);
  }

  /** A conversation made for a message that was refused is empty: it goes again. */
  async #forgetCreated(): Promise<void> {
    const id = this.thread.id.value;
    // Where the reader has gone on to another chat, it stays and keeps the text in its box.
    if (!id || openId.value !== id) return;
    this.thread.disown();
    list.drop(id);
    history.replaceState(null, "", addressOf(null));
    openId.value = null;
    await api.deleteConversation(id).catch(() => undefined);
  }

  /** Afterwards: the list shows what the server made of it, and whether somebody looked. */
  leave(): void {
    const id = this.thread.id.value;
    if (!id) return;
    list.touch(id);
    if (openId.value !== id || document.hidden) markUnread(id);
    if (this.#created) void list.learn(id);
  }
}

function firstLine(words: string): string {
  const line = words.trim().split("\n", 1)[0] ?? "";
  return line.length > 60 ? `${line.slice(0, 59).trimEnd()}…` : line;
}
