/** The pages for reviewers: the queue, or one review of it. */
import "../../styles/reviews.css";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { phase } from "../../reviews/queue";
import { loadRoles } from "../../roles";
import { go, goReview, openReview } from "../../router";
import { words } from "../../text-reviews";
import { Queue } from "./queue";
import { Review } from "./review";

export function ReviewsPage(): VNode {
  // Which row the reader comes back to.
  const last = useRef("");
  useEffect(() => void loadRoles(), []);
  const id = openReview.value;
  if (phase.value === "refused") return <Refused />;
  if (!id) return <Queue back={last.current} />;
  last.current = id;
  return <Review key={id} id={id} onBack={() => goReview("")} />;
}

function Refused(): VNode {
  return (
    <div class="note">
      <h1>{words.refused.title}</h1>
      <p>{words.refused.sentence}</p>
      <button type="button" class="primary" onClick={() => go(null)}>
        {words.refused.back}
      </button>
    </div>
  );
}
