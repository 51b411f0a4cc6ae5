/** Text not yet sent, kept in the browser so that a reload or a crash loses nothing. */

const prefix = "parley.draft.";
const kept = 50;

interface Kept {
  readonly text: string;
  readonly at: number;
}

export class Drafts {
  constructor(
    private readonly storage: Storage,
    private readonly clock: () => number = Date.now,
  ) {}

  /** The draft for a conversation id, or for "new"; empty where there is none. */
  get(key: string): string {
    return this.#read(prefix + key)?.text ?? "";
  }

  /** Keeps the text; an empty one forgets the draft. */
  set(key: string, text: string): void {
    if (text === "") this.storage.removeItem(prefix + key);
    else this.#write(prefix + key, { text, at: this.clock() });
  }

  #write(name: string, draft: Kept): void {
    this.#dropOldest(name);
    try {
      this.storage.setItem(name, JSON.stringify(draft));
    } catch {
      // The storage is full or forbidden: the draft still lives on the page.
    }
  }

  #read(name: string): Kept | null {
    try {
      const draft = JSON.parse(this.storage.getItem(name) ?? "null");
      return typeof draft?.text === "string" ? draft : null;
    } catch {
      return null;
    }
  }

  #dropOldest(adding: string): void {
    const names = Object.keys(this.storage).filter((name) => name.startsWith(prefix) && name !== adding);
    if (names.length < kept) return;
    const byAge = names.sort((a, b) => (this.#read(a)?.at ?? 0) - (this.#read(b)?.at ?? 0));
    for (const name of byAge.slice(0, names.length - kept + 1)) this.storage.removeItem(name);
  }
}
