/** The browser's storage, or one that forgets with the page where it is forbidden. */

class Forgetful implements Storage {
  [name: string]: unknown;
  #entries = new Map<string, string>();
  get length(): number {
    return this.#entries.size;
  }
  clear(): void {
    this.#entries.clear();
  }
  getItem(key: string): string | null {
    return this.#entries.get(key) ?? null;
  }
  key(index: number): string | null {
    return [...this.#entries.keys()][index] ?? null;
  }
  removeItem(key: string): void {
    this.#entries.delete(key);
  }
  setItem(key: string, value: string): void {
    this.#entries.set(key, value);
  }
}

function open(name: "localStorage" | "sessionStorage"): Storage {
  try {
    const storage = window[name];
    storage.getItem("parley");
    return storage;
  } catch {
    return new Forgetful();
  }
}

/** Holds settings, drafts and marks, never a token. */
export const local: Storage = open("localStorage");
/** Holds what a sign-in redirect needs on its way back. */
export const perTab: Storage = open("sessionStorage");

const staysAfterSignOut = new Set(["parley.theme", "parley.sidebar"]);

/** Forgets everything that belongs to one person. */
export function forgetPerson(): void {
  for (const name of Object.keys(local)) {
    if (name.startsWith("parley.") && !staysAfterSignOut.has(name)) local.removeItem(name);
  }
}

/** Keeps a value; a full or forbidden storage is no error. */
export function keep(name: string, value: string): void {
  try {
    local.setItem(name, value);
  } catch {
    // Only comfort is lost.
  }
}
