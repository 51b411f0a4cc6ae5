/** Sends a message and receives its answer. Nothing typed is lost: what fails before the server took it goes back to the box. */
import { type Question, streamAnswer } from "../api/chat";
import * as api from "../api/conversations";
import { ApiError } from "../api/http";
import type { WireChunk } from "../api/wire";
import * as list from "../conversations/list";
import { pause } from "../kit/pause";
import { tellTabs } from "../kit/tabs";
import { chosenModel, modelToAsk } from "../models";
import { addressOf, openId, openReview } from "../router";
import { noteEnd } from "./end";
import { loadThread } from "./load";
import {
  endedBy,
  type Live,
  liveAnswer,
  type Message,
  type Outcome,
  toMessages,
  usageOf,
  userMessage,
  withdrawn,
} from "./message";
import { blockedNow } from "./moderation";
import { Pen } from "./pen";
import { problemOf } from "./problem";
import { followAnswer } from "./resume";
import { waitBeforeRetry } from "./retry";
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
  noteEnd(thread);
}

class Turn {
  readonly #before: readonly Message[];
  readonly #user: Message;
  readonly #answer: Message;
  readonly #live: Live;
  readonly #pen: Pen;
  readonly #startedAt = performance.now();
  #text = "";
  #thought = "";
  #accepted = false;
  #created = false;
  #retracted = false;
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
    this.#pen = new Pen(this.#live);
  }

  show(): void {
    const { thread } = this;
    thread.problem.value = null;
    thread.unanswered.value = false;
    thread.messages.value = [...this.#kept(), this.#user, this.#answer];
    if (thread.id.value) list.touch(thread.id.value);
  }

  /** What stays of the conversation when this question takes its place. */
  #kept(): readonly Message[] {
    const at = this.#before.findIndex((message) => message.key === this.replaced?.key);
    return at >= 0 ? this.#before.slice(0, at) : this.#before;
  }

  async ask(): Promise<void> {
    const model = await modelToAsk();
    const conversationId = this.thread.id.value ?? (await this.#patiently(() => this.#create()));
    const replacesItemId = this.replaced?.id ?? null;
    let question: Question = { conversationId, text: this.words, model, replacesItemId };
    await this.#patiently(async (isRetry) => {
      // A try that failed may have left the question there without an answer: it is asked again in its own place.
      const left = isRetry ? await this.#leftQuestion() : null;
      if (left?.id) question = { ...question, replacesItemId: left.id };
      for await (const chunk of streamAnswer(question, this.#keyFor(question))) this.#take(chunk);
    });
    this.#finish();
  }

  /** Does it again where that may help, as long as the server has not taken the question and the reader does not stop it. */
  async #patiently<T>(work: (isRetry: boolean) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await work(tries > 1);
      } catch (error) {
        const waitMs = this.#accepted || this.#live.stopping.value ? null : waitBeforeRetry(error, tries);
        if (waitMs === null) throw error;
        this.#live.phase.value = "again";
        await Promise.race([pause(waitMs), this.#stopped()]);
        if (this.#live.stopping.value) throw error;
      }
    }
  }

  #stopped(): Promise<void> {
    return new Promise((resolve) => {
      this.#live.stopping.subscribe((stopping) => {
        if (stopping) resolve();
      });
    });
  }

  /** The same for the same question until the server has taken it, also where the reader sends it again by hand. */
  #keyFor(wanted: Question): string {
    const question = JSON.stringify(wanted);
    const { unsent } = this.thread;
    const key = unsent?.question === question ? unsent.key : crypto.randomUUID();
    this.thread.unsent = { question, key };
    return key;
  }

  async #create(): Promise<string> {
    const { thread } = this;
    const created = await api.createConversation();
    this.#created = true;
    const shown = openId.value === null && openReview.value === null;
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
    if (chunk.retraction) this.#retract(chunk.retraction.item_id);
    const choice = chunk.choices?.[0];
    this.#write(choice?.delta?.content ?? "", choice?.delta?.reasoning_content ?? "");
    this.#outcome = this.#outcomeAfter(chunk);
    if (chunk.model) this.#settled = { ...this.#settled, model: chunk.model };
    if (chunk.degraded_from) this.#settled = { ...this.#settled, insteadOf: chunk.degraded_from };
    const usage = usageOf(chunk.usage);
    if (usage) this.#settled = { ...this.#settled, usage };
  }

  #outcomeAfter(chunk: WireChunk): Outcome {
    if (this.#retracted) return "blocked";
    if (chunk.error?.code === "content_filter") return "blocked";
    // As the server keeps it: what broke off after its first word is incomplete.
    if (chunk.error) return this.#text || this.#thought ? "incomplete" : "failed";
    if (chunk.status === "cancelled") return "stopped";
    const ended = endedBy(chunk.choices?.[0]?.finish_reason);
    if (ended !== "done") return ended;
    return chunk.status === "incomplete" ? "incomplete" : this.#outcome;
  }

  /** The first chunk: the server has the question, and names it and the answer. */
  #accept(chunk: WireChunk): void {
    const { thread } = this;
    this.#accepted = true;
    thread.unsent = null;
    const responseId = chunk.response_id ?? null;
    this.#live.responseId.value = responseId;
    const userId = chunk.item_ids?.at(-1) ?? null;
    const answerId = chunk.output_item_id ?? null;
    thread.replace(this.#user.key, (message) => ({ ...message, id: userId }));
    thread.replace(this.#answer.key, (message) => ({ ...message, id: answerId, responseId }));
    stopWanted(thread);
    if (thread.id.value) tellTabs(thread.id.value);
  }

  /** What was shown goes at once, not when the stream ends. */
  #retract(itemId: string | null): void {
    this.#retracted = true;
    this.#outcome = "blocked";
    this.#text = "";
    this.#thought = "";
    this.#pen.erase();
    if (itemId) this.thread.replace(this.#answer.key, (message) => ({ ...message, id: itemId }));
  }

  #write(words: string, thought: string): void {
    if ((!words && !thought) || this.#retracted) return;
    this.#text += words;
    this.#thought += thought;
    this.#pen.write(this.#text, this.#thought);
  }

  #finish(): void {
    this.#pen.flush();
    const settled: Partial<Message> = {
      ...{ text: this.#text, thought: this.#thought, live: null, outcome: this.#outcome },
      ...{ tookMs: performance.now() - this.#startedAt, at: Date.now(), ...this.#settled },
    };
    this.thread.replace(this.#answer.key, (message) => {
      const ended = { ...message, ...settled };
      return this.#retracted ? withdrawn(ended) : ended;
    });
  }

  /** After a failure: the answer goes on without us, the question stands there unanswered, or the text goes back to the box. */
  async recover(error: unknown): Promise<void> {
    this.#pen.flush();
    if (this.#accepted && this.#live.responseId.value) {
      this.#live.phase.value = "reconnecting";
      await followAnswer(this.thread);
      return;
    }
    const blocked = isBlock(error);
    const stored = await this.#storedQuestion(blocked);
    if (stored && blocked) this.#showBlocked(stored);
    else if (stored) await this.#showStored(stored);
    else await this.#giveBack(error);
  }

  /** The question as the server keeps it, where it does: then giving it back would ask twice. */
  async #storedQuestion(blocked: boolean): Promise<Message | null> {
    const [question] = await this.#newest(blocked);
    return question ?? null;
  }

  /** The same, where nothing was said to it and nothing will be. */
  async #leftQuestion(): Promise<Message | null> {
    const [question, answer] = await this.#newest();
    return question && !answer ? question : null;
  }

  /** This question and what was said to it, as far as the server has them. One that was `judged` may be stored in other words. */
  async #newest(judged = false): Promise<readonly Message[]> {
    const id = this.thread.id.value;
    const page = id ? await api.listItems(id, 4, null).catch(() => null) : null;
    const messages = toMessages(page?.data ?? []);
    const at = messages.findLastIndex(({ role }) => role === "user");
    const question = messages[at];
    const isOurs =
      (judged || question?.text === this.words) && !this.#before.some((message) => message.id === question?.id);
    return isOurs ? messages.slice(at) : [];
  }

  async #showStored(question: Message): Promise<void> {
    const { thread } = this;
    thread.unsent = null;
    thread.messages.value = [...this.#kept(), { ...question, key: this.#user.key }];
    await loadThread(thread);
  }

  /** It stands there as blocked at once: the server may still be writing down that it is. */
  #showBlocked(question: Message): void {
    const { thread } = this;
    thread.unsent = null;
    const moderation = question.moderation ?? blockedNow;
    thread.messages.value = [...this.#kept(), { ...question, key: this.#user.key, moderation }];
    if (thread.id.value) tellTabs(thread.id.value);
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
    // Where it cannot be deleted the question may yet arrive in it, so that the next try has to be the same one.
    const deleted = await api.deleteConversation(id).then(
      () => true,
      (error: unknown) => error instanceof ApiError && error.status === 404,
    );
    if (!deleted || openId.value !== id) return;
    this.thread.disown();
    list.drop(id);
    history.replaceState(null, "", addressOf(null));
    openId.value = null;
  }
}

function isBlock(error: unknown): boolean {
  return error instanceof ApiError && error.code === "content_policy_violation";
}

function firstLine(words: string): string {
  const line = words.trim().split("\n", 1)[0] ?? "";
  return line.length > 60 ? `${line.slice(0, 59).trimEnd()}…` : line;
}
