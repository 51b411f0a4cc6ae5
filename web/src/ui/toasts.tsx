import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { act, end, type Toast, toasts } from "../kit/toasts";
import { text } from "../text";
import { IconButton } from "./button";

export function Toasts(): VNode {
  return (
    <div class="toasts" role="status">
      {toasts.value.map((toast) => (
        <ToastView key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

function ToastView({ toast }: { readonly toast: Toast }): VNode {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => end(toast), toast.ms);
    return () => clearTimeout(timer);
  }, [held, toast]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: pointing only stops the clock
    <div
      class="toast"
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
    >
      <span>{toast.text}</span>
      {toast.action && (
        <button type="button" class="text-button" onClick={() => act(toast)}>
          {toast.action.label}
        </button>
      )}
      <IconButton icon="close" label={text.dismiss} onClick={() => end(toast)} />
    </div>
  );
}
