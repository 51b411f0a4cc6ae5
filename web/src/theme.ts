/** Light, dark, or as the system has it. `public/theme.js` applies the choice before the first paint. */
import { signal } from "@preact/signals";
import { keep, local } from "./kit/storage";

export type Theme = "system" | "light" | "dark";

const name = "parley.theme";

function stored(): Theme {
  const value = local.getItem(name);
  return value === "light" || value === "dark" ? value : "system";
}

export const theme = signal<Theme>(stored());

export function chooseTheme(choice: Theme): void {
  theme.value = choice;
  keep(name, choice);
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}
