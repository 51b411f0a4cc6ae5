/** Every word the page says, in one place: to translate the page is to translate this file, and `text-reviews.ts` for reviewers. */

const locale = navigator.language || "en";
const number = new Intl.NumberFormat(locale);
const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat(locale, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
const monthOfYear = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric" });
const whole = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
const fromToday = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

function dateIn(timeZone?: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", ...(timeZone ? { timeZone } : {}) });
}

export const command = isMac ? "⌘" : "Ctrl";
export const shift = isMac ? "⇧" : "Shift";

export const text = {
  direction: "ltr" as "ltr" | "rtl",
  language: "en",
  product: "Parley",

  signIn: {
    greeting: "Welcome to Parley",
    lead: "Ask questions, work through ideas, write and read code. Your conversations are kept for you.",
    ended: "Your session has ended. Sign in again to go on; what you typed is kept.",
    button: "Sign in",
    working: "Signing you in",
  },

  sidebar: {
    name: "Conversations",
    newChat: "New chat",
    search: "Search chats",
    clearSearch: "Clear search",
    close: "Close sidebar",
    open: "Open sidebar",
    empty: "Your conversations will appear here.",
    noMatch: (query: string) => `No chat has “${query}” in its title.`,
    failed: "Your conversations could not be loaded.",
    untitled: "New chat",
    unread: "New answer",
    loading: "Loading conversations",
  },

  days: {
    today: "Today",
    yesterday: "Yesterday",
    week: "Last 7 days",
    month: "Last 30 days",
    older: (year: number, month: number) => monthOfYear.format(new Date(year, month)),
  },

  conversation: {
    more: (title: string) => `More for “${title}”`,
    rename: "Rename",
    delete: "Delete",
    titleField: "Title of the chat",
    deleted: "Chat deleted",
    undo: "Undo",
    renameFailed: "The title could not be changed.",
    deleteFailed: "The chat could not be deleted. It is back in the list.",
    missing: "This chat does not exist, or it was deleted.",
    failed: "This chat could not be loaded.",
    earlierFailed: "Earlier messages could not be loaded.",
    loadingEarlier: "Loading earlier messages",
    loading: "Loading the chat",
  },

  person: {
    menu: (name: string) => `${name}, account and settings`,
    theme: "Theme",
    system: "System",
    light: "Light",
    dark: "Dark",
    shortcuts: "Keyboard shortcuts",
    keys: "API keys",
    reviews: "Reviews",
    signOut: "Sign out",
  },

  empty: {
    morning: (name: string) => `Good morning, ${name}`,
    afternoon: (name: string) => `Good afternoon, ${name}`,
    evening: (name: string) => `Good evening, ${name}`,
    anonymous: "How can I help?",
    answers: (model: string) => `${model} answers`,
    suggestions: [
      {
        title: "Explain something",
        detail: "as if I were new to it",
        prompt: "Explain how public-key encryption works, as if I were new to it.",
      },
      {
        title: "Draft an email",
        detail: "that asks for more time",
        prompt: "Draft a short, friendly email that asks for two more days on a report.",
      },
      {
        title: "Write some code",
        detail: "and say how it works",
        prompt: "Write a Python function that finds duplicate files in a folder, and say how it works.",
      },
      {
        title: "Compare options",
        detail: "in a small table",
        prompt: "Compare PostgreSQL, SQLite and DynamoDB for a small web service in a table.",
      },
    ],
  },

  composer: {
    label: "Message",
    placeholder: "Ask anything",
    send: "Send message",
    stop: "Stop answer",
    stopping: "Stopping",
    model: "Model",
    noModel: "Choose a model",
    modelsFailed: "The models could not be loaded.",
    contextTokens: (count: number) => `${number.format(count)} tokens of context`,
    editing: "Editing your last message. The answer after it will be replaced.",
    cancelEdit: "Cancel editing",
    note: "Parley can make mistakes. Check what matters.",
  },

  message: {
    you: "You said",
    answer: "Parley said",
    thinking: "Thinking",
    inProgress: "This answer is still being written",
    reconnecting: "The connection was lost. The answer goes on; reconnecting",
    again: "The message has not got through yet. Trying again",
    thought: "Thought",
    copy: "Copy",
    copied: "Copied",
    copyFailed: "The browser refused to copy.",
    retry: "Try again",
    edit: "Edit",
    details: "Details",
    toEnd: "To the end",
    answered: "Answer complete",
    list: "Chat",
  },

  details: {
    title: "About this answer",
    model: "Model",
    asked: "Read",
    said: "Written",
    tokens: (count: number) => `${number.format(count)} tokens`,
    time: "Time",
    took: "Took",
    seconds: (ms: number) => `${number.format(Math.round(ms / 100) / 10)} s`,
    unknown: "not known",
  },

  outcome: {
    stopped: "You stopped this answer.",
    length: "The answer reached the longest length or time allowed.",
    filtered: "This answer was withheld by the safety rules. Asking in other words may help.",
    incomplete: "The answer was cut off before its end.",
    incompleteEmpty: "The answer was cut off before its first word.",
    failed: "Something went wrong while this answer was being written.",
    unanswered: "No answer came to this message.",
    degraded: (model: string, wanted: string) => `${model} answered: ${wanted} has no room just now.`,
    goOn: "Continue",
    /** What the model is asked then, in the reader's name. */
    continueAnswer: "Continue exactly where you stopped.",
    editMessage: "Edit message",
  },

  /** What was blocked, and what comes of it. */
  moderation: {
    message: {
      blocked: "This message was not answered: it goes against the safety rules.",
      waiting: "This message was not answered. A person will look at it.",
      upheld: "This message was not answered. A reviewer agreed with the block.",
      approved: "A reviewer found this message fine: it can be answered now.",
    },
    answer: {
      blocked: "This answer was taken back: it goes against the safety rules.",
      waiting: "This answer was taken back. A person will look at it.",
      upheld: "This answer was taken back. A reviewer agreed with that.",
      approved: "A reviewer found this answer fine. It breaks off where it was taken back.",
    },
    ask: "Ask for a review",
    answerNow: "Get an answer",
    /** What the model is asked then, in the reader's name: the message itself is in its place already. */
    answerIt: "Please answer my last message.",
    title: "Ask for a review",
    lead: "A person will read this and what was said around it, and decide whether it may stand.",
    note: "Why it is fine (optional)",
    cancel: "Cancel",
    asked: "A person will look at it.",
    failed: "The review could not be asked for. Try again.",
    network: "No connection. Try again.",
  },

  code: {
    plain: "Text",
    copy: "Copy code",
    wrap: "Wrap lines",
  },

  network: {
    offline: "You are offline. What you type is kept; Parley reconnects by itself.",
    unreachable: "Parley cannot be reached. Trying again …",
  },

  retry: "Try again",
  dismiss: "Dismiss",
  close: "Close",

  /** By the server's code first, then by status. Each says what can be done. */
  problems: {
    network: "The message could not be sent: no connection. Your text is back in the box.",
    conversation_busy: "An answer is still being written in this chat. Wait for it or stop it, then send again.",
    request_too_large: "The message is too long. Shorten it and send again.",
    context_length_exceeded: "The message is too long for this model. Shorten it or choose another model.",
    model_not_found: "This model is not available any more. Choose another one and send again.",
    content_policy_violation: "The message was not sent: it goes against the safety rules. Change it and send again.",
    rate_limit_exceeded: "You have sent many messages. Wait a little, then send again.",
    not_found: "This chat was deleted. Your text is back in the box; start a new chat to send it.",
    engine_unavailable: "No model is free right now. Your text is back in the box; send it again in a moment.",
    insufficient_quota: "Your allowance is used up for now. Try again later.",
    refused: "The server did not accept the message. Your text is back in the box.",
    busy: "The models are busy. Your text is back in the box; send it again in a moment.",
    server: "Something went wrong on our side. Your text is back in the box; send it again.",
    waitSeconds: (seconds: number) => `Free again in ${number.format(seconds)} s.`,
  } as const,

  reviews: {
    title: "Reviews",
    loading: "Loading reviews",
    failed: "This part of Parley could not be loaded.",
  },

  stopFailed: "The answer could not be stopped. Try again.",

  shortcuts: {
    title: "Keyboard shortcuts",
    entries: [
      { keys: [command, "K"], does: "Search chats" },
      { keys: [command, shift, "O"], does: "New chat" },
      { keys: [command, "/"], does: "Show this list" },
      { keys: ["Enter"], does: "Send" },
      { keys: [shift, "Enter"], does: "New line" },
      { keys: ["Esc"], does: "Stop the answer" },
      { keys: ["↑"], does: "Edit the last message, in an empty box" },
    ],
  },

  keys: {
    title: "API keys",
    lead: "With a key, your own programs and tools talk to Parley as you. Any OpenAI SDK works with this address:",
    address: "Base URL",
    copyAddress: "Copy base URL",
    loading: "Loading API keys",
    failed: "Your keys could not be loaded.",
    empty: "You have no keys yet.",
    create: "Create key",
    cancel: "Cancel",
    created: (day: string) => `Created ${day}`,
    lastUsed: (day: string) => `Last used ${day}`,
    neverUsed: "Never used",
    expires: (day: string) => `Expires ${day}`,
    staysOn: "Does not expire",
    utcDay: (time: number) => `${dateIn("UTC").format(time)} (UTC)`,
    revoke: "Revoke",
    revokeNamed: (name: string) => `Revoke “${name}”`,
    revokeMeans: "Programs with this key stop working within a minute.",
    newTitle: "New API key",
    name: "Name",
    nameExample: "What it is for",
    lifetime: "Expires",
    never: "Never",
    days: (count: number) => `In ${number.format(count)} days`,
    madeTitle: "Save your key",
    once: "Copy this key now and keep it somewhere safe: it is not shown again. Who has it can use Parley as you.",
    secret: "API key",
    copySecret: "Copy key",
    done: "Done",
    problems: {
      limit: "You have as many keys as there can be. Revoke one first.",
      network: "No connection. Try again.",
      create: "The key could not be created. Try again.",
      revoke: "The key could not be revoked. Try again.",
    },
  },

  /** "today", "in 12 days", "3 Nov 2026": by how many days it is away, near or far. */
  dayAway(days: number, time: number, timeZone?: string): string {
    return Math.abs(days) <= 90 ? fromToday.format(days, "day") : dateIn(timeZone).format(time);
  },

  /** "14:03" today, "3 Nov, 14:03" otherwise. */
  when(time: number, now: number = Date.now()): string {
    const sameDay = new Date(time).toDateString() === new Date(now).toDateString();
    return (sameDay ? clock : dayAndClock).format(time);
  },
  fullTime: (time: number) => whole.format(time),
};
