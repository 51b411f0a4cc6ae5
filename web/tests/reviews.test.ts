import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

vi.mock("../src/auth/session", () => ({ token: async () => "t", renewedToken: async () => "t", tokenNow: () => "t" }));

import { allLabels, toLines } from "../src/reviews/labels";
import {
  filters,
  hasMore,
  load,
  loadMore,
  nextAfter,
  noFilters,
  note,
  phase,
  queryOf,
  rows,
} from "../src/reviews/queue";
import type { WireReview } from "../src/reviews/wire";
import { categories, choicesFor, findingsOf, isHarrowing, kindOf, marksOf } from "../src/reviews/words";

function review(id: string, changes: Partial<WireReview> = {}): WireReview {
  return {
    ...{ id, state: "open", side: "input", action: "block", enforced: true, unjudged: false, categories: ["hate"] },
    ...{ score: 0.9, created_at: 1, decided_at: null, appealed_at: null, appeal_note: null, user: "usr_1" },
    ...{ excerpt: "Words" },
    ...changes,
  };
}

interface Page {
  readonly data: readonly unknown[];
  readonly has_more?: boolean;
}

let asked: string[] = [];
let answers: (Page | number | Promise<Page>)[] = [];

beforeEach(() => {
  asked = [];
  answers = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    const answer = await (answers.shift() ?? { data: [] });
    if (typeof answer === "number") return Response.json({ error: {} }, { status: answer });
    const last = answer.data.at(-1) as { id?: string } | undefined;
    return Response.json({ has_more: false, last_id: last?.id ?? null, ...answer });
  });
});
afterEach(() => vi.unstubAllGlobals());

const ids = () => rows.value.map(({ id }) => id);

describe("the queue", () => {
  it("asks for what waits, the oldest first, and for what is decided, the newest first", () => {
    expect(String(queryOf(noFilters, null))).toBe("state=open&order=asc&limit=20");
    const all = { state: "all", side: "output", category: "self-harm/intent", appealed: true, unjudged: true } as const;
    expect(String(queryOf(all, "rev_9"))).toBe(
      "state=all&order=desc&limit=20&side=output&category=self-harm%2Fintent&appealed=true&unjudged=true&after=rev_9",
    );
  });

  it("reads page after page to its end, each review once", async () => {
    answers = [
      { data: [review("rev_1"), review("rev_2")], has_more: true },
      { data: [review("rev_2"), review("rev_3")] },
    ];
    await load(noFilters);
    await loadMore();
    await loadMore();

    expect(ids()).toEqual(["rev_1", "rev_2", "rev_3"]);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toContain("after=rev_2");
    expect(hasMore.value).toBe(false);
  });

  it("forgets what was asked before the filters changed", async () => {
    let answerLate: (page: Page) => void = () => undefined;
    answers = [new Promise((resolve) => (answerLate = resolve)), { data: [review("rev_2")] }];
    const late = load({ side: "input" });
    await load({ side: "output" });
    answerLate({ data: [review("rev_1")], has_more: true });
    await late;

    expect(ids()).toEqual(["rev_2"]);
    expect([filters.value.side, hasMore.value, phase.value]).toEqual(["output", false, "idle"]);
  });

  it.each([
    [403, "refused"],
    [500, "failed"],
  ])("that is answered with %s is %s", async (status, expected) => {
    answers = [status];
    await load(noFilters);
    expect(phase.value).toBe(expected);
  });

  it("knows what comes behind a review, and reads on for it", async () => {
    answers = [{ data: [review("rev_1"), review("rev_2")], has_more: true }, { data: [review("rev_3")] }];
    await load(noFilters);

    expect(await nextAfter("rev_1")).toBe("rev_2");
    expect(await nextAfter("rev_2")).toBe("rev_3");
    expect(await nextAfter("rev_3")).toBe("");
    expect(await nextAfter("rev_from_a_link")).toBe("rev_1");
  });

  it("lets go of a review that its filters do not ask for any more", async () => {
    answers = [{ data: [review("rev_1"), review("rev_2")] }];
    await load(noFilters);

    note(review("rev_1", { state: "upheld" }));
    note(review("rev_2", { excerpt: "Other" }));

    expect(rows.value).toMatchObject([{ id: "rev_2", excerpt: "Other" }]);
  });
});

it("all labels are exported, one a line", async () => {
  answers = [{ data: [{ review_id: "rev_1", text: "a\nb" }], has_more: true }, { data: [{ review_id: "rev_2" }] }];

  const lines = toLines(await allLabels());

  expect(asked[1]).toContain("after=rev_1");
  expect(lines).toBe('{"review_id":"rev_1","text":"a\\nb"}\n{"review_id":"rev_2"}\n');
});

describe("plain words", () => {
  it("say what a review is about", () => {
    expect(kindOf(review("rev_1"))).toBe("Blocked message");
    expect(kindOf(review("rev_1", { side: "output" }))).toBe("Withheld answer");
    expect(kindOf(review("rev_1", { enforced: false }))).toBe("Flagged message");
    expect(kindOf(review("rev_1", { action: "review", side: "output" }))).toBe("Flagged answer");
    expect(marksOf(review("rev_1"))).toEqual([]);
    expect(marksOf(review("rev_1", { appealed_at: 1, unjudged: true, enforced: false }))).toHaveLength(3);
  });

  it("know OpenAI's 13 categories", () => expect(categories).toHaveLength(13));

  it("keep what is hard to read behind a button", () => {
    expect(isHarrowing(review("rev_1"))).toBe(false);
    expect(isHarrowing(review("rev_1", { categories: ["hate", "sexual/minors"] }))).toBe(true);
  });

  it("give the most certain scores first, with thresholds where they are known and can be reached", () => {
    const scores = { hate: 0.2, violence: 0.9, sexual: 0.5 };
    const thresholds = { violence: [0.5, 0.8], sexual: [0.4, 2] } as const;
    expect(findingsOf({ layer: "classifier", action: "block", scores, thresholds })).toEqual([
      { category: "violence", score: 0.9, limits: "a person looks from 50%, blocked from 80%" },
      { category: "sexual", score: 0.5, limits: "a person looks from 40%" },
      { category: "hate", score: 0.2, limits: "" },
    ]);
  });
});

it.each([
  ["open", false, ["approve", "uphold", "escalate"]],
  ["escalated", false, []],
  ["escalated", true, ["approve", "uphold"]],
  ["upheld", false, []],
  ["upheld", true, ["approve", "uphold"]],
] as const)("one that is %s gives an admin (%s) %s to choose", (state, admin, expected) => {
  expect(choicesFor({ state }, admin)).toEqual(expected);
});
