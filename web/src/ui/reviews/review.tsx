/** One review: what was said, what moderation found in it, and the decision. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../../api/http";
import { getReview } from "../../reviews/calls";
import { isRefusal, note, phase } from "../../reviews/queue";
import type { WireReviewEvent, WireWholeReview } from "../../reviews/wire";
import { categoriesInWords, isHarrowing, kindOf, scoreInWords } from "../../reviews/words";
import { text } from "../../text";
import { words } from "../../text-reviews";
import { Icon } from "../icons";
import { Note } from "../note";
import { Skeleton } from "../skeleton";
import { DecisionForm } from "./decision";
import { Findings } from "./findings";
import { Part } from "./part";
import { Marks } from "./row";

type Known = WireWholeReview | "loading" | "failed" | "missing";

interface Props {
  readonly id: string;
  readonly onBack: () => void;
}

export function Review({ id, onBack }: Props): VNode {
  const [known, setKnown] = useState<Known>("loading");
  const load = (): void => {
    getReview(id).then(
      (review) => {
        setKnown(review);
        note(review);
      },
      (error: unknown) => {
        if (isRefusal(error)) phase.value = "refused";
        else setKnown(error instanceof ApiError && error.status === 404 ? "missing" : "failed");
      },
    );
  };
  useEffect(load, []);
  const again = (): void => {
    setKnown("loading");
    load();
  };
  return (
    <div class="reviews">
      <div class="reviews-column">
        <button type="button" class="quiet-button review-back" onClick={onBack}>
          <Icon name="back" />
          {words.one.back}
        </button>
        {typeof known !== "object" && <h1 class="unseen">{words.title}</h1>}
        {known === "loading" && <Skeleton rows={8} label={words.one.loading} />}
        {known === "failed" && <Note sentence={words.one.failed} action={text.retry} run={again} />}
        {known === "missing" && <Note sentence={words.one.missing} action={words.one.back} run={onBack} />}
        {typeof known === "object" && <Whole review={known} reload={load} />}
      </div>
    </div>
  );
}

function Whole({ review, reload }: { readonly review: WireWholeReview; readonly reload: () => void }): VNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const at = review.created_at * 1000;
  return (
    <article class="review" aria-label={kindOf(review)}>
      <header>
        <h1 ref={heading} tabIndex={-1}>
          {kindOf(review)}
        </h1>
        <p class="review-facts">
          {review.categories.length > 0 && <span>{categoriesInWords(review.categories)}</span>}
          {scoreInWords(review) && <span>{scoreInWords(review)}</span>}
          <span>{words.one.by(review.user)}</span>
          <time dateTime={new Date(at).toISOString()} title={text.fullTime(at)}>
            {text.when(at)}
          </time>
        </p>
        <Marks review={review} />
      </header>
      {review.appealed_at !== null && (
        <Part title={words.one.appeal}>
          <p class={review.appeal_note ? "appeal-note" : "quiet"} dir="auto">
            {review.appeal_note ?? words.one.appealBare}
          </p>
        </Part>
      )}
      <Words review={review} />
      <Findings review={review} />
      <DecisionForm review={review} reload={reload} />
      <History events={review.events} />
    </article>
  );
}

/** What was said, and around it; what is hard to read waits until somebody asks for it. */
function Words({ review }: { readonly review: WireWholeReview }): VNode {
  const isHard = isHarrowing(review) && review.text !== null;
  const [shown, setShown] = useState(!isHard);
  const title = review.context.length > 1 ? words.one.context : words.one.text;
  return (
    <Part title={title}>
      {isHard && (
        <div class="review-careful">
          <span>{words.one.careful(categoriesInWords(review.categories))}</span>
          <button type="button" class="text-button" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {shown ? words.one.hide : words.one.show}
          </button>
        </div>
      )}
      {shown && <Said review={review} />}
    </Part>
  );
}

function Said({ review }: { readonly review: WireWholeReview }): VNode {
  const subject = review.context.find((item) => item.is_subject);
  return (
    <ol class="review-context">
      {!subject && <Item role={roleOfSubject(review)} said={review.text} isSubject />}
      {review.context.map((item) => (
        <Item
          key={item.id}
          role={item.role ?? item.type}
          // What was taken back is not in its conversation any more.
          said={item.is_subject ? review.text : item.text}
          isSubject={item.is_subject}
        />
      ))}
    </ol>
  );
}

function roleOfSubject({ side }: WireWholeReview): string {
  return side === "input" ? "user" : "assistant";
}

interface ItemProps {
  readonly role: string;
  readonly said: string | null;
  readonly isSubject: boolean;
}

// What is longer scrolls by itself, so that the rest of the page stays within reach.
const longChars = 1200;

function Item({ role, said, isSubject }: ItemProps): VNode {
  const who = words.one.roles[role] ?? role;
  return (
    <li class={isSubject ? "subject" : ""}>
      <span class="review-role">
        {who}
        {isSubject && <span class="chip">{words.one.subject}</span>}
      </span>
      <SaidWords said={said} by={who} />
    </li>
  );
}

function SaidWords({ said, by }: { readonly said: string | null; readonly by: string }): VNode {
  if (said === null) return <p class="absent">{words.list.gone}</p>;
  if (said === "") return <p class="absent">{words.list.noText}</p>;
  const line = (
    <p class="review-words" dir="auto">
      {said}
    </p>
  );
  if (said.length <= longChars) return line;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable from the keyboard
    <section class="review-long" tabIndex={0} aria-label={by}>
      {line}
    </section>
  );
}

function History({ events }: { readonly events: readonly WireReviewEvent[] }): VNode | null {
  if (events.length === 0) return null;
  return (
    <Part title={words.history.title}>
      <ol class="review-history">
        {events.map((event, index) => (
          <li key={index}>
            <span>
              {words.history.kinds[event.kind]} {words.one.by(event.actor)}
            </span>
            <time dateTime={new Date(event.at * 1000).toISOString()} title={text.fullTime(event.at * 1000)}>
              {text.when(event.at * 1000)}
            </time>
            {event.note && (
              <p class="review-words" dir="auto">
                {event.note}
              </p>
            )}
          </li>
        ))}
      </ol>
    </Part>
  );
}
