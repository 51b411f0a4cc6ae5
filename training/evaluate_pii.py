"""How well personal data is found: `python -m training.evaluate_pii`. Made-up text, so anybody can run it."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import phonenumbers

from parley.moderation.pii import DEFAULT_REGIONS, find_pii
from training.pii.decoys import Decoys
from training.pii.sentences import FIRST, SECOND
from training.pii.values import Made, Maker

LEAST_RECALL, LEAST_PRECISION = 0.98, 0.95
# What a span may take in beside its value: a bracket, "tel:".
_MOST_EXTRA = 2


@dataclass(frozen=True, slots=True)
class SetOfTexts:
    """`per_kind` values of each kind in `sentences`, and as many decoys as values."""

    name: str
    seed: int
    locales: Sequence[str]
    regions: Sequence[str]
    sentences: Mapping[str, Sequence[str]]
    per_kind: int = 120


SETS = (
    SetOfTexts("developed on", 1, ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT"], DEFAULT_REGIONS, FIRST),
    SetOfTexts(
        "held out",
        2025,
        ["en_US", "nl_NL", "pl_PL", "pt_PT", "no_NO", "fi_FI", "de_CH"],
        sorted(phonenumbers.SUPPORTED_REGIONS),
        SECOND,
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one text: `made` is None for a decoy."""

    sort: str
    text: str
    made: Made | None
    is_found: bool
    wrong: tuple[str, ...]  # kinds of spans that are none


def run(texts: SetOfTexts) -> list[Outcome]:
    values = list(Maker(texts.seed, texts.locales, texts.regions).make(texts.per_kind))
    sentences = Decoys(texts.seed)
    outcomes = [_look_for(made, sentences.random.choice(texts.sentences[made.kind])) for made in values]
    return outcomes + [_look_at(sort, text) for sort, text in Decoys(texts.seed).make(len(values))]


def _look_for(made: Made, sentence: str) -> Outcome:
    start = sentence.index("{}")
    text, end = sentence.replace("{}", made.text), start + len(made.text)
    spans = find_pii(text)
    found = [
        span
        for span in spans
        if span.kind == made.kind
        and start - _MOST_EXTRA <= span.start <= start + _edge(made.text)
        and end - _edge(made.text[::-1]) <= span.end <= end + _MOST_EXTRA
    ]
    wrong = tuple(span.kind for span in spans if span not in found)
    return Outcome(f"{made.kind}, {made.form}", text, made, bool(found), wrong)


def _edge(text: str) -> int:
    """Marks before the first letter or digit."""
    return next((offset for offset, character in enumerate(text) if character.isalnum()), 0)


def _look_at(sort: str, text: str) -> Outcome:
    return Outcome(sort, text, None, is_found=False, wrong=tuple(span.kind for span in find_pii(text)))


def _rows(outcomes: Sequence[Outcome]) -> Iterator[str]:
    hits = Counter(each.made.kind for each in outcomes if each.made and each.is_found)
    values = Counter(each.made.kind for each in outcomes if each.made)
    wrong = Counter(kind for each in outcomes for kind in each.wrong)
    yield "| kind | values | recall | found | precision |\n|---|---:|---:|---:|---:|"
    for kind in [*values, "all"]:
        made = sum(values.values()) if kind == "all" else values[kind]
        hit = sum(hits.values()) if kind == "all" else hits[kind]
        miss = sum(wrong.values()) if kind == "all" else wrong[kind]
        yield f"| {kind} | {made} | {hit / made:.3f} | {hit + miss} | {hit / (hit + miss or 1):.3f} |"


def recall_and_precision(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Of all kinds together."""
    hits = sum(each.is_found for each in outcomes)
    wrong = sum(len(each.wrong) for each in outcomes)
    return hits / sum(each.made is not None for each in outcomes), hits / (hits + wrong or 1)


def main() -> int:
    """1 where a target is missed. With `--verbose` what was missed and what was found wrongly is printed, too."""
    is_good = True
    for texts in SETS:
        outcomes = run(texts)
        decoys = sum(each.made is None for each in outcomes)
        touched = sum(each.made is None and bool(each.wrong) for each in outcomes)
        print(
            f"\n## {texts.name}: {len(outcomes) - decoys} values, {decoys} decoys, {touched} of them taken for something\n"
        )
        print(*_rows(outcomes), sep="\n")
        recall, precision = recall_and_precision(outcomes)
        is_good = is_good and recall >= LEAST_RECALL and precision >= LEAST_PRECISION
        if "--verbose" in sys.argv:
            for each in outcomes:
                if each.wrong or (each.made and not each.is_found):
                    print(f"{each.sort} {each.wrong}: {each.text!r}")
    print(f"\nTargets (recall {LEAST_RECALL}, precision {LEAST_PRECISION}): {'met' if is_good else 'MISSED'}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
