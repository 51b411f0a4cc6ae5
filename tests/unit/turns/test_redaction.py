"""What of a prompt an engine may see where the policy keeps personal data from models."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.moderation.pii import PiiKind, find_pii
from parley.moderation.stream_filter import FilterPolicy, StreamFilter
from parley.turns.redaction import marks_in, redact_messages
from tests.unit.moderation.pii_examples import INNOCENT, VALUES

ALL = frozenset(kind.value for kind in PiiKind)
Messages = Sequence[Mapping[str, Any]]

_ATOMS = [
    *("".join(each[1:]) for each in VALUES),
    *INNOCENT[:4],
    *(
        "a@b.co ",
        "A@B.CO ",
        "c@d.co ",
        "call 202-555-0143 ",
        "+1 (202) 555 0143 ",
        "[EMAIL_1] ",
        "[EMAIL_2]",
        "[PHONE_9]",
    ),
    *(
        "```\nmail = 'a@b.co'\n```\n",
        "[EMAIL_1000]",
        "[EMAIL_01]",
        "[email_1]",
        " ",
        "\ud800",
        "\x00",
        "\u202e",
        "👩\u200d👧",
    ),
]
texts = st.lists(st.sampled_from(_ATOMS) | st.text(max_size=8), max_size=6).map("".join)
parts = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}),
)
messages = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["system", "user", "user", "assistant", "tool"]),
    st.none() | texts | st.lists(parts, max_size=3),
)
prompts = st.lists(messages, max_size=6)


def said(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": text}


def texts_of(prompt: Messages) -> list[Any]:
    return [message["content"] for message in prompt]


def test_a_value_has_one_mark_in_the_whole_prompt() -> None:
    prompt = [
        said("Answer to boss@corp.co.", "system"),
        said("I am jane@x.co, mail joe@y.co"),
        said("Done.", "assistant"),
        said("Jane@X.co again; call (202) 555-0143 or +1 202 555 0143"),
    ]

    assert texts_of(redact_messages(prompt, ALL)) == [
        "Answer to [EMAIL_1].",
        "I am [EMAIL_2], mail [EMAIL_3]",
        "Done.",
        "[EMAIL_2] again; call [PHONE_1] or [PHONE_1]",
    ]


def test_only_text_parts_change() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a@b.co/x.png"}}
    prompt = [{"role": "user", "name": "a", "content": [{"type": "text", "text": "a@b.co"}, image, "odd"]}]

    assert redact_messages(prompt, ALL) == [
        {"role": "user", "name": "a", "content": [{"type": "text", "text": "[EMAIL_1]"}, image, "odd"]}
    ]


@pytest.mark.parametrize("role", ["assistant", "tool"])
def test_what_the_model_and_its_tools_said_stays(role: str) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"arguments": '{"to": "a@b.co"}'}}]}

    assert redact_messages([call, said("a@b.co", role)], ALL) == [call, said("a@b.co", role)]


def test_code_is_read_too() -> None:
    assert texts_of(redact_messages([said("```\nkey = 'AKIAABCDEFGHIJKLMNOP'\n```")], ALL)) == [
        "```\nkey = '[SECRET_1]'\n```"
    ]


def test_only_what_the_policy_looks_for_is_replaced() -> None:
    assert texts_of(redact_messages([said("a@b.co from 93.184.216.34")], {"ip"})) == ["a@b.co from [IP_1]"]


def test_no_value_gets_a_mark_that_stood_before_it() -> None:
    prompt = [
        said("Write to [EMAIL_1] for me"),
        said("Or [EMAIL_3]?", "assistant"),
        said("a@b.co, c@d.co, e@f.co; a@b.co"),
    ]

    assert texts_of(redact_messages(prompt, ALL))[2] == "[EMAIL_4], [EMAIL_5], [EMAIL_6]; [EMAIL_4]"


def test_the_filter_of_the_answer_goes_on_after_the_prompts_marks() -> None:
    prompt = redact_messages([said("a@b.co or c@d.co?"), said("Try [IP_2].", "assistant")], ALL)

    stream = StreamFilter(FilterPolicy(), marks_in(prompt))
    out = stream.feed("[EMAIL_1], or x@y.co, x@y.co, z@y.co at 93.184.216.34") + stream.finish()

    assert out == "[EMAIL_1], or [EMAIL_3], [EMAIL_3], [EMAIL_4] at [IP_3]"


@given(prompts, prompts)
def test_a_longer_prompt_goes_on_as_the_shorter_began(prompt: Messages, more: Messages) -> None:
    shorter = redact_messages(prompt, ALL)

    assert redact_messages([*prompt, *more], ALL)[: len(prompt)] == shorter


@given(prompts)
def test_only_the_found_spans_change(prompt: Messages) -> None:
    before = deepcopy(prompt)

    redacted = redact_messages(prompt, ALL)

    assert prompt == before
    assert [{**message, "content": None} for message in redacted] == [{**each, "content": None} for each in prompt]
    for old, new in zip(prompt, redacted, strict=True):
        if old["role"] in {"assistant", "tool"} or not old["content"]:
            assert new == old
        elif isinstance(old["content"], str):
            _assert_only_spans_change(old["content"], new["content"])
        else:
            for part, new_part in zip(old["content"], new["content"], strict=True):
                assert {**part, "text": None} == {**new_part, "text": None}
                _assert_only_spans_change(part.get("text") or "", new_part.get("text") or "")


def _assert_only_spans_change(old: str, new: str) -> None:
    at, rest = 0, new
    for span in find_pii(old, frozenset(PiiKind)):
        kept = old[at : span.start]
        assert rest.startswith(f"{kept}[{span.kind.upper()}_")
        rest = rest[len(kept) :].partition("]")[2]
        at = span.end
    assert rest == old[at:]


@pytest.mark.parametrize(("kind", "before", "value", "after"), VALUES)
def test_nothing_of_a_value_reaches_the_engine(kind: PiiKind, before: str, value: str, after: str) -> None:
    assert texts_of(redact_messages([said(before + value + after)], ALL)) == [f"{before}[{kind.upper()}_1]{after}"]


def test_an_odd_prompt_comes_out_as_it_went_in() -> None:
    prompt = [{}, {"role": "user"}, {"role": "user", "content": []}, said(""), {"role": "user", "content": [None, {}]}]

    assert redact_messages(prompt, ALL) == prompt
    assert redact_messages([], ALL) == []
    assert redact_messages([said("a@b.co")], ()) == [said("a@b.co")]
