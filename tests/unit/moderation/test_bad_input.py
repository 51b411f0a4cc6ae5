# ruff: noqa: RUF001
"""Whatever somebody sends is judged, filtered and redacted, and nothing of it is changed but what is marked."""

import asyncio
import json
from collections.abc import Sequence
from math import isfinite

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parley.moderation.gate import load_gate
from parley.moderation.keywords import load_keywords
from parley.moderation.model import Action, Category, Layer, Scores, verdict_to_json
from parley.moderation.pii import PiiKind, find_pii
from parley.moderation.policy import PiiPolicy, Policy
from parley.moderation.service import Moderation
from parley.moderation.stream_filter import FilterPolicy, StreamFilter
from parley.turns.redaction import redact_messages

KEYWORDS = load_keywords()
EVERY_KIND = frozenset(kind.value for kind in PiiKind)
POLICY = Policy(pii=PiiPolicy(kinds=EVERY_KIND))

_ODD = [
    *("", " ", "\x00", "\x1b[31m", "\ufeff", "\ufffd", "\uffff", "\ud800", "\udfff", "\udcff\ud8ff"),
    *("\u202e", "\u202d", "\u200f", "\u2066", "\u2069", "\u200b", "\u200d", "\u00ad", "\u0301" * 40, "\u0489"),
    *(
        "👩\u200d👩\u200d👧\u200d👦",
        "🏳️\u200d🌈",
        "👍🏽",
        "🇩🇪",
        "1\ufe0f\u20e3",
        "\U000e0067\U000e007f",
        "\U0001f600" * 30,
    ),
    *(
        "Привет",
        "こんにちは",
        "مرحبا",
        "שלום",
        "नमस्ते",
        "ไม่มีเว้นวรรค",
        "раураl",
        "𝔲𝔫𝔦𝔠𝔬𝔡𝔢",
        "ｆｕｌｌ",
        "ﷺ",
        "ſ",
        "İ",
        "ß",
    ),
    *(
        "a@b.co",
        "４１１１ １１１１ １１１１ １１１１",
        "٠١٠ ١٢٣٤ ٥٦٧٨",
        "1\u200b2\u200b3",
        "GB82 ",
        "eyJ",
        "-----BEGIN ",
    ),
    *("```", "`", "~~~\n", "((((", "++++", "@@@@", "....", "\r\n", "\u2028", "\x85", "\t"),
]
odd_texts = st.lists(
    st.sampled_from(_ODD)
    | st.text(st.characters(), max_size=12)  # lone surrogates too
    | st.binary(max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape"))
    | st.binary(max_size=12).map(lambda data: data.decode("latin-1")),
    max_size=8,
).map("".join)
# As long as anybody may send, of what is dearest to read.
LONG = {
    "words": "word " * 210_000,
    "one word": "x" * 2**20,
    "nul": "\x00" * 2**20,
    "binary": bytes(range(256)).decode("latin-1") * 4096,
    "surrogates": "\ud800\udc00" * 2**19,
    "emoji": "👩\u200d👩\u200d👧\u200d👦" * 150_000,
    "directions": "\u202e1\u202c" * 350_000,
    "accents": "a" + "\u0301" * 2**20,
    "digits": "1" * 2**20,
    "numbers": "12345 67890, 2468 13579 " * 43_690,
    "openings": "(" * 2**20,
    "ticks": "`" * 2**20,
    "at signs": "@." * 2**19,
    "key headers": "-----BEGIN " * 95_000,
}


class Scorer:
    """A classifier that finds nothing."""

    version = "scorer-1"

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        return [dict.fromkeys(Category, 0.001) for _ in texts]


def filtered(pieces: Sequence[str]) -> str:
    stream = StreamFilter(FilterPolicy(frozenset(PiiKind), in_code_blocks=True))
    return "".join([*map(stream.feed, pieces), stream.finish()])


@given(st.lists(odd_texts, max_size=3))
@settings(deadline=None)
def test_odd_texts_are_judged_and_none_of_them_is_stored_with_its_verdict(texts: list[str]) -> None:
    verdicts = asyncio.run(Moderation(POLICY, KEYWORDS, Scorer()).judge(texts, None))

    assert len(verdicts) == len(texts)
    for text, verdict in zip(texts, verdicts, strict=True):
        kinds = tuple(sorted({span.kind.value for span in find_pii(text, frozenset(PiiKind))}))
        assert [layer.matched for layer in verdict.layers if layer.layer is Layer.PII] == ([kinds] if kinds else [])
        assert verdict.layers[0].layer is Layer.KEYWORDS
        stored = json.dumps(verdict_to_json(verdict))
        assert all(word not in stored for word in text.split() if len(word) > 12)


@given(odd_texts)
@settings(deadline=None)
@example("a@b.co\udcff@\x00")
@example("\u202e4111 1111\u200b 1111 1111\u202c")
def test_odd_text_is_filtered_alike_at_every_split(text: str) -> None:
    whole = filtered([text])

    assert all(filtered([text[:at], text[at:]]) == whole for at in range(len(text) + 1))
    assert filtered(list(text)) == whole
    if not find_pii(text, frozenset(PiiKind)):
        assert whole == text


@given(st.lists(odd_texts, max_size=4))
@settings(deadline=None)
def test_odd_texts_are_redacted_as_an_answer_would_be(texts: list[str]) -> None:
    prompt = [{"role": "user", "content": text} for text in texts]

    redacted = redact_messages(prompt, EVERY_KIND)

    assert [message["role"] for message in redacted] == ["user"] * len(texts)
    for text, message in zip(texts, redacted, strict=True):
        if not find_pii(text, frozenset(PiiKind)):
            assert message["content"] == text
    if texts and "[" not in texts[0]:
        assert redacted[0]["content"] == filtered([texts[0]])


@given(odd_texts)
def test_odd_text_has_a_gates_score(text: str) -> None:
    assert isfinite(load_gate().score(text))


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
async def test_a_megabyte_of_anything_is_judged(text: str) -> None:
    moderation = Moderation(POLICY, KEYWORDS, Scorer())

    (verdict,) = await moderation.judge([text], None)
    window = await moderation.judge_window(text, None, asks_classifier=True)

    assert (verdict.action, window.action) == (Action.ALLOW, Action.ALLOW)
    assert [layer.layer for layer in verdict.layers[:2]] == [Layer.KEYWORDS, Layer.CLASSIFIER]


@pytest.mark.parametrize("text", [text[: 2**16] for text in LONG.values()], ids=LONG.keys())
def test_much_of_anything_is_filtered_and_redacted_alike(text: str) -> None:
    whole = filtered([text])

    assert filtered([text[at : at + 7] for at in range(0, len(text), 7)]) == whole
    assert redact_messages([{"role": "user", "content": text}], EVERY_KIND) == [{"role": "user", "content": whole}]
