import type { VNode } from "preact";
import type { WireModel } from "../api/wire";
import { chooseModel, chosenModel, loadModels, models } from "../models";
import { text } from "../text";
import { Icon } from "./icons";
import { Menu } from "./menu";

/** Which model answers next. */
export function ModelPicker(): VNode {
  const known = models.value;
  const chosen = chosenModel.value;
  if (known === "failed") {
    return (
      <button type="button" class="model-button" onClick={() => void loadModels()}>
        <span>{text.composer.modelsFailed}</span>
        <Icon name="retry" />
      </button>
    );
  }
  const offered: readonly WireModel[] = known === "loading" ? [] : known;
  return (
    <Menu
      label={`${text.composer.model}: ${chosen ?? text.composer.noModel}`}
      buttonClass="model-button"
      side="above"
      tooltip={false}
      entries={offered.map((model) => ({
        ...{ label: model.id, chosen: model.id === chosen, run: () => chooseModel(model.id) },
        ...(model.context_tokens ? { detail: text.composer.contextTokens(model.context_tokens) } : {}),
      }))}
    >
      <bdi>{chosen ?? (known === "loading" ? "" : text.composer.noModel)}</bdi>
      <Icon name="chevron" />
    </Menu>
  );
}
