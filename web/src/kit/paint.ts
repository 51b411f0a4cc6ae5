/** Gathers many changes into at most one paint a frame, and fewer where painting itself is dear. */

export class Painter {
  #frame = 0;
  #notBefore = 0;

  constructor(private readonly paint: () => void) {}

  /** Paints in the next frame that has room for it. */
  request(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(this.#tick);
  }

  /** Paints now whatever waits. */
  flush(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.paint();
  }

  #tick = (): void => {
    this.#frame = 0;
    const start = performance.now();
    if (start < this.#notBefore) {
      this.request();
      return;
    }
    this.paint();
    // Rendering follows in microtasks and in the frame itself: a timer fires after both.
    setTimeout(() => {
      const costMs = performance.now() - start;
      // A paint that eats the frame makes room for the reader's scrolling before the next one.
      this.#notBefore = costMs > 14 ? start + costMs * 3 : 0;
    });
  };
}
