/** API keys: the list, the form for a new one, and its secret, one at a time. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { WireNewKey } from "../api/wire";
import { text } from "../text";
import { Dialog } from "./dialog";
import { keysOpen } from "./frame";
import { KeyList } from "./key-list";
import { MadeKey, NewKey } from "./key-new";

type Pane = { readonly shows: "list"; readonly back: boolean } | { readonly shows: "new" } | MadePane;

interface MadePane {
  readonly shows: "made";
  readonly key: WireNewKey;
}

const titles: Readonly<Record<Pane["shows"], string>> = {
  list: text.keys.title,
  new: text.keys.newTitle,
  made: text.keys.madeTitle,
};

export function KeysDialog(): VNode {
  const [pane, setPane] = useState<Pane>({ shows: "list", back: false });
  const close = (): void => {
    keysOpen.value = false;
    setPane({ shows: "list", back: false });
  };
  const toList = (): void => setPane({ shows: "list", back: true });
  return (
    <Dialog title={titles[pane.shows]} open={keysOpen.value} close={close} wide steady={pane.shows === "made"}>
      {pane.shows === "list" && <KeyList back={pane.back} onNew={() => setPane({ shows: "new" })} />}
      {/* One that is made while the dialog is closed shows its secret when it opens again. */}
      {pane.shows === "new" && <NewKey onMade={(key) => setPane({ shows: "made", key })} onCancel={toList} />}
      {pane.shows === "made" && <MadeKey secret={pane.key.value} onDone={toList} />}
    </Dialog>
  );
}
