/** What the assistant said, or is saying. */
import { useSignalEffect } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { memo } from "../kit/memo";
import { text } from "../text";
import type { Live, Message, Outcome } from "../threads/message";
import { standingOf } from "../threads/moderation";
import { send } from "../threads/send";
import type { Thread } from "../threads/thread";
import { announce } from "./announcer";
import { AskForReview } from "./appeal";
import { Action, IconButton } from "./button";
import { CopyButton } from "./copy-button";
import { Details } from "./details";
import { Markdown } from "./markdown";
import { Thought } from "./thought";

interface Props {
  readonly message: Message;
  readonly thread: Thread;
  readonly last: boolean;
}

export const Answer = memo(({ message, thread, last }: Props): VNode => {
  const { live } = message;
  useAnnouncedEnd(message);
  return (
    <article class={`answer${live ? " live" : ""}`} aria-label={text.message.answer} aria-busy={live !== null}>
      <Body message={message} />
      {!live && message.insteadOf && <Degraded model={message.model} wanted={message.insteadOf} />}
      {!live && <Ending message={message} thread={thread} last={last} />}
      {!live && (
        <div class={`actions${last ? " stay" : ""}`}>
          {message.text && <CopyButton label={text.message.copy} read={() => message.text} />}
          {last && !isAskedAgain(message) && <RetryButton thread={thread} />}
          <Details message={message} />
        </div>
      )}
    </article>
  );
});

/** Reads the answer out, once, when it has just ended. */
function useAnnouncedEnd(message: Message): void {
  const wasLive = useRef(false);
  useEffect(() => {
    if (wasLive.current && !message.live) announce(endingWords(message));
    wasLive.current = message.live !== null;
  }, [message]);
}

function endingWords(message: Message): string {
  if (message.moderation?.blocked) return text.moderation.answer.blocked;
  return `${text.message.answered}. ${message.text}`;
}

/** One body for the whole of its life: what the reader has opened in it stays open when the answer ends. */
function Body({ message }: { readonly message: Message }): VNode {
  const { live } = message;
  const words = live ? live.text.value : message.text;
  const thought = live ? live.thought.value : message.thought;
  return (
    <>
      {thought && <Thought words={thought} growing={live !== null && words === ""} />}
      {words && <Markdown source={words} growing={live !== null} />}
      {live && <Pulse live={live} />}
    </>
  );
}

/** What happens where nothing is to be read yet, or not now. */
function Pulse({ live }: { readonly live: Live }): VNode | null {
  const phase = live.phase.value;
  useSignalEffect(() => announce(sayPhase(live.phase.value)));
  const isRead = live.text.value !== "" || live.thought.value !== "";
  if (isRead && (phase === "writing" || phase === "thinking")) return null;
  return (
    <p class="pulse">
      <span class="pulse-dot" />
      <span class={phase === "thinking" ? "unseen" : ""}>{sayPhase(phase)}</span>
    </p>
  );
}

function sayPhase(phase: Live["phase"]["value"]): string {
  if (phase === "reconnecting") return text.message.reconnecting;
  if (phase === "resumed") return text.message.inProgress;
  if (phase === "again") return text.message.again;
  if (phase === "withdrawn") return text.moderation.answer.blocked;
  return text.message.thinking;
}

function RetryButton({ thread }: { readonly thread: Thread }): VNode | null {
  const asked = thread.lastUser.value;
  if (!asked?.id) return null;
  return <IconButton icon="retry" label={text.message.retry} onClick={() => void send(thread, asked.text, asked)} />;
}

const sentences: Readonly<Record<Exclude<Outcome, "done">, string>> = {
  stopped: text.outcome.stopped,
  length: text.outcome.length,
  blocked: text.outcome.filtered,
  incomplete: text.outcome.incomplete,
  failed: text.outcome.failed,
};

function sentenceFor({ outcome, text: words, moderation }: Message): string {
  if (moderation) return text.moderation.answer[standingOf(moderation)];
  if (outcome === "incomplete" && words === "") return text.outcome.incompleteEmpty;
  return outcome === "done" ? "" : sentences[outcome];
}

/** Another model than the reader chose has answered: asking again later gets the chosen one. */
function Degraded({ model, wanted }: { readonly model: string | null; readonly wanted: string }): VNode {
  return (
    <div class="ending degraded">
      <span>{text.outcome.degraded(model ?? text.details.unknown, wanted)}</span>
    </div>
  );
}

/** One plain sentence for an answer that did not end well, with the action that helps. */
function Ending({ message, thread, last }: Props): VNode | null {
  const { outcome, moderation } = message;
  if (outcome === "done" && !moderation) return null;
  return (
    <div class={`ending ${moderation ? (moderation.blocked ? "blocked" : "cleared") : outcome}`}>
      <span>{sentenceFor(message)}</span>
      {(last || moderation) && <Remedy message={message} thread={thread} last={last} />}
    </div>
  );
}

function Remedy({ message, thread, last }: Props): VNode {
  const asked = thread.lastUser.value;
  const goesOn = (message.outcome === "length" || message.outcome === "incomplete") && message.text !== "";
  const isFiltered = message.outcome === "blocked" && !message.moderation;
  return (
    <div class="remedies">
      <AskForReview message={message} thread={thread} />
      {last && goesOn && (
        <Action label={text.outcome.goOn} run={() => void send(thread, text.outcome.continueAnswer)} />
      )}
      {last && asked?.id && isFiltered && <Action label={text.outcome.editMessage} run={() => thread.edit(asked)} />}
      {last && isAskedAgain(message) && <AskAgain thread={thread} />}
    </div>
  );
}

/** Whether the sentence under an answer offers to ask again: the buttons need not. */
function isAskedAgain({ outcome, moderation }: Message): boolean {
  return moderation !== null || (outcome !== "done" && outcome !== "blocked");
}

/** Asks the last question again, in its own place. */
function AskAgain({ thread }: { readonly thread: Thread }): VNode | null {
  const asked = thread.lastUser.value;
  return asked?.id ? <Action label={text.retry} run={() => void send(thread, asked.text, asked)} /> : null;
}

/** Stands where the answer would be: the server has the question and nothing to say to it. */
export function NoAnswer({ thread }: { readonly thread: Thread }): VNode {
  return (
    <div class="ending">
      <span>{text.outcome.unanswered}</span>
      <div class="remedies">
        <AskAgain thread={thread} />
      </div>
    </div>
  );
}
