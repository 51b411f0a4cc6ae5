import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { toast } from "../kit/toasts";
import { text } from "../text";
import { IconButton } from "./button";

interface Props {
  readonly label: string;
  readonly read: () => string;
  /** Says that the browser refused, where a note at the page's edge would lie under a dialog. */
  readonly onRefused?: () => void;
}

/** Copies what `read` gives, and shows for a moment that it did. */
export function CopyButton({ label, read, onRefused = sayRefused }: Props): VNode {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = (): void => {
    navigator.clipboard.writeText(read()).then(() => setDone(true), onRefused);
  };
  return <IconButton icon={done ? "check" : "copy"} label={done ? text.message.copied : label} onClick={copy} />;
}

function sayRefused(): void {
  toast(text.message.copyFailed);
}
