"""What an answer says passes a filter for personal data, and is taken back where it should not have been said."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local.parts import EmbeddedPostgres, EmbeddedValkey
from parley.errors import ModerationUnavailable
from parley.moderation.gate import load_gate
from parley.moderation.model import Category, Scores
from tests.doubles.engine import MODEL, StandInEngine, order_of_deltas, order_to_say
from tests.integration.chat.conftest import Caller, ChatFunction, plain, running_chat, settings_for, text_of

# The keywords forbid it.
FORBIDDEN = "Well then. Here is how to make sarin at home: take a bowl and so on."
# Nothing but the classifier minds it, and its gate lets it be asked.
NASTY = "You stupid ugly moron, shut your mouth."


class ScriptedClassifier:
    """Finds what a test says it finds; `asked` holds the texts."""

    version = "scripted-1"

    def __init__(self, score: float = 0.9, *, is_away: bool = False) -> None:
        self.score = score
        self.is_away = is_away
        self.asked: list[str] = []

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        self.asked += texts
        if self.is_away:
            raise ModerationUnavailable("as you wish")
        return [dict.fromkeys(Category, self.score if "moron" in text else 0.0) for text in texts]


@asynccontextmanager
async def chat_with(
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    engine: StandInEngine,
    policy: Path | None = None,
    classifier: ScriptedClassifier | None = None,
) -> AsyncIterator[ChatFunction]:
    settings = settings_for(postgres, valkey, engine.url, engine_read_timeout_s=2, moderation_file=policy)
    async with running_chat(settings, postgres.owner_url, classifier=classifier) as function:
        yield function


def answer_row(caller: Caller) -> tuple[Any, ...]:
    """status, texts, verdict and whether it is blocked, of the newest answer."""
    status, content, verdict, is_blocked = caller.chat.rows(
        "SELECT status, content, verdict, is_blocked FROM items "
        "WHERE user_id = %s AND role = 'assistant' ORDER BY sequence DESC LIMIT 1",
        caller.user_id,
    )[0]
    return status, content["texts"], verdict, is_blocked


def reviews(caller: Caller) -> list[dict[str, Any]]:
    return [
        row[0]
        for row in caller.chat.rows(
            "SELECT row_to_json(reviews) FROM reviews WHERE user_id = %s ORDER BY created_at", caller.user_id
        )
    ]


class TestPersonalData:
    async def test_is_replaced_before_it_leaves_and_in_the_store(self, alice: Caller) -> None:
        stream = await alice.say(order_to_say("Write to anna.berg@example.com or call +47 22 33 44 55, Anna said."))
        await alice.settled()

        said = "Write to [EMAIL_1] or call [PHONE_1], Anna said."
        assert text_of(stream) == said
        status, texts, verdict, is_blocked = answer_row(alice)
        assert (status, texts, is_blocked) == ("completed", [said], False)
        assert [layer["matched"] for layer in verdict["layers"] if layer["layer"] == "pii"] == [["email", "phone"]]

    async def test_is_found_however_the_stream_cuts_it(self, alice: Caller) -> None:
        deltas = [{"content": character} for character in "Ask anna@example.com."]

        stream = await alice.say(order_of_deltas(deltas))

        assert text_of(stream) == "Ask [EMAIL_1]."

    async def test_has_one_mark_in_reasoning_and_text(self, alice: Caller) -> None:
        deltas = [
            {"reasoning_content": "He wants anna@example"},
            {"reasoning_content": ".com, not bob@example.com"},
            {"content": "It is bob@example.com"},
            {"content": " or anna@example.com."},
        ]

        _, document = await alice.whole({"conversation_id": alice.conversation, "message": order_of_deltas(deltas)})

        message = document["choices"][0]["message"]
        assert message["reasoning_content"] == "He wants [EMAIL_1], not [EMAIL_2]"
        assert message["content"] == "It is [EMAIL_2] or [EMAIL_1]."

    async def test_of_the_user_himself_comes_back_to_him(self, alice: Caller) -> None:
        said = order_to_say("You wrote anna@example.com, and I know bob@example.com.")
        messages = [
            {"role": "user", "content": "I am Anna, anna@example.com"},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": said},
        ]

        _, document = await alice.whole({"model": MODEL, "messages": messages})

        assert document["choices"][0]["message"]["content"] == "You wrote anna@example.com, and I know [EMAIL_1]."

    async def test_of_the_instructions_is_the_operator_s_and_no_reader_s(self, alice: Caller) -> None:
        messages = [
            {
                "role": "system",
                "content": "The key is sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD, of ops@example.com",
            },
            {"role": "user", "content": order_to_say("Ask ops@example.com.")},
        ]

        _, document = await alice.whole({"model": MODEL, "messages": messages})

        assert document["choices"][0]["message"]["content"] == "Ask [EMAIL_1]."

    async def test_in_log_probabilities_leaves_with_its_words(self, alice: Caller) -> None:
        deltas = [
            {"content": piece, "logprobs": {"content": [{"token": piece, "logprob": -0.1, "top_logprobs": []}]}}
            for piece in ("Write ", "to ", "anna", "@exam", "ple.com", " to", "day", ".")
        ]

        stream = await alice.say(order_of_deltas(deltas), logprobs=True)

        assert text_of(stream) == "Write to [EMAIL_1] today."
        tokens = [
            entry["token"]
            for event in stream
            if isinstance(event, dict) and event.get("choices") and event["choices"][0]["logprobs"]
            for entry in event["choices"][0]["logprobs"]["content"]
        ]
        assert not {"anna", "@exam", "ple.com"} & set(tokens)
        assert tokens == ["Write ", "to ", "day", "."]

    async def test_a_word_that_is_held_back_when_an_answer_is_cut_is_kept(self, alice: Caller) -> None:
        stream = await alice.stream(plain(order_to_say("one two thr", stalls=True)))

        assert text_of(stream) == "one two thr"

    async def test_arguments_of_tools_are_a_programs_and_stay(self, alice: Caller) -> None:
        function = {"name": "mail", "arguments": '{"to":"anna@example.com"}'}
        deltas = [
            {"content": "I write to bob@example.com"},
            {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]},
        ]

        _, document = await alice.whole(plain(order_of_deltas(deltas)))

        message = document["choices"][0]["message"]
        assert message["tool_calls"][0]["function"] == function
        assert message["content"] == "I write to [EMAIL_1]"

    async def test_stays_in_a_dry_run_and_is_noted(
        self,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
        stand_in: StandInEngine,
        http: aiohttp.ClientSession,
        tmp_path: Path,
    ) -> None:
        policy = tmp_path / "dev.moderation.toml"
        policy.write_text("dry_run = true")

        async with chat_with(postgres, valkey, stand_in, policy) as chat:
            caller = Caller(chat, http)
            stream = await caller.say(order_to_say("Ask anna@example.com how to make sarin"))
            await caller.settled()

        assert text_of(stream) == "Ask anna@example.com how to make sarin"
        status, texts, verdict, is_blocked = answer_row(caller)
        assert (status, texts, is_blocked) == ("completed", ["Ask anna@example.com how to make sarin"], False)
        assert {layer["layer"] for layer in verdict["layers"]} == {"keywords", "pii"}
        assert [(each["action"], each["is_enforced"]) for each in reviews(caller)] == [("block", False)]

    async def test_is_kept_from_the_model_where_the_policy_says_so(
        self,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
        stand_in: StandInEngine,
        http: aiohttp.ClientSession,
        tmp_path: Path,
    ) -> None:
        policy = tmp_path / "dev.moderation.toml"
        policy.write_text('[pii]\ninput = "redact"\n')
        order = order_to_say("Not [EMAIL_1] but bob@example.com.")

        async with chat_with(postgres, valkey, stand_in, policy) as chat:
            caller = Caller(chat, http)
            await caller.say("words 1 and write to anna@example.com")
            stream = await caller.say(order)
            await caller.settled()

        prompt = [message["content"] for message in stand_in.requests[-1]["messages"]]
        assert prompt == ["words 1 and write to [EMAIL_1]", "w0 ", order]
        assert text_of(stream) == "Not [EMAIL_1] but [EMAIL_2]."
        assert caller.items()[0][2] == "words 1 and write to anna@example.com"


class TestAnswersThatAreTakenBack:
    async def test_their_stream_says_so_and_ends_as_filtered(self, alice: Caller) -> None:
        stream = await alice.say(order_to_say(FORBIDDEN))
        status, finish_reason, error_code, *_ = await alice.settled()

        *_, retraction, last, done = stream
        assert retraction["choices"] == []
        assert retraction["retraction"]["item_id"] == stream[0]["output_item_id"]
        assert "ask for a review" in retraction["retraction"]["message"]
        assert last["choices"][0]["finish_reason"] == "content_filter"
        assert last["status"] == "incomplete"
        assert done == "[DONE]"
        assert (status, finish_reason, error_code) == ("incomplete", "withheld", None)

    async def test_a_review_is_offered_only_of_what_is_stored(self, alice: Caller) -> None:
        *_, retraction, _, _ = await alice.stream(plain(order_to_say(FORBIDDEN)))

        assert retraction["retraction"]["item_id"] is None
        assert "taken back" in retraction["retraction"]["message"]
        assert "review" not in retraction["retraction"]["message"]

    async def test_nothing_of_them_is_left_but_for_reviewers(self, alice: Caller, stand_in: StandInEngine) -> None:
        await alice.say(order_to_say(FORBIDDEN))
        await alice.settled()

        status, texts, verdict, is_blocked = answer_row(alice)
        assert (status, texts, is_blocked) == ("incomplete", [""], True)
        assert verdict["action"] == "block"
        (review,) = reviews(alice)
        assert (review["side"], review["action"], review["state"]) == ("output", "block", "open")
        assert review["categories"] == ["illicit/violent"]
        ((withheld,),) = alice.chat.rows("SELECT text FROM withheld_texts WHERE user_id = %s", alice.user_id)
        assert withheld == FORBIDDEN

        await alice.say("words 1")
        assert "sarin" not in json.dumps(stand_in.requests[-1]["messages"])

    async def test_what_they_thought_is_kept_beside_it(self, alice: Caller) -> None:
        deltas = [{"reasoning_content": "I know how to make sarin. "}, {"content": "Sorry."}]

        await alice.say(order_of_deltas(deltas))
        await alice.settled()

        rows = alice.chat.rows("SELECT text, reasoning FROM withheld_texts WHERE user_id = %s", alice.user_id)
        assert rows == [("Sorry.", "I know how to make sarin. ")]

    async def test_whoever_waits_for_the_whole_is_given_none_of_it(self, alice: Caller) -> None:
        _, document = await alice.whole(plain(order_to_say(FORBIDDEN)))

        assert document["choices"][0]["message"]["content"] == ""
        assert document["choices"][0]["finish_reason"] == "content_filter"

    async def test_in_the_middle_their_engine_is_stopped(self, alice: Caller, stand_in: StandInEngine) -> None:
        stand_in.aborted_changed.clear()
        order = order_to_say(FORBIDDEN + " more" * 200, every_s=0.05)

        stream = await alice.say(order)

        assert 0 < len(text_of(stream).split()) < 150
        assert stream[-2]["choices"][0]["finish_reason"] == "content_filter"
        async with asyncio.timeout(10):
            await stand_in.aborted_changed.wait()

    async def test_they_are_found_while_their_engine_says_nothing(
        self, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine, http: aiohttp.ClientSession
    ) -> None:
        settings = settings_for(postgres, valkey, stand_in.url, engine_read_timeout_s=60)
        async with running_chat(settings, postgres.owner_url) as chat:
            async with asyncio.timeout(30):
                stream = await Caller(chat, http).say(order_to_say(FORBIDDEN, stalls=True))

        assert stream[-2]["choices"][0]["finish_reason"] == "content_filter"

    async def test_without_a_message_they_are_reviewed_by_what_else_they_said(self, alice: Caller) -> None:
        function = {"name": "mail", "arguments": "{}"}
        deltas = [
            {"reasoning_content": "He asks how do i make a pipe bomb, so I call for help."},
            {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]},
        ]

        await alice.say(order_of_deltas(deltas))
        await alice.settled()

        (review,) = reviews(alice)
        ((kind,),) = alice.chat.rows("SELECT type FROM items WHERE item_id = %s", review["item_id"])
        assert (review["side"], review["action"], kind) == ("output", "review", "reasoning")

    async def test_what_its_user_stopped_is_looked_at_all_the_same(self, alice: Caller) -> None:
        async with alice.post(
            "/v1/chat/completions",
            {"conversation_id": alice.conversation, "message": order_to_say(FORBIDDEN, stalls=True), "stream": True},
        ) as response:
            first = json.loads((await response.content.readline()).removeprefix(b"data: "))
            async for line in response.content:
                if b"so on" in line or b"and " in line:
                    break
            await alice.cancel(first["response_id"])

        assert (await alice.settled())[:2] == ("incomplete", "withheld")
        assert answer_row(alice)[1] == [""]

    async def test_a_policy_may_keep_nothing_of_them(
        self,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
        stand_in: StandInEngine,
        http: aiohttp.ClientSession,
        tmp_path: Path,
    ) -> None:
        policy = tmp_path / "dev.moderation.toml"
        policy.write_text("keeps_withheld_text = false")

        async with chat_with(postgres, valkey, stand_in, policy) as chat:
            caller = Caller(chat, http)
            await caller.say(order_to_say(FORBIDDEN))
            await caller.settled()

        assert len(reviews(caller)) == 1
        assert caller.chat.rows("SELECT 1 FROM withheld_texts WHERE user_id = %s", caller.user_id) == []


class TestTheClassifier:
    async def test_is_asked_about_an_answer_only_where_its_gate_fires(
        self,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
        stand_in: StandInEngine,
        http: aiohttp.ClientSession,
    ) -> None:
        assert load_gate().fires(NASTY)
        classifier = ScriptedClassifier()

        async with chat_with(postgres, valkey, stand_in, classifier=classifier) as chat:
            caller = Caller(chat, http)
            harmless = await caller.stream(plain(order_to_say("The capital of Norway is Oslo.")))
            asked_for_harmless = [text for text in classifier.asked if not text.startswith("deltas")]
            nasty = await caller.stream(plain(order_to_say(NASTY)))

        assert text_of(harmless) == "The capital of Norway is Oslo."
        assert asked_for_harmless == []
        assert [text for text in classifier.asked if not text.startswith("deltas")] == [NASTY]
        assert nasty[-2]["choices"][0]["finish_reason"] == "content_filter"

    async def test_is_asked_at_most_once_in_two_seconds(
        self,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
        stand_in: StandInEngine,
        http: aiohttp.ClientSession,
    ) -> None:
        classifier = ScriptedClassifier(score=0.1)
        order = order_to_say(f"{NASTY} " * 6, every_s=0.05)

        async with chat_with(postgres, valkey, stand_in, classifier=classifier) as chat:
            caller = Caller(chat, http)
            began_s = asyncio.get_running_loop().time()
            stream = await caller.stream(plain(order))
            took_s = asyncio.get_running_loop().time() - began_s

        asked = [text for text in classifier.asked if not text.startswith("deltas")]
        assert text_of(stream) == f"{NASTY} " * 6
        assert 2 <= len(asked) <= took_s / 2 + 1

    async def test_that_is_away_sends_the_answer_to_a_person(
        self,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
        stand_in: StandInEngine,
        http: aiohttp.ClientSession,
    ) -> None:
        classifier = ScriptedClassifier(is_away=True)

        async with chat_with(postgres, valkey, stand_in, classifier=classifier) as chat:
            caller = Caller(chat, http)
            stream = await caller.say(order_to_say(NASTY))
            await caller.settled()

        assert text_of(stream) == NASTY
        assert {(each["side"], each["action"], each["is_unjudged"]) for each in reviews(caller)} == {
            ("input", "review", True),
            ("output", "review", True),
        }


class TestReviews:
    async def test_what_is_blocked_or_doubtful_waits_for_a_person(self, alice: Caller) -> None:
        await alice.whole({"conversation_id": alice.conversation, "message": "words 2 and tell me how to make sarin"})
        await alice.settled()
        await alice.say("words 2 and how do i make a pipe bomb")
        await alice.settled()

        blocked, doubtful = reviews(alice)
        assert (blocked["side"], blocked["action"], blocked["is_enforced"]) == ("input", "block", True)
        assert (doubtful["side"], doubtful["action"], doubtful["is_unjudged"]) == ("input", "review", False)
        # Three items around it, and of those after it what its own turn has brought: nothing.
        assert (blocked["from_sequence"], blocked["to_sequence"]) == (-2, 1)
        assert alice.chat.rows("SELECT 1 FROM withheld_texts WHERE user_id = %s", alice.user_id) == []

    async def test_what_is_not_stored_waits_for_nobody(self, alice: Caller) -> None:
        await alice.whole(plain("words 2 and tell me how to make sarin"))

        assert reviews(alice) == []


@pytest.mark.parametrize("tier", ["free", "enterprise"])
async def test_a_tier_has_its_own_thresholds(
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    stand_in: StandInEngine,
    http: aiohttp.ClientSession,
    tmp_path: Path,
    tier: str,
) -> None:
    policy = tmp_path / "dev.moderation.toml"
    policy.write_text("[tiers.enterprise]\nreview = 0.95\nblock = 0.99\n")

    async with chat_with(postgres, valkey, stand_in, policy, ScriptedClassifier(score=0.9)) as chat:
        caller = Caller(chat, http, tier=tier)
        _, document = await caller.whole(plain(order_to_say(NASTY)))

    assert document["choices"][0]["finish_reason"] == ("content_filter" if tier == "free" else "stop")
