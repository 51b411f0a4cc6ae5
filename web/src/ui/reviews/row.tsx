/** One review in the list: what it is, how sure moderation was, when, and how it begins. */
import type { VNode } from "preact";
import { memo } from "../../kit/memo";
import type { WireReview } from "../../reviews/wire";
import { categoriesInWords, isHarrowing, kindOf, marksOf, scoreInWords } from "../../reviews/words";
import { addressOfReview, goReview } from "../../router";
import { text } from "../../text";
import { words } from "../../text-reviews";

export const Row = memo(({ review }: { readonly review: WireReview }): VNode => {
  const at = review.created_at * 1000;
  return (
    <li>
      <a
        id={review.id}
        class="review-row"
        href={addressOfReview(review.id)}
        onClick={(event) => follow(event, review.id)}
      >
        <span class="review-line">
          <b>{kindOf(review)}</b>
          <span class="review-categories">{categoriesInWords(review.categories)}</span>
          <span class="review-score">{scoreInWords(review)}</span>
          <time dateTime={new Date(at).toISOString()} title={text.fullTime(at)}>
            {text.when(at)}
          </time>
        </span>
        <Excerpt review={review} />
        <Marks review={review} />
      </a>
    </li>
  );
});

function follow(event: MouseEvent, id: string): void {
  // A click for another tab or window belongs to the browser.
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  goReview(id);
}

function Excerpt({ review }: { readonly review: WireReview }): VNode {
  if (review.excerpt === null) return <span class="review-excerpt absent">{words.list.gone}</span>;
  if (isHarrowing(review)) return <span class="review-excerpt absent">{words.list.hidden}</span>;
  return (
    <span class="review-excerpt" dir="auto">
      {review.excerpt}
    </span>
  );
}

export function Marks({ review }: { readonly review: WireReview }): VNode | null {
  const marks = marksOf(review);
  const isSettled = review.state !== "open";
  if (marks.length === 0 && !isSettled) return null;
  return (
    <span class="review-marks">
      {isSettled && <span class={`chip ${review.state}`}>{words.states[review.state]}</span>}
      {marks.map((mark) => (
        <span key={mark} class="chip">
          {mark}
        </span>
      ))}
    </span>
  );
}
