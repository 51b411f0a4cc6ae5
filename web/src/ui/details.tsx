/** How an answer came about: model, tokens, time. */
import type { VNode } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { text } from "../text";
import type { Message } from "../threads/message";
import { Icon } from "./icons";
import { place } from "./menu";

export function Details({ message }: { readonly message: Message }): VNode {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  useLayoutEffect(() => {
    if (open && panel.current && button.current) place(panel.current, button.current, "below");
  }, [open]);
  return (
    <>
      <button
        ref={button}
        type="button"
        class="icon-button"
        aria-label={text.message.details}
        title={text.message.details}
        aria-expanded={open}
        popovertarget={id}
      >
        <Icon name="info" />
      </button>
      <div
        ref={panel}
        id={id}
        class="menu details"
        popover="auto"
        role="dialog"
        aria-label={text.details.title}
        onToggle={(event) => setOpen(event.newState === "open")}
      >
        {open && <Rows message={message} />}
      </div>
    </>
  );
}

function Rows({ message }: { readonly message: Message }): VNode {
  const { usage, tookMs } = message;
  const rows: [string, string | null][] = [
    [text.details.model, message.model ?? text.details.unknown],
    [text.details.asked, usage?.read == null ? null : text.details.tokens(usage.read)],
    [text.details.said, usage?.written == null ? null : text.details.tokens(usage.written)],
    [text.details.took, tookMs === null ? null : text.details.seconds(tookMs)],
  ];
  return (
    <dl>
      {rows.map(([name, value]) => value !== null && <Row key={name} name={name} value={value} />)}
      <div>
        <dt>{text.details.time}</dt>
        <dd>
          <time dateTime={new Date(message.at).toISOString()} title={text.fullTime(message.at)}>
            {text.when(message.at)}
          </time>
        </dd>
      </div>
    </dl>
  );
}

function Row({ name, value }: { readonly name: string; readonly value: string }): VNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
