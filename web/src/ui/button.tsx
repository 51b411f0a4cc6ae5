import type { ButtonHTMLAttributes, VNode } from "preact";
import { Icon, type IconName } from "./icons";

interface Props extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon" | "label"> {
  readonly icon: IconName;
  /** Its name for those who do not see the icon, and its tooltip. */
  readonly label: string;
}

export function IconButton({ icon, label, class: extra, ...rest }: Props): VNode {
  return (
    <button type="button" {...rest} class={`icon-button ${extra ?? ""}`} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}

/** What helps, in words, beside the sentence that says what is wrong. */
export function Action({ label, run }: { readonly label: string; readonly run: () => void }): VNode {
  return (
    <button type="button" class="text-button" onClick={run}>
      {label}
    </button>
  );
}
