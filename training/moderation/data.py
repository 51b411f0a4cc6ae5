"""The labelled texts: the shared sets, and the sentences in `written/`, which are ours."""

import json
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal
from zlib import crc32

WRITTEN = Path(__file__).parent / "written"
SHARED = Path("../shared/moderation")

Kind = Literal["toxic", "harmful", "neutral"]

TOXIC_SOURCES = ("dav_hate", "dav_off", "dav_neither", "templ_tox", "templ_non", "surge", "wikidetox", "openai_mod")
HARMFUL_SOURCES = (
    *("advbench", "catqa", "harmfulqa", "malicious_instruct"),
    *("donotanswer_discrimin", "donotanswer_informati", "donotanswer_malicious"),
)
BENIGN_SOURCES = ("gpteacher", "nq", "gsm8k_tr", "oasst", "taskmaster", "si_seed")


@dataclass(frozen=True, slots=True)
class Example:
    """`kind` says which head learns from it: `neutral` texts are negatives of both. `held_out` is fixed for the sentences of
    `written/`, and drawn for the others. `categories` has those that a person judged. `family` is what is left
    out together to see how a head does on what it never met: a source, or a third of the lines of `written/`.
    """

    text: str
    source: str
    kind: Kind
    label: int
    held_out: bool | None = None
    categories: Mapping[str, int] | None = None
    family: str = ""


def load_shared(folder: Path) -> list[Example]:
    """Raises: FileNotFoundError."""
    judged = {each["text"]: each["categories"] for each in _lines(folder / "categories.jsonl")}
    examples: list[Example] = []
    for row in _lines(folder / "train.jsonl"):
        source = row["source"].removesuffix("_half0")
        kind: Kind = "toxic" if source in TOXIC_SOURCES else "harmful" if source in HARMFUL_SOURCES else "neutral"
        examples.append(Example(row["text"], source, kind, row["label"], None, judged.get(row["text"]), source))
    return examples


def load_written() -> list[Example]:
    """The sentences of `written/`; those of one file are either all learned from or all held out."""
    examples = [
        *_of_file("harmless_train", "neutral", 0, held_out=False),
        *_of_file("harmless_held_out", "neutral", 0, held_out=True),
        *_of_file("everyday_train", "neutral", 0, held_out=False),
        *_of_file("foreign_train", "neutral", 0, held_out=False),
        *_of_file("foreign_held_out", "neutral", 0, held_out=True),
        *random.Random(1).sample(_of_file("people_train", "neutral", 0, held_out=False), 500),
        *_of_file("harmful_train", "harmful", 1, held_out=False),
        *_of_file("harmful_held_out", "harmful", 1, held_out=True),
    ]
    return examples + [Example(text, "identity", "neutral", 0, held_out=True) for _, text in load_identity_sentences()]


def load_identity_sentences() -> list[tuple[str, str]]:
    """Each with its group."""
    table = tomllib.loads((WRITTEN / "identity.toml").read_text(encoding="utf-8"))
    return [
        (group, sentence.format(who=who))
        for group, people in table["groups"].items()
        for sentence, who in product(table["sentences"], people)
    ]


def wrap(examples: Sequence[Example], *, held_out: bool, count: int, seed: int) -> list[Example]:
    """`count` of the examples inside jailbreak wrappers, with the label of what is inside."""
    wrappers = _read("wrappers_held_out" if held_out else "wrappers_train")
    draw = random.Random(seed)
    return [
        Example(
            draw.choice(wrappers).replace("{prompt}", each.text),
            f"wrapped_{'harmful' if each.label else 'benign'}",
            each.kind,
            each.label,
            held_out,
            family=each.family,
        )
        for each in draw.choices(examples, k=count)
    ]


def punctuate(examples: Sequence[Example], seed: int) -> list[Example]:
    """The same with some last marks dropped or added: some sets write no question marks, and that should say nothing."""
    draw = random.Random(seed)
    return [replace(each, text=_repunctuate(each.text, draw)) if each.kind != "toxic" else each for each in examples]


def _repunctuate(text: str, draw: random.Random) -> str:
    if draw.random() < 0.3:
        return text.rstrip(".?! ") or text
    if draw.random() < 0.3 and text[-1:].isalnum():
        return text + ("?" if re.match(r"(?i)(wh|how|is|are|can|do|does|did)", text) else ".")
    return text


def expand(line: str) -> list[str]:
    """`{a|b} c` is `a c` and `b c`. A brace without a bar stays, such as `{prompt}`."""
    parts = re.split(r"(\{[^{}]*\|[^{}]*\})", line)
    choices = [part[1:-1].split("|") if part.startswith("{") and "|" in part else [part] for part in parts]
    return [" ".join("".join(words).split(" ")) for words in product(*choices)]


def _of_file(name: str, kind: Kind, label: int, *, held_out: bool) -> list[Example]:
    source = name.removesuffix("_held_out").removesuffix("_train")
    return [
        Example(text, f"written_{source}", kind, label, held_out, family=f"written {crc32(line.encode()) % 3}")
        for line in _read(name)
        for text in expand(line)
    ]


def _read(name: str) -> list[str]:
    lines = (WRITTEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _lines(file: Path) -> list[dict]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
