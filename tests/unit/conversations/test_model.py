"""Items, their ids and the titles made of them."""

import pytest

from parley.conversations.model import (
    TITLE_LIMIT,
    FunctionCall,
    FunctionCallOutput,
    ItemContent,
    ItemKey,
    Message,
    Reasoning,
    Role,
    content_from_json,
    content_to_json,
    item_type,
    item_wire_id,
    parse_item_id,
    title_from,
    title_of,
)
from parley.errors import NotFound
from tests.unit.conversations.make import make_item

CONTENTS = [
    pytest.param(Message(Role.USER, ("Hi", "there")), "msg", id="message"),
    pytest.param(FunctionCall("call_1", "weather", "{}"), "fc", id="function_call"),
    pytest.param(FunctionCallOutput("call_1", "sunny"), "fco", id="function_call_output"),
    pytest.param(Reasoning("Look it up."), "rs", id="reasoning"),
]


@pytest.mark.parametrize(("content", "prefix"), CONTENTS)
def test_content_comes_back_from_the_database_as_it_was(content: ItemContent, prefix: str) -> None:
    role = content.role.value if isinstance(content, Message) else None

    assert content_from_json(item_type(content), role, content_to_json(content)) == content


@pytest.mark.parametrize(("content", "prefix"), CONTENTS)
def test_an_item_s_id_tells_its_type(content: ItemContent, prefix: str) -> None:
    item = make_item(content)

    text = item_wire_id(item)

    assert text == f"{prefix}_{item.item_id.hex}"
    assert parse_item_id(text) == ItemKey(item_type(content), item.item_id)


@pytest.mark.parametrize(
    "text", ["", "msg", "msg_", "conv_" + "0" * 32, "msg_" + "0" * 31, "msg_" + "G" * 32, "0" * 32]
)
def test_what_is_no_item_id_names_nothing(text: str) -> None:
    with pytest.raises(NotFound):
        parse_item_id(text)


def test_an_item_of_a_type_from_the_future_is_a_bug() -> None:
    with pytest.raises(ValueError, match="web_search_call"):
        content_from_json("web_search_call", None, {})


def test_no_text_shows_in_an_item_s_description() -> None:
    said = [Message(Role.USER, ("secret",)), FunctionCall("c", "f", "secret"), FunctionCallOutput("c", "secret")]
    thought = Reasoning("secret")

    assert "secret" not in repr([make_item(content) for content in (*said, thought)])


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Where is Rome?", "Where is Rome?"),
        ("\n  Where?  \nTell me.", "Where?"),
        ("", None),
        (" \n\t\n", None),
        ("word " * 30, "word " * 11 + "word…"),
        ("x" * 100, "x" * TITLE_LIMIT + "…"),
    ],
)
def test_a_title_is_the_first_line_that_says_something_cut_at_a_word(text: str, title: str | None) -> None:
    assert title_from(text) == title


def test_only_what_the_user_says_gives_a_title() -> None:
    system = Message(Role.SYSTEM, ("Be brief.",))
    blank = Message(Role.USER, (" ",))
    question = Message(Role.USER, ("Where is Rome?",))

    assert title_of([system, blank, FunctionCall("c", "f", "{}"), question]) == "Where is Rome?"
    assert title_of([system, blank]) is None
