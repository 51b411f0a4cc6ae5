/** The conversation's column: a sliding span of its messages, newest at the end. */
import type { VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { text } from "../text";
import { loadEarlier } from "../threads/load";
import { earlier, followed, later, type Span, shifted, tail } from "../threads/span";
import type { Thread } from "../threads/thread";
import { Answer, NoAnswer } from "./answer";
import { Follower } from "./follower";
import { Icon } from "./icons";
import { Skeleton } from "./skeleton";
import { UserMessage } from "./user-message";

// How near to the first or last mounted message the next ones are mounted.
const aheadPx = 900;

export function ThreadView({ thread }: { readonly thread: Thread }): VNode {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [follower, setFollower] = useState<Follower | null>(null);
  const { span, slide } = useSpan(thread, follower);

  useLayoutEffect(() => {
    if (!scroller.current || !content.current) return;
    const made = new Follower(scroller.current, content.current);
    made.toEnd();
    setFollower(made);
    return () => made.stop();
  }, []);

  const checkEdges = useCallback(() => {
    const area = scroller.current;
    if (!area) return;
    if (area.scrollTop < aheadPx) slide("earlier");
    else if (area.scrollHeight - area.scrollTop - area.clientHeight < aheadPx) slide("later");
  }, [slide]);
  useEffect(checkEdges);

  // Sending a message always leads to the end.
  const live = thread.live.value?.key;
  useLayoutEffect(() => {
    if (live) {
      slide("end");
      follower?.toEnd();
    }
  }, [live, follower, slide]);

  const shown = thread.messages.value.slice(span.from, span.to);
  const lastKey = thread.messages.value.at(-1)?.key;
  const lastUserKey = thread.lastUser.value?.key;
  const editedAt = thread.editing.value?.at ?? Number.POSITIVE_INFINITY;
  return (
    <div class="thread-place">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable from the keyboard */}
      <section ref={scroller} class="thread" tabIndex={0} aria-label={text.message.list} onScroll={checkEdges}>
        <div ref={content} class="column">
          <Top thread={thread} atStart={span.from === 0} />
          {shown.map((message) => (
            <div
              key={message.key}
              data-key={message.key}
              class={message.at >= editedAt ? "message replaced" : "message"}
            >
              {message.role === "user" ? (
                <UserMessage message={message} thread={thread} editable={message.key === lastUserKey} />
              ) : (
                <Answer message={message} thread={thread} last={message.key === lastKey} />
              )}
            </div>
          ))}
          {thread.unanswered.value && !live && span.to === thread.messages.value.length && <NoAnswer thread={thread} />}
        </div>
      </section>
      {follower && <ToEnd follower={follower} onClick={() => slide("end")} />}
    </div>
  );
}

type Slide = "earlier" | "later" | "end";

/** The mounted span, following the list as it changes. */
function useSpan(thread: Thread, follower: Follower | null): { span: Span; slide: (where: Slide) => void } {
  const total = thread.messages.value.length;
  const prepended = thread.prepended.value;
  const known = useRef({ span: tail(total), total, prepended });
  const settle = useRef<(() => void) | null>(null);
  const [, again] = useReducer((count: number) => count + 1, 0);

  const state = known.current;
  if (prepended !== state.prepended) {
    // The page still shows what was there before: its place is noted now.
    settle.current ??= follower?.hold() ?? null;
    const more = prepended - state.prepended;
    const same = shifted(state.span, more);
    // At the top there is no room to scroll up by what goes there, so what came is mounted at once.
    known.current = { span: state.span.from === 0 ? earlier(same) : same, total: state.total + more, prepended };
  }
  if (total !== known.current.total) {
    known.current = { span: followed(known.current.span, known.current.total, total), total, prepended };
  }

  const slide = useCallback(
    (where: Slide) => {
      const { span, total: count } = known.current;
      if (where === "earlier" && span.from === 0) return void loadEarlier(thread);
      const next = where === "earlier" ? earlier(span) : where === "later" ? later(span, count) : tail(count);
      if (next.from === span.from && next.to === span.to) return;
      if (where === "end" && span.to === count) return follower?.toEnd();
      if (where !== "end") settle.current ??= follower?.hold() ?? null;
      known.current = { ...known.current, span: next };
      again(0);
    },
    [thread, follower],
  );

  useLayoutEffect(() => {
    settle.current?.();
    settle.current = null;
    follower?.stick();
  });
  return { span: known.current.span, slide };
}

/** What stands above the first message: more to come, or what went wrong. */
function Top({ thread, atStart }: { readonly thread: Thread; readonly atStart: boolean }): VNode | null {
  if (!atStart || !thread.hasEarlier.value) return null;
  if (thread.earlier.value !== "failed") return <Skeleton rows={3} label={text.conversation.loadingEarlier} />;
  return (
    <div class="list-note" role="alert">
      <p>{text.conversation.earlierFailed}</p>
      <button type="button" class="text-button" onClick={() => void loadEarlier(thread)}>
        {text.retry}
      </button>
    </div>
  );
}

function ToEnd({ follower, onClick }: { readonly follower: Follower; readonly onClick: () => void }): VNode | null {
  if (follower.atEnd.value) return null;
  const go = (): void => {
    onClick();
    follower.toEnd();
  };
  return (
    <button type="button" class="to-end" onClick={go} aria-label={text.message.toEnd} title={text.message.toEnd}>
      <Icon name="down" />
    </button>
  );
}
