/** The words of the pages for reviewers: apart from `text.ts`, so that nobody else waits for them. */

const locale = navigator.language || "en";
const percent = new Intl.NumberFormat(locale, { style: "percent" });
const number = new Intl.NumberFormat(locale);

export const words = {
  title: "Reviews",
  lead: "What moderation flagged, for a person to decide.",

  states: {
    open: "Open",
    escalated: "Escalated",
    approved: "Approved",
    upheld: "Upheld",
    all: "All",
  },

  kinds: {
    input: { block: "Blocked message", review: "Flagged message" },
    output: { block: "Withheld answer", review: "Flagged answer" },
  },

  marks: {
    appealed: "Review asked for",
    unjudged: "Not judged in time",
    dryRun: "Dry run",
  },

  categories: {
    harassment: "Harassment",
    "harassment/threatening": "Threats",
    hate: "Hate",
    "hate/threatening": "Hate with threats",
    illicit: "Illegal acts",
    "illicit/violent": "Violent illegal acts",
    "self-harm": "Self-harm",
    "self-harm/intent": "Intent to self-harm",
    "self-harm/instructions": "Instructions for self-harm",
    sexual: "Sexual content",
    "sexual/minors": "Sexual content with minors",
    violence: "Violence",
    "violence/graphic": "Graphic violence",
  } as Readonly<Record<string, string>>,

  filters: {
    name: "Filters",
    state: "State",
    side: "Kind",
    anySide: "Any kind",
    input: "Messages",
    output: "Answers",
    category: "Category",
    anyCategory: "Any category",
    appealed: "Review asked for",
    unjudged: "Not judged in time",
    reset: "Reset filters",
  },

  list: {
    name: "Reviews",
    loading: "Loading reviews",
    failed: "The reviews could not be loaded.",
    empty: "Nothing waits for a review.",
    noMatch: "No review fits these filters.",
    end: "That is all.",
    hidden: "The text is shown when you ask for it.",
    noText: "No text.",
    gone: "The text is gone: its writer deleted it, or it was not kept.",
  },

  refused: {
    title: "For reviewers only",
    sentence: "This page is for people who review what moderation flagged. Your account is not one of them.",
    back: "Back to Parley",
  },

  labels: {
    export: "Export labels",
    exporting: "Exporting",
    none: "There are no labels yet: nothing has been decided.",
    done: (count: number) => `${number.format(count)} ${count === 1 ? "label" : "labels"} exported.`,
    failed: "The labels could not be exported. Try again.",
    file: (day: string) => `parley-labels-${day}.jsonl`,
  },

  one: {
    back: "All reviews",
    loading: "Loading the review",
    failed: "The review could not be loaded.",
    missing: "This review does not exist.",
    by: (user: string) => `by ${user}`,
    score: (score: number) => percent.format(score),
    appeal: "A review was asked for",
    appealBare: "No reason was given.",
    text: "Text",
    context: "In its conversation",
    subject: "Under review",
    show: "Show text",
    hide: "Hide text",
    careful: (categories: string) => `This may be hard to read: ${categories}.`,
    roles: {
      user: "Person",
      assistant: "Model",
      system: "Instructions",
      developer: "Instructions",
      tool: "Tool",
    } as Readonly<Record<string, string>>,
  },

  findings: {
    title: "What was found",
    none: "No layer of moderation has left a verdict.",
    away: "did not answer in time",
    layers: { keywords: "Word lists", classifier: "Classifier", pii: "Personal data" } as Readonly<
      Record<string, string>
    >,
    actions: { allow: "lets it pass", review: "wants a person to look", block: "wants it blocked" },
    nothing: "Nothing found.",
    matched: "Entries",
    looksFrom: (score: number) => `a person looks from ${percent.format(score)}`,
    blocksFrom: (score: number) => `blocked from ${percent.format(score)}`,
    version: (version: string) => `Version ${version}`,
  },

  history: {
    title: "History",
    kinds: {
      viewed: "Looked at",
      approved: "Approved",
      upheld: "Upheld",
      escalated: "Escalated",
      appealed: "Review asked for",
    },
  },

  decision: {
    title: "Decision",
    note: "Note (optional)",
    approve: "Approve",
    uphold: "Uphold",
    escalate: "Escalate",
    means: {
      approve: "It was fine: what was blocked may stand.",
      uphold: "It was rightly flagged.",
      escalate: "An admin decides.",
    },
    done: { approve: "Approved.", uphold: "Upheld.", escalate: "Escalated." },
    next: "The next review is shown.",
    last: "Nothing more waits here.",
    forAdmin: "This was escalated: an admin decides.",
    settled: "This is decided. An admin may decide again.",
    again: "This is decided. You may decide again.",
    problems: {
      review_decided: "Somebody has decided this meanwhile.",
      permission_denied: "Only an admin may decide this.",
      network: "No connection. Try again.",
      other: "The decision could not be kept. Try again.",
    },
  },
};
