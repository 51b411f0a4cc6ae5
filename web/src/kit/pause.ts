/** Waits, but not longer than it takes to be online or looked at again. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    document.addEventListener("visibilitychange", doneIfSeen);
    function doneIfSeen(): void {
      if (!document.hidden) done();
    }
    function done(): void {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", doneIfSeen);
      resolve();
    }
  });
}
