"""What the keyword layer costs: `python -m bench.moderation_keywords`. CPU, so that a busy machine says the same."""

from statistics import median
from time import process_time

from parley.moderation.keywords import KeywordMatcher, load_keywords

CHARACTERS = 500
_TEXTS = {
    "plain": (
        "Could you look over this letter before I send it? My landlord has not fixed the heating for three weeks, and I would "
        "like to sound firm without being rude. The contract says that repairs are done within ten days of a report in writing. "
    ),
    "signs": (
        "Here's what I've tried so far: `pip install -e .[dev]`, then python3 -m http.server 8000 (it's running); the e-mail to "
        "jane.doe@example.com bounced 2 times, error #550-5.1.1, see https://example.com/help?id=42 & the state-of-the-art FAQ. "
    ),
    "accents": (
        "Où est la bibliothèque où vous étiez l'été dernier ? J'aimerais rendre les œuvres complètes que j'ai empruntées, "
        "même si l'échéance est passée ; ma grand-mère prétend qu'elles n'étaient pas à moi. Größere Bücher übrigens auch nicht. "
    ),
}


def main() -> None:
    print(f"load {median(_cpu_us(load_keywords) for _ in range(7)) / 1000:.1f} ms")
    keywords = load_keywords()
    for name, text in _TEXTS.items():
        print(f"{name:8} {_find_us(keywords, (text * 3)[:CHARACTERS]):6.1f} µs for {CHARACTERS} characters")


def _find_us(keywords: KeywordMatcher, text: str, times: int = 200) -> float:
    def find_often() -> None:
        for _ in range(times):
            keywords.find(text)

    return median(_cpu_us(find_often) for _ in range(7)) / times


def _cpu_us(call: object) -> float:
    assert callable(call)
    began = process_time()
    call()
    return (process_time() - began) * 1e6


if __name__ == "__main__":
    main()
