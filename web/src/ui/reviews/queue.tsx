/** The list of reviews: filters, rows, and what stands where there are none. */
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { toast } from "../../kit/toasts";
import { allLabels, saveFile, toLines } from "../../reviews/labels";
import { filters, hasMore, load, loadMore, noFilters, phase, rows } from "../../reviews/queue";
import { text } from "../../text";
import { words } from "../../text-reviews";
import { Icon } from "../icons";
import { More } from "../more";
import { Skeleton } from "../skeleton";
import { FilterBar } from "./filters";
import { Row } from "./row";

/** `back` is the review the reader comes from, "" for none. */
export function Queue({ back }: { readonly back: string }): VNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // Who comes back to it finds it as it was; who comes anew, as it is.
    if (back === "" || phase.value !== "idle") void load();
  }, []);
  useLayoutEffect(() => {
    const row = back && document.getElementById(back);
    (row || heading.current)?.focus();
  }, []);
  return (
    <div class="reviews">
      <div class="reviews-column">
        <header class="reviews-head">
          <div>
            <h1 ref={heading} tabIndex={-1}>
              {words.title}
            </h1>
            <p class="quiet">{words.lead}</p>
          </div>
          <ExportButton />
        </header>
        <FilterBar />
        <ul class="review-list" aria-label={words.list.name}>
          {rows.value.map((review) => (
            <Row key={review.id} review={review} />
          ))}
        </ul>
        <End />
      </div>
    </div>
  );
}

/** What stands below the rows: more to come, nothing there, or what went wrong. */
function End(): VNode {
  const count = rows.value.length;
  if (phase.value === "failed") {
    return (
      <div class="list-note" role="alert">
        <p>{words.list.failed}</p>
        <button type="button" class="text-button" onClick={() => void loadMore()}>
          {text.retry}
        </button>
      </div>
    );
  }
  if (phase.value !== "idle") return <Skeleton rows={count > 0 ? 2 : 8} label={words.list.loading} />;
  if (hasMore.value) return <More key={count} load={loadMore} />;
  if (count > 0) return <p class="list-note review-end">{words.list.end}</p>;
  return <Empty />;
}

function Empty(): VNode {
  const { state, ...rest } = filters.value;
  const { state: usual, ...none } = noFilters;
  const isUsual = state === usual && JSON.stringify(rest) === JSON.stringify(none);
  return (
    <div class="review-empty">
      <Icon name="check" />
      <p>{isUsual ? words.list.empty : words.list.noMatch}</p>
      {!isUsual && (
        <button type="button" class="text-button" onClick={() => void load(noFilters)}>
          {words.filters.reset}
        </button>
      )}
    </div>
  );
}

function ExportButton(): VNode {
  const [busy, setBusy] = useState(false);
  const run = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    try {
      const labels = await allLabels();
      if (labels.length > 0) {
        saveFile(words.labels.file(new Date().toISOString().slice(0, 10)), toLines(labels));
      }
      toast(labels.length > 0 ? words.labels.done(labels.length) : words.labels.none);
    } catch {
      toast(words.labels.failed);
    }
    setBusy(false);
  };
  return (
    <button type="button" class="quiet-button" aria-disabled={busy} onClick={() => void run()}>
      <Icon name="export" />
      {busy ? words.labels.exporting : words.labels.export}
    </button>
  );
}
