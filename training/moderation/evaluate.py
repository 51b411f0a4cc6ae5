"""Measures the committed heads on what they did not learn from, and prints it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from layers.ml.encoder import HEADS
from parley.moderation.gate import Gate, load_gate
from parley.moderation.model import Category
from parley.moderation.onnx.heads import HARMFUL, TOXIC, Heads, load_heads
from parley.moderation.onnx.manifest import load_manifest
from training.moderation.calibrate import TARGETS, left_out_scores
from training.moderation.data import BENIGN_SOURCES, HARMFUL_SOURCES, TOXIC_SOURCES, load_identity_sentences
from training.moderation.dataset import SEED, Dataset
from training.moderation.fit import fit_head, rows_of

_PROMPTS = (*BENIGN_SOURCES, "written_harmless", "written_foreign", "wrapped_benign", "identity")
_ASKED_FOR_HARM = (*HARMFUL_SOURCES, "written_harmful", "wrapped_harmful")
Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked of a figure, and whether it holds."""

    name: str
    value: float
    bound: float
    at_least: bool

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{'ok    ' if self.holds else 'MISSED'} {self.name:<64} {self.value:7.4f}  {sign} {self.bound:g}"


def worst_scores(heads: Heads, data: Dataset) -> NDArray[np.float64]:
    """The highest score of any category for each example: what a policy acts on."""
    return np.maximum(*(head_scores(heads, name, data) for name in (TOXIC, HARMFUL)))


def head_scores(heads: Heads, name: str, data: Dataset) -> NDArray[np.float64]:
    """The calibrated scores of one head."""
    raws = data.windows.worst((heads.toxic if name == TOXIC else heads.harmful).raw(data.windows.features))
    return np.array([heads.calibrations[name].score(float(raw)) for raw in raws])


def measure(data: Dataset, folder: Path = HEADS) -> list[Target]:
    """Print the tables; the targets, with what was reached."""
    manifest = load_manifest(folder)
    heads = load_heads(folder / manifest.heads, manifest.calibrations)
    toxic, harmful, worst = (
        head_scores(heads, TOXIC, data),
        head_scores(heads, HARMFUL, data),
        worst_scores(heads, data),
    )
    print(f"{manifest.version}, held out: {int(data.held_out.sum()):,} of {len(data.examples):,} texts\n")
    _print_auroc(data, toxic, harmful)
    _print_flagged(data, worst)
    _print_categories(data, heads)
    _print_identity(data, worst)
    _print_strangers(data, heads)
    gate = _measure_gate(data, worst, load_gate())
    held = data.held_out
    asked = held & data.of(*HARMFUL_SOURCES)
    benign = held & data.of(*BENIGN_SOURCES)
    sounding = held & data.of("written_harmless")
    pooled = held & data.of_kind("toxic")
    one = held & data.of("openai_mod")
    return [
        Target("toxic language, AUROC, pooled", _auroc(data, pooled, toxic), 0.93, at_least=True),
        Target("toxic language, AUROC, openai_mod", _auroc(data, one, toxic), 0.86, at_least=True),
        Target(
            "harmful requests, AUROC, against benign and dangerous-sounding",
            _auroc(data, asked | benign | sounding, harmful),
            0.92,
            at_least=True,
        ),
        Target("harmful requests at 0.5 or more", _part(worst, asked, 0.5), 0.55, at_least=True),
        Target("benign prompts at 0.5 or more", _part(worst, benign, 0.5), 0.03, at_least=False),
        Target("benign prompts at 0.8 or more", _part(worst, benign, 0.8), 0.005, at_least=False),
        Target("dangerous-sounding harmless prompts at 0.5 or more", _part(worst, sounding, 0.5), 0.25, at_least=False),
        Target("dangerous-sounding harmless prompts at 0.8 or more", _part(worst, sounding, 0.8), 0.1, at_least=False),
        *gate,
    ]


def _print_auroc(data: Dataset, toxic: NDArray, harmful: NDArray) -> None:
    held = data.held_out
    print("AUROC of toxic language, on each source by itself")
    pairs = {"hate and offence (dav)": ("dav_hate", "dav_off", "dav_neither"), "templates": ("templ_tox", "templ_non")}
    for name, sources in {**pairs, **{each: (each,) for each in ("surge", "wikidetox", "openai_mod")}}.items():
        marks = held & data.of(*sources)
        print(f"  {name:<28} {_auroc(data, marks, toxic):.3f}  ({int(marks.sum())} texts)")
    print("AUROC of harmful requests, each source against the benign prompts")
    benign = held & data.of(*BENIGN_SOURCES, "written_harmless")
    for source in _ASKED_FOR_HARM:
        marks = held & data.of(source)
        print(f"  {source:<28} {_auroc(data, marks | benign, harmful):.3f}  ({int(marks.sum())} texts)")


