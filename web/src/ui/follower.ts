/** Keeps a scrolled column at its end while the reader is there, and where the reader is otherwise. */
import { signal } from "@preact/signals";

const nearPx = 48;

export class Follower {
  /** False once the reader has scrolled up: then a button leads back. */
  readonly atEnd = signal(true);
  #lastTop = 0;
  #observer = new ResizeObserver(() => this.stick());

  constructor(
    private readonly scroller: HTMLElement,
    content: HTMLElement,
  ) {
    // Fires after layout and before paint: what grew never shows unscrolled.
    this.#observer.observe(content);
    this.#observer.observe(scroller);
    scroller.addEventListener("scroll", this.#onScroll, { passive: true });
  }

  stop(): void {
    this.#observer.disconnect();
    this.scroller.removeEventListener("scroll", this.#onScroll);
  }

  stick(): void {
    if (this.atEnd.peek()) this.toEnd();
  }

  toEnd(): void {
    this.atEnd.value = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#lastTop = this.scroller.scrollTop;
  }

  /** Runs a change that adds or removes content, leaving what the reader sees where it is. Returns what to call after layout. */
  hold(): () => void {
    const { scroller } = this;
    const edge = scroller.getBoundingClientRect().top;
    const messages = [...scroller.querySelectorAll<HTMLElement>("[data-key]")];
    const anchor = messages.find((message) => message.getBoundingClientRect().bottom > edge);
    const before = anchor?.getBoundingClientRect().top ?? 0;
    return () => {
      if (anchor?.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - before;
      this.#lastTop = scroller.scrollTop;
    };
  }

  #onScroll = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const near = scrollHeight - scrollTop - clientHeight < nearPx;
    if (near) this.atEnd.value = true;
    else if (scrollTop < this.#lastTop) this.atEnd.value = false;
    this.#lastTop = scrollTop;
  };
}
