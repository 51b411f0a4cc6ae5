/** The reader's API keys: what each is for, and how to revoke it. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { listKeys, revokeKey } from "../api/keys";
import type { WireKey } from "../api/wire";
import { factsOf, isGone, keyProblem } from "../keys/key";
import { text } from "../text";
import { IconButton } from "./button";
import { CopyButton } from "./copy-button";
import { Skeleton } from "./skeleton";

type Known = readonly WireKey[] | "loading" | "failed";

interface Props {
  /** Whether the reader comes back from another pane, whose focus is gone. */
  readonly back: boolean;
  readonly onNew: () => void;
}

export function KeyList({ back, onNew }: Props): VNode {
  const [known, setKnown] = useState<Known>("loading");
  const newButton = useRef<HTMLButtonElement>(null);
  const load = (): void => {
    setKnown("loading");
    listKeys().then(
      (page) => setKnown(page.data),
      () => setKnown("failed"),
    );
  };
  useEffect(load, []);
  useEffect(() => {
    if (back) newButton.current?.focus();
  }, [back]);
  const drop = (id: string): void => {
    setKnown((now) => (typeof now === "string" ? now : now.filter((key) => key.id !== id)));
    newButton.current?.focus();
  };
  const again = (): void => {
    newButton.current?.focus();
    load();
  };
  return (
    <>
      <Lead />
      <Rows known={known} onGone={drop} onRetry={again} />
      <footer>
        <button ref={newButton} type="button" class="primary" onClick={onNew}>
          {text.keys.create}
        </button>
      </footer>
    </>
  );
}

function Lead(): VNode {
  const address = `${location.origin}/v1`;
  return (
    <>
      <p class="quiet">{text.keys.lead}</p>
      <div class="key-field">
        <span class="quiet">{text.keys.address}</span>
        <code>{address}</code>
        <CopyButton label={text.keys.copyAddress} read={() => address} />
      </div>
    </>
  );
}

interface RowsProps {
  readonly known: Known;
  readonly onGone: (id: string) => void;
  readonly onRetry: () => void;
}

function Rows({ known, onGone, onRetry }: RowsProps): VNode {
  if (known === "loading") return <Skeleton rows={4} label={text.keys.loading} />;
  if (known === "failed") {
    return (
      <div class="list-note" role="alert">
        <p>{text.keys.failed}</p>
        <button type="button" class="text-button" onClick={onRetry}>
          {text.retry}
        </button>
      </div>
    );
  }
  if (known.length === 0) return <p class="list-note">{text.keys.empty}</p>;
  return (
    <ul class="keys">
      {known.map((key) => (
        <KeyRow key={key.id} wire={key} onGone={() => onGone(key.id)} />
      ))}
    </ul>
  );
}

function KeyRow({ wire, onGone }: { readonly wire: WireKey; readonly onGone: () => void }): VNode {
  const [asking, setAsking] = useState(false);
  const button = useRef<HTMLSpanElement>(null);
  const asked = useRef(false);
  useEffect(() => {
    if (!asking && asked.current) button.current?.querySelector("button")?.focus();
    asked.current = asking;
  }, [asking]);
  return (
    <li>
      <div class="key-words">
        <bdi>{wire.name}</bdi>
        <code>{wire.redacted_value}</code>
        <span class="key-facts">
          {factsOf(wire, Date.now()).map(({ words, full }) => (
            <span key={words} title={full ?? undefined}>
              {words}
            </span>
          ))}
        </span>
      </div>
      {asking ? (
        <Confirm wire={wire} onGone={onGone} onCancel={() => setAsking(false)} />
      ) : (
        <span ref={button}>
          <IconButton icon="trash" label={text.keys.revokeNamed(wire.name)} onClick={() => setAsking(true)} />
        </span>
      )}
    </li>
  );
}

interface ConfirmProps {
  readonly wire: WireKey;
  readonly onGone: () => void;
  readonly onCancel: () => void;
}

function Confirm({ wire, onGone, onCancel }: ConfirmProps): VNode {
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const cancel = useRef<HTMLButtonElement>(null);
  // The harmless one of the two.
  useEffect(() => cancel.current?.focus(), []);
  const revoke = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    try {
      await revokeKey(wire.id);
      onGone();
    } catch (error) {
      if (isGone(error)) return onGone();
      setProblem(keyProblem(error, text.keys.problems.revoke));
      setBusy(false);
    }
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form
    <div class="key-confirm" role="group" aria-label={text.keys.revokeNamed(wire.name)}>
      <p role={problem ? "alert" : undefined}>{problem ?? text.keys.revokeMeans}</p>
      <button ref={cancel} type="button" class="text-button calm" onClick={onCancel}>
        {text.keys.cancel}
      </button>
      <button type="button" class="text-button danger" aria-disabled={busy} onClick={() => void revoke()}>
        {text.keys.revoke}
      </button>
    </div>
  );
}
