"""What the lists find, and what they find wrongly, in the shared sets: `python -m training.moderation.measure_keywords`.

With `--show SOURCE` the texts of a source in which something was found.
"""

import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from parley.moderation.keywords import KeywordHit, KeywordMatcher, load_keywords
from parley.moderation.model import Action
from training.moderation.data import SHARED


def main(show: str | None) -> None:
    keywords = load_keywords()
    print(f"{'source':28} {'texts':>6} {'flagged':>8} {'blocked':>8}   entries, most frequent first")
    found = _by_source(keywords)
    for (source, label), hits in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
        _print_source(f"{source} {label}", [each for _, each in hits])
        if source == show:
            _print_texts(hits)
    _print_categories(keywords)
    _print_words(keywords)


def _lines(name: str) -> Iterator[dict]:
    with (SHARED / name).open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _by_source(keywords: KeywordMatcher) -> dict[tuple[str, int], list[tuple[str, Sequence[KeywordHit]]]]:
    found = defaultdict(list)
    for line in _lines("train.jsonl"):
        found[line["source"], line["label"]].append((line["text"], keywords.find(line["text"])))
    return found


def _print_source(name: str, hits: Sequence[Sequence[KeywordHit]]) -> None:
    flagged = sum(bool(each) for each in hits) / len(hits)
    blocked = sum(any(hit.action is Action.BLOCK for hit in each) for each in hits) / len(hits)
    entries = Counter(entry for each in hits for entry in {hit.entry for hit in each})
    shown = " ".join(f"{entry}:{count}" for entry, count in entries.most_common(6))
    print(f"{name:28} {len(hits):6} {flagged:8.2%} {blocked:8.2%}   {shown}")


def _print_texts(hits: list[tuple[str, Sequence[KeywordHit]]]) -> None:
    for text, each in hits:
        for hit in each:
            around = text[max(0, hit.start - 50) : hit.end + 40].replace("\n", " ")
            print(f"    {hit.entry:16} {hit.action:7} {text[hit.start : hit.end]!r:40} … {around}")


def _print_categories(keywords: KeywordMatcher) -> None:
    print("\ncategory, as people judged it: recall, and how many of the hits people agree with")
    marks: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in _lines("categories.jsonl"):
        found = {str(hit.category) for hit in keywords.find(line["text"])}
        for category, is_so in line["categories"].items():
            marks[category][f"{bool(is_so)} {category in found}"] += 1
    for category, counts in sorted(marks.items()):
        hits = counts["True True"]
        print(f"{category:28} {hits:4} of {hits + counts['True False']:4}   wrong {counts['False True']}")


def _print_words(keywords: KeywordMatcher) -> None:
    with (SHARED / "words_surge_profanity_en.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_kind: defaultdict[str, list[bool]] = defaultdict(list)
    for row in rows:
        by_kind[f"{row['category_1']}, {row['severity_description']}"].append(bool(keywords.find(row["text"])))
    print("\nwords of the shared lists that are entries; profanity is not meant to be")
    for kind, found in sorted(by_kind.items()):
        print(f"{kind:48} {sum(found):4} of {len(found):4}")
    plain = (SHARED / "words_ldnoobw_en.txt").read_text(encoding="utf-8").splitlines()
    print(f"{'ldnoobw':48} {sum(bool(keywords.find(word)) for word in plain):4} of {len(plain):4}")


if __name__ == "__main__":
    main(sys.argv[2] if sys.argv[1:2] == ["--show"] else None)
