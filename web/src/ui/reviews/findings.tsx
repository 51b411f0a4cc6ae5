/** What each layer of moderation found, how sure it was, and what it wanted. */
import type { VNode } from "preact";
import type { WireLayer, WireWholeReview } from "../../reviews/wire";
import { type Finding, findingsOf, isAway, nameOfCategory } from "../../reviews/words";
import { words } from "../../text-reviews";
import { Part } from "./part";

export function Findings({ review }: { readonly review: WireWholeReview }): VNode {
  const layers = review.verdict?.layers ?? [];
  return (
    <Part title={words.findings.title}>
      {layers.length === 0 && <p class="quiet">{words.findings.none}</p>}
      <ul class="layers">
        {layers.map((layer) => (
          <Layer key={layer.layer} layer={layer} />
        ))}
      </ul>
    </Part>
  );
}

function Layer({ layer }: { readonly layer: WireLayer }): VNode {
  if (isAway(layer)) return <Away layer={layer} />;
  const found = findingsOf(layer);
  const matched = layer.matched ?? [];
  // Mostly one policy is for all categories: then it is said once.
  const [first, ...rest] = found.map(({ limits }) => limits);
  const common = rest.every((limits) => limits === first) ? (first ?? "") : null;
  const version = layer.version ? words.findings.version(layer.version) : "";
  return (
    <li>
      <p class="layer-head">
        <b>{words.findings.layers[layer.layer] ?? layer.layer}</b>
        <span class={`layer-action ${layer.action}`}>{words.findings.actions[layer.action]}</span>
      </p>
      {found.length === 0 && matched.length === 0 && <p class="quiet">{words.findings.nothing}</p>}
      {found.length > 0 && (
        <ul class="scores">
          {found.map((finding) => (
            <Score key={finding.category} finding={finding} hasLimits={common === null} />
          ))}
        </ul>
      )}
      {matched.length > 0 && (
        <p class="matched">
          <span class="quiet">{words.findings.matched}</span>
          {matched.map((entry) => (
            <code key={entry}>{entry}</code>
          ))}
        </p>
      )}
      <p class="layer-version">{[version, common].filter(Boolean).join(" · ")}</p>
    </li>
  );
}

function Away({ layer }: { readonly layer: WireLayer }): VNode {
  return (
    <li>
      <p class="layer-head">
        <b>{words.findings.layers[layer.layer] ?? layer.layer}</b>
        <span class="layer-action">{words.findings.away}</span>
      </p>
    </li>
  );
}

interface ScoreProps {
  readonly finding: Finding;
  readonly hasLimits: boolean;
}

function Score({ finding, hasLimits }: ScoreProps): VNode {
  const { category, score, limits } = finding;
  return (
    <li>
      <span>{nameOfCategory(category)}</span>
      <span class="score-bar" aria-hidden="true">
        <span style={{ inlineSize: `${Math.round(Math.min(1, score) * 100)}%` }} />
      </span>
      <span class="score-number">{words.one.score(score)}</span>
      {hasLimits && limits && <span class="score-limits">{limits}</span>}
    </li>
  );
}
