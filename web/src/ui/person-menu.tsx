/** Who is signed in, the theme, and the way out. */
import type { VNode } from "preact";
import { person, signOut } from "../auth/session";
import { flushRemovals } from "../conversations/list";
import { loadRoles, mayReview } from "../roles";
import { goReview } from "../router";
import { text } from "../text";
import { chooseTheme, type Theme, theme } from "../theme";
import { drawerOpen, keysOpen, shortcutsOpen } from "./frame";
import type { IconName } from "./icons";
import { type Entry, Menu } from "./menu";

const themes: readonly { readonly name: Theme; readonly icon: IconName }[] = [
  { name: "system", icon: "screen" },
  { name: "light", icon: "sun" },
  { name: "dark", icon: "moon" },
];

export function PersonMenu({ rail }: { readonly rail: boolean }): VNode {
  const who = person.value;
  const name = who?.name ?? "";
  const entries: Entry[] = [
    ...themes.map(({ name, icon }) => ({
      ...{ label: text.person[name], icon, chosen: theme.value === name },
      run: () => chooseTheme(name),
    })),
    { label: text.person.shortcuts, icon: "keyboard", run: () => (shortcutsOpen.value = true) },
    ...(mayReview.value ? [reviews] : []),
    { label: text.person.keys, icon: "key", run: () => (keysOpen.value = true) },
    { label: text.person.signOut, icon: "leave", run: leave },
  ];
  return (
    <div class="person">
      <Menu
        label={text.person.menu(name)}
        buttonClass="person-button"
        entries={entries}
        side="above"
        tooltip={false}
        onOpen={() => void loadRoles()}
        head={<Head />}
      >
        <span class="avatar" data-letter={[...name][0]?.toUpperCase() ?? ""} aria-hidden="true" />
        {!rail && <bdi class="person-name">{name}</bdi>}
      </Menu>
    </div>
  );
}

const reviews: Entry = {
  ...{ label: text.person.reviews, icon: "shield" },
  run: () => {
    drawerOpen.value = false;
    goReview("");
  },
};

function Head(): VNode {
  const who = person.value;
  return <p class="menu-head">{[who?.email ?? who?.name, ...(who?.groups ?? [])].filter(Boolean).join(" · ")}</p>;
}

function leave(): void {
  flushRemovals();
  void signOut();
}
