import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Stands at a list's end and reads its next page when the reader comes near. Another `key` for another end. */
export function More({ load }: { readonly load: () => Promise<void> }): VNode {
  const mark = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const watcher = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) void load();
      },
      { rootMargin: "400px" },
    );
    if (mark.current) watcher.observe(mark.current);
    return () => watcher.disconnect();
  }, []);
  return <div ref={mark} class="more-mark" />;
}
