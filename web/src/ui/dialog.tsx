/** A window above the page. Escape and a click beside it close it; the focus returns to where it was. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { text } from "../text";
import { IconButton } from "./button";

interface Props {
  readonly title: string;
  readonly open: boolean;
  readonly close: () => void;
  readonly wide?: boolean;
  /** A click beside it does nothing: what it shows cannot be had again. */
  readonly steady?: boolean;
  readonly children: ComponentChildren;
}

export function Dialog({ title, open, close, wide = false, steady = false, children }: Props): VNode {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={dialog}
      class={`dialog${wide ? " wide" : ""}`}
      aria-labelledby={id}
      onClose={close}
      onClick={(event) => event.target === dialog.current && !steady && close()}
    >
      {open && (
        <div class="dialog-body">
          <header>
            <h2 id={id}>{title}</h2>
            <IconButton icon="close" label={text.close} onClick={close} />
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}
