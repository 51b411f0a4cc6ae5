/** A button that opens a menu above everything; arrows move, Escape closes, the button gets the focus back. */
import type { ComponentChildren, VNode } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";

export interface Entry {
  readonly label: string;
  readonly detail?: string;
  readonly icon?: IconName;
  readonly danger?: boolean;
  /** Set for one of several choices. */
  readonly chosen?: boolean;
  readonly run: () => void;
}

interface Props {
  readonly label: string;
  readonly buttonClass: string;
  readonly children: ComponentChildren;
  readonly entries: readonly Entry[];
  /** Which way it opens. */
  readonly side?: "above" | "below";
  readonly head?: ComponentChildren;
  readonly tooltip?: boolean;
  readonly onOpen?: () => void;
}

export function Menu(props: Props): VNode {
  const { label, buttonClass, children, entries, side = "below", head, tooltip = true, onOpen } = props;
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  // What it shows is mounted only while it is open, so its size is known after that.
  useLayoutEffect(() => {
    if (!open || !button.current || !panel.current) return;
    place(panel.current, button.current, side);
    itemsOf(panel.current)[0]?.focus({ preventScroll: true });
    onOpen?.();
  }, [open, side]);
  // An entry may come or go while it is open.
  useLayoutEffect(() => {
    if (open && button.current && panel.current) place(panel.current, button.current, side);
  }, [entries.length]);

  return (
    <>
      <button
        ref={button}
        type="button"
        class={buttonClass}
        aria-label={label}
        title={tooltip ? label : undefined}
        aria-haspopup="menu"
        aria-expanded={open}
        popovertarget={id}
      >
        {children}
      </button>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it only moves the focus among its items */}
      <div
        ref={panel}
        id={id}
        class="menu"
        popover="auto"
        onToggle={(event) => setOpen(event.newState === "open")}
        onKeyDown={moveFocus}
      >
        {open && head}
        {/* Only mounted while open: a long list has hundreds of menus. */}
        {open && (
          <div role="menu" aria-label={label}>
            {entries.map((entry) => (
              <MenuItem key={entry.label} entry={entry} close={() => panel.current?.hidePopover()} />
            ))}
          </div>
        )}
      </div>
    </>
  );
}

function MenuItem({ entry, close }: { readonly entry: Entry; readonly close: () => void }): VNode {
  const choice = entry.chosen !== undefined;
  const onClick = (): void => {
    close();
    entry.run();
  };
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: set for menuitemradio only
    <button
      type="button"
      role={choice ? "menuitemradio" : "menuitem"}
      aria-checked={choice ? entry.chosen : undefined}
      class={`menu-item${entry.danger ? " danger" : ""}`}
      tabIndex={-1}
      onClick={onClick}
    >
      {entry.icon && <Icon name={entry.icon} />}
      <span class="menu-words">
        <span>{entry.label}</span>
        {entry.detail && <span class="menu-detail">{entry.detail}</span>}
      </span>
      {entry.chosen && <Icon name="check" />}
    </button>
  );
}

function itemsOf(panel: HTMLElement): HTMLElement[] {
  return [...panel.querySelectorAll<HTMLElement>("[role^=menuitem]")];
}

function moveFocus(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const items = itemsOf(event.currentTarget);
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") event.currentTarget.hidePopover();
  if (to === undefined || items.length === 0) return;
  event.preventDefault();
  items[(to + items.length) % items.length]?.focus();
}

/** Puts the panel beside its button, inside the window. */
export function place(panel: HTMLElement, button: HTMLElement, side: "above" | "below"): void {
  const at = button.getBoundingClientRect();
  const size = panel.getBoundingClientRect();
  const rtl = document.documentElement.dir === "rtl";
  const gap = 6;
  const fitsBelow = at.bottom + gap + size.height < innerHeight - 8;
  const below = side === "below" ? fitsBelow || at.top < size.height : at.top - gap - size.height < 8;
  const left = rtl ? at.right - size.width : at.left;
  panel.style.left = `${Math.max(8, Math.min(left, innerWidth - size.width - 8))}px`;
  panel.style.top = `${Math.max(8, below ? at.bottom + gap : at.top - gap - size.height)}px`;
}