def _print_flagged(data: Dataset, worst: NDArray) -> None:
    print("\nPart of the texts that any category gives 0.5 (reviewed) and 0.8 (blocked) or more")
    for title, sources in (("harmless prompts", _PROMPTS), ("requests for harm", _ASKED_FOR_HARM)):
        print(f"  {title}")
        for source in sources:
            marks = data.held_out & data.of(source)
            print(
                f"    {source:<26} {_part(worst, marks, 0.5):6.3f} {_part(worst, marks, 0.8):6.3f}  ({int(marks.sum())})"
            )
    print("  text that people judged")
    for source in TOXIC_SOURCES:
        for label, word in ((0, "clean"), (1, "toxic")):
            marks = data.held_out & data.of(source) & (data.labels == label)
            if marks.any():
                name = f"{source}, {word}"
                print(
                    f"    {name:<26} {_part(worst, marks, 0.5):6.3f} {_part(worst, marks, 0.8):6.3f}  ({int(marks.sum())})"
                )


def _print_categories(data: Dataset, heads: Heads) -> None:
    print("\nCategories with labels: AUROC of their score on the judged texts held out, and how many have it")
    rows = np.flatnonzero(data.held_out & np.array([each.categories is not None for each in data.examples]))
    windows = [data.windows.features[data.windows.text_of == row] for row in rows]
    scores = [heads.scores(each) for each in windows]
    for kind in heads.kinds:
        judged = [(data.examples[int(row)].categories or {}).get(kind, -1) for row in rows]
        known = np.array([each >= 0 for each in judged])
        labels, values = np.array(judged)[known], np.array([each[kind] for each in scores])[known]
        found = f"{roc_auc_score(labels, values):.3f}" if len(set(labels)) == 2 else "    -"
        print(f"  {kind:<24} {found}  ({int(labels.sum())} of {len(labels)})")
    parents = [each for each in Category if each not in heads.kinds and each != Category.ILLICIT]
    print(f"  without labels, their parent's score: {', '.join(parents)}")


def _print_identity(data: Dataset, worst: NDArray) -> None:
    print("\nNeutral sentences about people, by whom they name: part at 0.5 and at 0.8 or more")
    groups = np.array([group for group, _ in load_identity_sentences()])
    scores = worst[data.of("identity")]
    for group in sorted(set(groups)):
        of_group = groups == group
        print(
            f"  {group:<14} {_part(scores, of_group, 0.5):6.3f} {_part(scores, of_group, 0.8):6.3f}  ({int(of_group.sum())})"
        )


def _print_strangers(data: Dataset, heads: Heads) -> None:
    """What to expect of prompts from elsewhere: each source is scored by a head that learned from all but it."""
    print(
        "\nSources never met: a head that learned from all others, with the committed calibration; parts at 0.5 and 0.8"
    )
    rows = rows_of(HARMFUL, data)
    for sources in (
        ("advbench",),
        ("catqa",),
        ("harmfulqa",),
        ("malicious_instruct",),
        HARMFUL_SOURCES[4:],
        ("written_harmful", "wrapped_harmful"),
    ):
        marks = data.of(*sources)
        head = fit_head(HARMFUL, data, rows & ~marks, SEED)
        raws = data.windows.worst(head.raw(data.windows.features))[marks]
        scores = np.array([heads.calibrations[HARMFUL].score(float(raw)) for raw in raws])
        print(
            f"  {', '.join(sources)[:40]:<42} {np.mean(scores >= 0.5):6.3f} {np.mean(scores >= 0.8):6.3f}  ({len(scores)})"
        )
    raws = left_out_scores(HARMFUL, data, SEED)
    for source in BENIGN_SOURCES:
        own = raws[data.of(source) & ~np.isnan(raws)]
        scores = np.array([heads.calibrations[HARMFUL].score(float(raw)) for raw in own])
        print(f"  {source:<42} {np.mean(scores >= 0.5):6.3f} {np.mean(scores >= 0.8):6.3f}  ({len(scores)}), harmless")
    print(
        f"  (the calibration aims at {TARGETS[HARMFUL][2][1]:.1%} and {TARGETS[HARMFUL][3][1]:.1%} of harmless ones, "
        "sources counting alike)"
    )


def _measure_gate(data: Dataset, worst: NDArray, gate: Gate) -> list[Target]:
    texts = [each.text for each in data.examples]

    def fires(marks: Marks) -> float:
        return float(np.mean([gate.fires(texts[row]) for row in np.flatnonzero(marks)]))

    held = data.held_out
    print("\nGate, on texts held out")
    for name, marks in (
        ("classifier at 0.5 or more", held & (worst >= 0.5)),
        ("dangerous-sounding, harmless", held & data.of("written_harmless")),
    ):
        print(f"  fires on {name:<32} {fires(marks):6.3f}  ({int(marks.sum())})")
    benign = held & data.of(*BENIGN_SOURCES)
    return [
        Target(
            "gate: fires where the classifier gives 0.8 or more",
            fires(held & (worst >= 0.8)),
            0.95,
            at_least=True,
        ),
        Target("gate: fires on benign text", fires(benign), 0.05, at_least=False),
    ]


def _part(scores: NDArray, marks: Marks, threshold: float) -> float:
    return float(np.mean(scores[marks] >= threshold)) if marks.any() else float("nan")


def _auroc(data: Dataset, marks: Marks, scores: NDArray) -> float:
    return float(roc_auc_score(data.labels[marks], scores[marks]))
