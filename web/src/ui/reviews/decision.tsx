/** Approve, uphold or escalate; then the next review of the queue. */
import type { VNode } from "preact";
import { useRef, useState } from "preact/hooks";
import { ApiError } from "../../api/http";
import { toast } from "../../kit/toasts";
import { decide } from "../../reviews/calls";
import { nextAfter, note as noteInQueue } from "../../reviews/queue";
import type { Decision, WireReview, WireWholeReview } from "../../reviews/wire";
import { choicesFor } from "../../reviews/words";
import { isAdmin } from "../../roles";
import { goReview, openReview } from "../../router";
import { words } from "../../text-reviews";
import { Icon } from "../icons";
import { Part } from "./part";

// As the server takes it.
const noteMost = 2000;

interface Props {
  readonly review: WireWholeReview;
  readonly reload: () => void;
}

export function DecisionForm({ review, reload }: Props): VNode {
  const field = useRef<HTMLTextAreaElement>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const choices = choicesFor(review, isAdmin.value);
  const take = async (decision: Decision): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      const decided = await decide(review.id, decision, field.current?.value.trim() || null);
      await moveOn(decided, decision);
    } catch (error) {
      setProblem(problemOf(error));
      if (error instanceof ApiError && error.code === "review_decided") reload();
    }
    setBusy(false);
  };
  return (
    <Part title={words.decision.title}>
      {remarkOn(review, isAdmin.value) && <p class="quiet">{remarkOn(review, isAdmin.value)}</p>}
      {problem && (
        <p class="problem" role="alert">
          <Icon name="warning" />
          <span>{problem}</span>
        </p>
      )}
      {choices.length > 0 && (
        <div class="form decision">
          <label>
            {words.decision.note}
            <textarea ref={field} rows={2} maxLength={noteMost} dir="auto" />
          </label>
          <div class="decisions">
            {choices.map((each) => (
              <Choice key={each} decision={each} busy={busy} take={() => void take(each)} />
            ))}
          </div>
        </div>
      )}
    </Part>
  );
}

interface ChoiceProps {
  readonly decision: Decision;
  readonly busy: boolean;
  readonly take: () => void;
}

function Choice({ decision, busy, take }: ChoiceProps): VNode {
  return (
    <button type="button" class={`decide ${decision}`} aria-disabled={busy} onClick={take}>
      <b>{words.decision[decision]}</b>
      <span>{words.decision.means[decision]}</span>
    </button>
  );
}

function remarkOn({ state }: WireReview, admin: boolean): string {
  if (state === "open" || (state === "escalated" && admin)) return "";
  if (state === "escalated") return words.decision.forAdmin;
  return admin ? words.decision.again : words.decision.settled;
}

/** The queue's next one, or the queue itself where that was the last. */
async function moveOn(decided: WireReview, decision: Decision): Promise<void> {
  const next = await nextAfter(decided.id);
  noteInQueue(decided);
  // Who has gone elsewhere meanwhile stays there.
  if (openReview.value !== decided.id) return;
  toast(`${words.decision.done[decision]} ${next ? words.decision.next : words.decision.last}`);
  goReview(next);
}

function problemOf(error: unknown): string {
  const { problems } = words.decision;
  const code = error instanceof ApiError ? error.code : "other";
  return Object.hasOwn(problems, code) ? problems[code as keyof typeof problems] : problems.other;
}
