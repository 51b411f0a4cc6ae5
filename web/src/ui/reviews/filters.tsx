/** Which reviews the list shows. */
import type { VNode } from "preact";
import { type Filters, filters, load } from "../../reviews/queue";
import type { Side } from "../../reviews/wire";
import { categories, nameOfCategory } from "../../reviews/words";
import { words } from "../../text-reviews";

const states = Object.keys(words.states) as Filters["state"][];
const sides: readonly Side[] = ["input", "output"];

export function FilterBar(): VNode {
  const { state, side, category, appealed, unjudged } = filters.value;
  return (
    // biome-ignore lint/a11y/useSemanticElements: <search> is for who looks for something
    <div class="review-filters" role="group" aria-label={words.filters.name}>
      <fieldset class="choices">
        <legend class="unseen">{words.filters.state}</legend>
        {states.map((each) => (
          <Choice key={each} label={words.states[each]} chosen={each === state} choose={() => load({ state: each })} />
        ))}
      </fieldset>
      <Select
        label={words.filters.side}
        any={words.filters.anySide}
        value={side}
        options={sides.map((each) => [each, words.filters[each]])}
        choose={(value) => load({ side: value as Filters["side"] })}
      />
      <Select
        label={words.filters.category}
        any={words.filters.anyCategory}
        value={category}
        options={categories.map((each) => [each, nameOfCategory(each)])}
        choose={(value) => load({ category: value })}
      />
      <Choice label={words.filters.appealed} chosen={appealed} choose={() => load({ appealed: !appealed })} />
      <Choice label={words.filters.unjudged} chosen={unjudged} choose={() => load({ unjudged: !unjudged })} />
    </div>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly chosen: boolean;
  readonly choose: () => Promise<void>;
}

function Choice({ label, chosen, choose }: ChoiceProps): VNode {
  return (
    <button type="button" class="choice" aria-pressed={chosen} onClick={() => void choose()}>
      {label}
    </button>
  );
}

interface SelectProps {
  readonly label: string;
  readonly any: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, label: string])[];
  readonly choose: (value: string) => Promise<void>;
}

function Select({ label, any, value, options, choose }: SelectProps): VNode {
  return (
    <select
      class={value ? "choice chosen" : "choice"}
      aria-label={label}
      value={value}
      onChange={(event) => void choose(event.currentTarget.value)}
    >
      <option value="">{any}</option>
      {options.map(([each, name]) => (
        <option key={each} value={each} selected={each === value}>
          {name}
        </option>
      ))}
    </select>
  );
}
