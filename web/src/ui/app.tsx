/** The page: sidebar and column, or the way in. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect } from "preact/hooks";
import { sessionState, wasSignedIn } from "../auth/session";
import { titleOf } from "../conversations/list";
import { online } from "../kit/network";
import { go, openReview } from "../router";
import { text } from "../text";
import { current } from "../threads/current";
import { loadThread } from "../threads/load";
import type { Thread } from "../threads/thread";
import { Announcer } from "./announcer";
import { AppealDialog } from "./appeal";
import { IconButton } from "./button";
import { Composer } from "./composer";
import { Empty } from "./empty";
import { drawerOpen, isPhone } from "./frame";
import { Icon } from "./icons";
import { KeysDialog } from "./keys-dialog";
import { Note } from "./note";
import { Reviews } from "./reviews";
import { ShortcutList, useShortcuts } from "./shortcuts";
import { Sidebar, startChat } from "./sidebar";
import { SignIn } from "./sign-in";
import { Skeleton } from "./skeleton";
import { ThreadView } from "./thread-view";
import { Toasts } from "./toasts";

export function App(): VNode {
  const state = sessionState.value;
  // Who was signed in sees the page at once, while the token is being fetched.
  const inside = state === "in" || ((state === "starting" || state === "unreachable") && wasSignedIn());
  return inside ? <Inside /> : <SignIn state={state} />;
}

function Inside(): VNode {
  useShortcuts();
  const phone = isPhone.value;
  const thread = current.value;
  const reviews = openReview.value !== null;
  const title = reviews ? text.reviews.title : titleOf(thread.id.value);
  useEffect(() => {
    document.title = title ? `${title} · ${text.product}` : text.product;
  }, [title]);
  return (
    <div class="frame">
      <Sidebar />
      {phone && drawerOpen.value && (
        <button
          type="button"
          class="backdrop"
          aria-label={text.sidebar.close}
          onClick={() => (drawerOpen.value = false)}
        />
      )}
      <main inert={phone && drawerOpen.value}>
        {phone && <PhoneBar title={title} />}
        <NetworkNotice />
        {!reviews && thread.phase.value !== "new" && <h1 class="unseen">{title ?? text.sidebar.untitled}</h1>}
        {reviews ? <Reviews /> : <Column thread={thread} />}
      </main>
      <Toasts />
      <ShortcutList />
      <KeysDialog />
      <AppealDialog />
      <Announcer />
    </div>
  );
}

function PhoneBar({ title }: { readonly title: string | null }): VNode {
  return (
    <header class="phone-bar">
      <IconButton icon="sidebar" label={text.sidebar.open} onClick={() => (drawerOpen.value = true)} />
      <bdi>{title ?? text.product}</bdi>
      <IconButton icon="compose" label={text.sidebar.newChat} onClick={startChat} />
    </header>
  );
}

function NetworkNotice(): VNode | null {
  const offline = !online.value;
  if (!offline && sessionState.value !== "unreachable") return null;
  return (
    <div class="network" role="status">
      <Icon name="offline" />
      {offline ? text.network.offline : text.network.unreachable}
    </div>
  );
}

function Column({ thread }: { readonly thread: Thread }): VNode {
  const empty = thread.messages.value.length === 0;
  switch (thread.phase.value) {
    case "loading":
      return <Place thread={thread}>{empty ? <LoadingThread /> : <Messages thread={thread} />}</Place>;
    case "missing":
      return <Note sentence={text.conversation.missing} action={text.sidebar.newChat} run={() => go(null)} />;
    case "failed":
      return <Note sentence={text.conversation.failed} action={text.retry} run={() => void loadThread(thread)} />;
    default:
      return (
        <Place thread={thread} centred={empty}>
          {empty ? <Empty thread={thread} /> : <Messages thread={thread} />}
        </Place>
      );
  }
}

interface PlaceProps {
  readonly thread: Thread;
  readonly centred?: boolean;
  readonly children: ComponentChildren;
}

function Place({ thread, centred = false, children }: PlaceProps): VNode {
  return (
    <div class={`place${centred ? " centred" : ""}`}>
      {children}
      <Composer thread={thread} />
    </div>
  );
}

const keys = new WeakMap<Thread, number>();
let count = 0;

/** Another thread is another view: its scroll and its span start anew. */
function Messages({ thread }: { readonly thread: Thread }): VNode {
  if (!keys.has(thread)) keys.set(thread, count++);
  return <ThreadView key={keys.get(thread)} thread={thread} />;
}

function LoadingThread(): VNode {
  return (
    <div class="thread-place">
      <div class="column loading">
        <Skeleton rows={6} label={text.conversation.loading} />
      </div>
    </div>
  );
}
