/** A new API key: what it is called and how long it lasts, then its secret, once. */
import type { VNode } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { createKey } from "../api/keys";
import type { WireNewKey } from "../api/wire";
import { keyProblem, lifetimes, usualLifetime } from "../keys/key";
import { text } from "../text";
import { CopyButton } from "./copy-button";
import { Icon } from "./icons";

interface NewProps {
  readonly onMade: (key: WireNewKey) => void;
  readonly onCancel: () => void;
}

export function NewKey({ onMade, onCancel }: NewProps): VNode {
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const name = useRef<HTMLInputElement>(null);
  const days = useRef<HTMLSelectElement>(null);
  useEffect(() => name.current?.focus(), []);
  const create = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      onMade(await createKey(name.current?.value.trim() ?? "", Number(days.current?.value) || null));
    } catch (error) {
      setProblem(keyProblem(error, text.keys.problems.create));
      setBusy(false);
    }
  };
  return (
    <form class="form" onSubmit={(event) => void create(event)}>
      <label>
        {text.keys.name}
        <input ref={name} required pattern=".*\S.*" maxLength={100} dir="auto" placeholder={text.keys.nameExample} />
      </label>
      <label>
        {text.keys.lifetime}
        <select ref={days} defaultValue={String(usualLifetime)}>
          {lifetimes.map((each) => (
            <option key={each} value={each ?? ""} selected={each === usualLifetime}>
              {each === null ? text.keys.never : text.keys.days(each)}
            </option>
          ))}
        </select>
      </label>
      {problem && <Problem sentence={problem} />}
      <footer>
        <button type="button" class="text-button calm" onClick={onCancel}>
          {text.keys.cancel}
        </button>
        <button type="submit" class="primary" aria-disabled={busy}>
          {text.keys.create}
        </button>
      </footer>
    </form>
  );
}

export function MadeKey({ secret, onDone }: { readonly secret: string; readonly onDone: () => void }): VNode {
  const warning = useId();
  const field = useRef<HTMLInputElement>(null);
  const [refused, setRefused] = useState(false);
  // Selected, so that it can be copied by hand where the browser refuses the button.
  useEffect(() => field.current?.select(), []);
  return (
    <>
      <p id={warning}>{text.keys.once}</p>
      <div class="key-field">
        <input ref={field} readOnly aria-label={text.keys.secret} aria-describedby={warning} value={secret} dir="ltr" />
        <CopyButton label={text.keys.copySecret} read={() => secret} onRefused={() => setRefused(true)} />
      </div>
      {refused && <Problem sentence={text.message.copyFailed} />}
      <footer>
        <button type="button" class="primary" onClick={onDone}>
          {text.keys.done}
        </button>
      </footer>
    </>
  );
}

function Problem({ sentence }: { readonly sentence: string }): VNode {
  return (
    <p class="problem" role="alert">
      <Icon name="warning" />
      <span>{sentence}</span>
    </p>
  );
}
