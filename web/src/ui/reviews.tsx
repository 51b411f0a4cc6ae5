/** The place of the pages for reviewers, whose code is fetched when somebody goes there. */
import { signal } from "@preact/signals";
import type { ComponentType, VNode } from "preact";
import { useEffect } from "preact/hooks";
import { text } from "../text";
import { Note } from "./note";
import { Skeleton } from "./skeleton";

const page = signal<ComponentType | "loading" | "failed" | null>(null);

function fetchPage(): void {
  if (page.value !== null && page.value !== "failed") return;
  page.value = "loading";
  import("./reviews/page").then(
    (module) => {
      page.value = module.ReviewsPage;
    },
    () => {
      page.value = "failed";
    },
  );
}

export function Reviews(): VNode {
  useEffect(fetchPage, []);
  const Page = page.value;
  if (typeof Page === "function") return <Page />;
  return (
    <>
      <h1 class="unseen">{text.reviews.title}</h1>
      {Page === "failed" ? (
        <Note sentence={text.reviews.failed} action={text.retry} run={fetchPage} />
      ) : (
        <div class="reviews-wait">
          <Skeleton rows={6} label={text.reviews.loading} />
        </div>
      )}
    </>
  );
}
