/** What the assistant said, or is saying. */
import { useSignalEffect } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { memo } from "../kit/memo";
import { text } from "../text";
import type { Live, Message, Outcome } from "../threads/message";
import { send } from "../threads/send";
import type { Thread } from "../threads/thread";
import { announce } from "./announcer";
import { IconButton } from "./button";
import { CopyButton } from "./copy-button";
import { Details } from "./details";
import { Markdown } from "./markdown";

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
      {live ? <LiveBody live={live} /> : message.text && <Markdown source={message.text} growing={false} />}
      {!live && <Ending message={message} thread={thread} last={last} />}
      {!live && (
        <div class={`actions${last ? " stay" : ""}`}>
          {message.text && <CopyButton label={text.message.copy} read={() => message.text} />}
          {last && <RetryButton thread={thread} />}
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
    if (wasLive.current && !message.live) announce(`${text.message.answered}. ${message.text}`);
    wasLive.current = message.live !== null;
  }, [message]);
}

function LiveBody({ live }: { readonly live: Live }): VNode {
  const phase = live.phase.value;
  const words = live.text.value;
  useSignalEffect(() => announce(sayPhase(live.phase.value)));
  return (
    <>
      {words && <Markdown source={words} growing={true} />}
      {(phase !== "writing" || !words) && (
        <p class="pulse">
          <span class="pulse-dot" />
          <span class={phase === "thinking" ? "unseen" : ""}>{sayPhase(phase)}</span>
        </p>
      )}
    </>
  );
}

function sayPhase(phase: Live["phase"]["value"]): string {
  if (phase === "reconnecting") return text.message.reconnecting;
  if (phase === "resumed") return text.message.inProgress;
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
  blocked: text.outcome.blocked,
  incomplete: text.outcome.incomplete,
  failed: text.outcome.failed,
};

/** One plain sentence for an answer that did not end well, with the action that helps. */
function Ending({ message, thread, last }: Props): VNode | null {
  const { outcome } = message;
  if (outcome === "done") return null;
  return (
    <div class={`ending ${outcome}`}>
      <span>{sentences[outcome]}</span>
      {last && <Remedy outcome={outcome} thread={thread} />}
    </div>
  );
}

function Remedy({ outcome, thread }: { readonly outcome: Outcome; readonly thread: Thread }): VNode | null {
  const asked = thread.lastUser.value;
  if (outcome === "length")
    return <Action label={text.outcome.goOn} run={() => void send(thread, text.outcome.goOnPrompt)} />;
  if (!asked?.id) return null;
  if (outcome === "blocked") return <Action label={text.outcome.editMessage} run={() => thread.edit(asked)} />;
  return <Action label={text.retry} run={() => void send(thread, asked.text, asked)} />;
}

function Action({ label, run }: { readonly label: string; readonly run: () => void }): VNode {
  return (
    <button type="button" class="text-button" onClick={run}>
      {label}
    </button>
  );
}
