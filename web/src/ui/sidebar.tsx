/** New chat, search, the conversations by day, and who is signed in. */
import { useComputed, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type Conversation, conversations, hasMore, listPhase, loadMore } from "../conversations/list";
import { type DayGroup, groupByDay } from "../kit/days";
import { go } from "../router";
import { text } from "../text";
import { IconButton } from "./button";
import { ConversationRow } from "./conversation-row";
import { collapsed, drawerOpen, isPhone, searchWanted, setCollapsed, wantSearch, wantWriting } from "./frame";
import { Icon, Mark } from "./icons";
import { More } from "./more";
import { PersonMenu } from "./person-menu";
import { Skeleton } from "./skeleton";

// A search reads the list this far at most; the server's own search comes later.
const searchedMost = 600;

export function startChat(): void {
  go(null);
  wantWriting();
}

export function Sidebar(): VNode {
  const query = useSignal("");
  const rail = collapsed.value && !isPhone.value;
  return (
    <nav
      class={`sidebar${rail ? " rail" : ""}`}
      aria-label={text.sidebar.name}
      inert={isPhone.value && !drawerOpen.value}
    >
      <Head rail={rail} />
      <button type="button" class="side-action" onClick={startChat} aria-label={text.sidebar.newChat}>
        <Icon name="compose" />
        <span>{text.sidebar.newChat}</span>
      </button>
      {rail ? (
        <button type="button" class="side-action" onClick={wantSearch} aria-label={text.sidebar.search}>
          <Icon name="search" />
        </button>
      ) : (
        <>
          <Search query={query.value} onQuery={(value) => (query.value = value)} />
          <List query={query.value.trim()} />
        </>
      )}
      <PersonMenu rail={rail} />
    </nav>
  );
}

function Head({ rail }: { readonly rail: boolean }): VNode {
  const phone = isPhone.value;
  const close = (): void => {
    if (phone) drawerOpen.value = false;
    else setCollapsed(!rail);
  };
  return (
    <div class="side-head">
      {!rail && (
        <span class="brand">
          <Mark />
          {text.product}
        </span>
      )}
      <IconButton
        icon={phone ? "close" : "sidebar"}
        label={rail ? text.sidebar.open : text.sidebar.close}
        onClick={close}
      />
    </div>
  );
}

interface SearchProps {
  readonly query: string;
  readonly onQuery: (query: string) => void;
}

function Search({ query, onQuery }: SearchProps): VNode {
  const input = useRef<HTMLInputElement>(null);
  const wanted = searchWanted.value;
  const seen = useRef(0);
  useLayoutEffect(() => {
    if (wanted > seen.current) input.current?.select();
    seen.current = wanted;
  }, [wanted]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    onQuery("");
    wantWriting();
  };
  return (
    <div class="search">
      <Icon name="search" />
      <input
        ref={input}
        type="search"
        placeholder={text.sidebar.search}
        aria-label={text.sidebar.search}
        value={query}
        onInput={(event) => onQuery(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {query && <IconButton icon="close" label={text.sidebar.clearSearch} onClick={() => onQuery("")} />}
    </div>
  );
}

function List({ query }: { readonly query: string }): VNode {
  const found = useComputed(() => conversations.value).value.filter((entry) => matches(entry, query));
  const total = conversations.value.length;
  const searchOn = query !== "" && hasMore.value && total < searchedMost && listPhase.value === "idle";
  useEffect(() => {
    if (searchOn) void loadMore();
  }, [searchOn, total]);
  const groups = groupByDay(found, (entry) => entry.at, Date.now());
  return (
    <div class="conversations">
      {groups.map(({ key, group, entries }) => (
        <section key={key} aria-label={nameOf(group)}>
          <h2>{nameOf(group)}</h2>
          <ul>
            {entries.map((entry) => (
              <ConversationRow key={entry.id} id={entry.id} title={entry.title} at={entry.at} />
            ))}
          </ul>
        </section>
      ))}
      <ListEnd query={query} found={found.length} />
    </div>
  );
}

function matches(entry: Conversation, query: string): boolean {
  return query === "" || (entry.title ?? "").toLocaleLowerCase().includes(query.toLocaleLowerCase());
}

/** What stands below the rows: more to come, nothing there, or what went wrong. */
function ListEnd({ query, found }: { readonly query: string; readonly found: number }): VNode | null {
  const phase = listPhase.value;
  if (phase === "failed") {
    return (
      <div class="list-note" role="alert">
        <p>{text.sidebar.failed}</p>
        <button type="button" class="text-button" onClick={() => void loadMore()}>
          {text.retry}
        </button>
      </div>
    );
  }
  if (phase === "first" || phase === "loading")
    return <Skeleton rows={found > 0 ? 2 : 7} label={text.sidebar.loading} />;
  if (hasMore.value && query === "") return <More key={conversations.value.length} load={loadMore} />;
  if (found > 0) return null;
  return <p class="list-note">{query ? text.sidebar.noMatch(query) : text.sidebar.empty}</p>;
}

function nameOf(group: DayGroup): string {
  return group.kind === "older" ? text.days.older(group.year, group.month) : text.days[group.kind];
}
