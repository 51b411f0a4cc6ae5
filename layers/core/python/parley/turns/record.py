"""The beginning of a turn: what the user said is kept, and the prompt is made, before the engine is asked."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from parley.conversations.model import Item, Message, Role, title_of
from parley.errors import ContextLengthExceeded, InvalidRequest
from parley.ids import ConversationId, ItemId, ResponseId, created_at, new_uuid
from parley.kit.postgres import Connection, Pool, single_statements, transaction
from parley.models.client import Engine
from parley.models.model import TEMPLATE_TOKENS_IN_FRONT, TEMPLATE_TOKENS_PER_MESSAGE, Model
from parley.turns.model import ChatTurn, Response, TurnInput
from parley.turns.prompt import Window, open_window, prompt_limit_tokens, text_to_count, to_messages, token_bound
from parley.turns.store.history import (
    OpenConversation,
    busy,
    check_listed,
    create_chain,
    drop_failed_repeat,
    open_chain,
    open_conversation,
    read_chain,
    read_conversation,
    repeats_last,
    save_token_counts,
)
from parley.turns.store.turn import NewTurn
from parley.turns.store.turn import record_turn as store_turn
from parley.turns.store.unsettled import QueuedTurn

# A turn should be refused within a second when the database is gone.
RECORD_WITHIN_S = 0.9
# Where another model's context leaves no more than that, it is no help.
LEAST_ANSWER_TOKENS = 256


@dataclass(frozen=True, slots=True)
class ContextRange:
    """The part of the conversation that the prompt shows, by sequence, both inclusive, and the items in it."""

    from_sequence: int
    to_sequence: int
    items: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the engine is asked. `room_tokens`: what the context leaves for the answer, None where that was not counted."""

    messages: Sequence[Mapping[str, Any]] = field(repr=False)
    response: Response
    room_tokens: int | None = None
    context: ContextRange | None = None
    needs_title: bool = False
    # What moderation has not looked at yet, by the item it stands in, if it stands in one.
    unjudged: Sequence[tuple[ItemId | None, str]] = field(default=(), repr=False)

    def moved(self, old: Model, new: Model, answer_tokens: int) -> "Prompt | None":
        """The same prompt for a model with a context of another size; None where that leaves too little for an answer."""
        if self.room_tokens is None:
            return self if new.context_tokens >= old.context_tokens else None
        room_tokens = self.room_tokens + new.context_tokens - old.context_tokens
        if room_tokens < min(answer_tokens, LEAST_ANSWER_TOKENS):
            return None
        return replace(self, room_tokens=room_tokens)


async def record_turn(pool: Pool, engine: Engine, chat: ChatTurn, response_id: ResponseId) -> Prompt:
    """Store the user's items and the response at once, and compile the prompt from the history.

    Raises: NotFound, ConversationBusy (also where a request with the same idempotency key was faster), InvalidRequest,
    ContextLengthExceeded, StorageUnavailable, EngineUnavailable; nothing is stored then.
    """
    recorder = _Recorder(pool, engine, chat, response_id)
    while (prompt := await recorder.try_once()) is None:
        await recorder.count_tokens()
    return prompt


def unrecorded(chat: ChatTurn, response_id: ResponseId) -> Prompt:
    """The prompt of a turn that neither has a history nor is stored. Raises: InvalidRequest."""
    contents = chat.input.contents if chat.input else ()
    messages = [*_instructions(chat), *to_messages(contents)] if chat.input else chat.messages
    if not messages:
        raise _nothing_said()
    return Prompt(messages, _new_response(chat, response_id), unjudged=_said_by_client(messages))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A try that came to an end; without a prompt where tokens have to be counted."""

    prompt: Prompt | None


class _Recorder:
    """Tokens are counted only for a prompt that might not fit: most are far from it, whatever their bytes turn out to be."""

    def __init__(self, pool: Pool, engine: Engine, chat: ChatTurn, response_id: ResponseId) -> None:
        assert chat.input is not None
        self._pool = pool
        self._engine = engine
        self._chat = chat
        self._new: TurnInput = chat.input
        self._response_id = response_id
        self._fixed_text = _fixed_text(chat)
        self._fixed_tokens = token_bound(self._fixed_text)
        self._new_token_counts: Sequence[int | None] = [None] * len(self._new.contents)
        # What the history API added, what was said in short prompts, what was counted for another model.
        self._uncounted: Sequence[Item] = ()

    async def try_once(self) -> Prompt | None:
        """None when tokens have to be counted first, for no connection is held while the engine does."""
        if self._continues_plainly and (attempt := await self._try_unlocked()) is not None:
            return attempt.prompt
        return await self._try_locked()

    @property
    def _continues_plainly(self) -> bool:
        """Whether the turn adds to a conversation and takes nothing away, as nearly every turn does."""
        new = self._new
        return new.conversation_id is not None and new.replaces is None and new.may_truncate and new.is_stored

    async def _try_unlocked(self) -> _Attempt | None:
        """Two round trips: read, and write if nothing has changed. None when it has, or when more is to be done."""
        new, user_id = self._new, self._chat.user_id
        assert new.conversation_id is not None
        async with single_statements(self._pool, within_s=RECORD_WITHIN_S) as connection:
            conversation = await read_conversation(connection, user_id, new.conversation_id)
            check_listed(conversation)
            if conversation.is_busy:
                raise busy()
            if repeats_last(conversation, new.contents):
                return None
            response, window = self._compile(conversation)
            if window is None:
                return _Attempt(None)
            if not await store_turn(
                connection, conversation, self._new_turn(conversation, response), self._kept_start(conversation, window)
            ):
                return None
        return _Attempt(self._prompt(conversation, response, window))

    async def _try_locked(self) -> Prompt | None:
        """One transaction, in which nobody else can change the conversation."""
        async with transaction(self._pool, self._chat.user_id, within_s=RECORD_WITHIN_S) as connection:
            conversation = await self._open(connection)
            response, window = self._compile(conversation)
            if window is None:
                await connection.rollback()
                return None
            if not self._new.is_stored:
                await connection.rollback()
            elif not await store_turn(
                connection, conversation, self._new_turn(conversation, response), self._kept_start(conversation, window)
            ):
                raise busy()
        return self._prompt(conversation, response, window)

    def _compile(self, conversation: OpenConversation) -> tuple[Response, Window | None]:
        """The response, and the window of its prompt; None when tokens have to be counted first. Raises: InvalidRequest."""
        response = _new_response(self._chat, self._response_id, conversation)
        items = [*conversation.items, *self._as_items(conversation, response)]
        window = self._window(conversation, items)
        if window is None:
            self._uncounted = [item for item in conversation.items if item.tokenizer != self._chat.model.counted_by]
        elif not _messages(self._chat, window.shown):
            raise _nothing_said()
        return response, window

    def _prompt(self, conversation: OpenConversation, response: Response, window: Window) -> Prompt:
        return Prompt(
            _messages(self._chat, window.shown),
            response,
            self._room_tokens(window),
            _range_of(window),
            needs_title=_needs_title(conversation),
            unjudged=_unjudged(self._chat, window.shown),
        )

    async def _open(self, connection: Connection) -> OpenConversation:
        new, user_id = self._new, self._chat.user_id
        reads_all = not new.may_truncate
        if new.conversation_id is not None:
            conversation = await open_conversation(
                connection, user_id, new.conversation_id, new.replaces, reads_all=reads_all
            )
            check_listed(conversation)
            return await drop_failed_repeat(connection, user_id, conversation, new.contents)
        if new.previous_response_id is None:
            return await create_chain(connection, user_id)
        if new.is_stored:
            return await open_chain(connection, user_id, new.previous_response_id, reads_all=reads_all)
        items = await read_chain(connection, user_id, new.previous_response_id)
        next_sequence = items[-1].sequence + 1 if items else 1
        return OpenConversation(ConversationId(new_uuid()), next_sequence, 1, items, datetime.now(UTC), is_listed=False)

    def _window(self, conversation: OpenConversation, items: Sequence[Item]) -> Window | None:
        """The part of `items` in the prompt; None when tokens have to be counted to know it. Raises: ContextLengthExceeded."""
        model = self._chat.model
        limit_tokens = prompt_limit_tokens(model, self._fixed_tokens)
        start = conversation.window_start if self._new.may_truncate else 1
        window = open_window(items, model.counted_by, start)
        if not window.is_counted and not self._surely_fits(window, limit_tokens):
            return None
        window = window.within(limit_tokens)
        if window.start > start and not self._new.may_truncate:
            raise ContextLengthExceeded(
                f"The whole history needs more than the {limit_tokens} tokens that the model's context leaves. "
                "Send 'truncation': 'auto' to leave out its older part.",
                param="truncation",
            )
        return window

    def _kept_start(self, conversation: OpenConversation, window: Window) -> int:
        """Where the next prompt's window starts. A model that only stands in, with its shorter context, makes nobody forget."""
        return conversation.window_start if self._chat.degraded_from is not None else window.start

    def _surely_fits(self, window: Window, limit_tokens: int) -> bool:
        return window.tokens <= limit_tokens and self._chat.answer_tokens <= self._room_tokens(window)

    def _room_tokens(self, window: Window) -> int:
        return self._chat.model.context_tokens - TEMPLATE_TOKENS_IN_FRONT - self._fixed_tokens - window.tokens

    async def count_tokens(self) -> None:
        """Have everything counted, once: stored items keep their counts, new ones will be stored with theirs."""
        old, new = self._uncounted, self._new.contents
        texts = [
            self._fixed_text,
            *(text_to_count(item.content) for item in old),
            *(text_to_count(each) for each in new),
        ]
        model = self._chat.model.name
        counts = await asyncio.gather(*(self._engine.count_tokens(model, text) for text in texts))
        self._fixed_tokens = counts[0] + TEMPLATE_TOKENS_PER_MESSAGE
        self._new_token_counts = counts[1 + len(old) :]
        if old:
            pairs = [(item.item_id, count) for item, count in zip(old, counts[1:], strict=False)]
            async with transaction(self._pool, self._chat.user_id) as connection:
                await save_token_counts(connection, self._chat.user_id, self._chat.model.counted_by, pairs)

    def _as_items(self, conversation: OpenConversation, response: Response) -> list[Item]:
        """The new items as they will stand after those of the conversation."""
        rows = zip(response.input_items, self._new_token_counts, strict=True)
        return [
            Item(
                item_id,
                conversation.conversation_id,
                conversation.next_sequence + index,
                content,
                "completed",
                conversation.read_at,
                token_count=count,
                tokenizer=None if count is None else self._chat.model.counted_by,
            )
            for index, ((item_id, content), count) in enumerate(rows)
        ]

    def _new_turn(self, conversation: OpenConversation, response: Response) -> NewTurn:
        chat = self._chat
        return NewTurn(
            response,
            chat.model.counted_by,
            self._new_token_counts,
            title_of(self._new.contents),
            chat.idempotency,
            _job(chat, needs_title=_needs_title(conversation)) if chat.is_background else None,
        )


async def reopen_turn(pool: Pool, engine: Engine, chat: ChatTurn, queued: QueuedTurn) -> Prompt:
    """The prompt of a background turn that was recorded earlier. Raises: StorageUnavailable, EngineUnavailable."""
    response = queued.stored.response
    assert response.conversation_id is not None
    async with single_statements(pool) as connection:
        conversation = await read_conversation(connection, response.user_id, response.conversation_id)
    window = open_window(conversation.items, chat.model.counted_by, conversation.window_start)
    tokens = window.tokens if window.is_counted else await _count_window(engine, chat.model.name, window)
    fixed_tokens = await engine.count_tokens(chat.model.name, _fixed_text(chat)) + TEMPLATE_TOKENS_PER_MESSAGE
    return Prompt(
        _messages(chat, window.shown),
        response,
        chat.model.context_tokens - TEMPLATE_TOKENS_IN_FRONT - fixed_tokens - tokens,
        _range_of(window),
        needs_title=bool(queued.job["needs_title"]),
        unjudged=_unjudged(chat, window.shown),
    )


def chat_of(queued: QueuedTurn, model: Model) -> ChatTurn:
    """The request of a background turn, as far as its prompt and its engine need it.

    Its tier was checked when it was queued; what may answer in its place is decided by the tier it came with.
    """
    response, job = queued.stored.response, queued.job
    return ChatTurn(
        user_id=response.user_id,
        model=model,
        parameters=job["parameters"],
        instructions=response.instructions,
        max_tokens=job["max_tokens"],
        is_background=True,
        request_id=job["request_id"],
        tier=job.get("tier"),
    )


def _messages(chat: ChatTurn, items: Sequence[Item]) -> list[dict[str, Any]]:
    return [*_instructions(chat), *to_messages([item.content for item in items])]


def _unjudged(chat: ChatTurn, items: Sequence[Item]) -> list[tuple[ItemId | None, str]]:
    """Of what its user, or the user's client, has put into the prompt."""
    instructions = [(None, chat.instructions)] if chat.instructions else []
    return [*instructions, *((item.item_id, text_to_count(item.content)) for item in items if _is_to_judge(item))]


def _is_to_judge(item: Item) -> bool:
    return not item.is_judged and isinstance(item.content, Message) and item.content.role is not Role.ASSISTANT


def _said_by_client(messages: Sequence[Mapping[str, Any]]) -> list[tuple[ItemId | None, str]]:
    """Of a prompt that the client sent whole."""
    return [(None, text) for text in said_by(messages, {"user", "system"})]


def said_by(messages: Sequence[Mapping[str, Any]], roles: Collection[str]) -> list[str]:
    """The texts of a prompt in the name of one of `roles`."""
    return [_text_of(each["content"]) for each in messages if each["role"] in roles]


def _text_of(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(part.get("text") or "" for part in content or ())


def _nothing_said() -> InvalidRequest:
    return InvalidRequest("The input says nothing that could be answered.", param="messages")


def _range_of(window: Window) -> ContextRange | None:
    shown = window.shown
    return ContextRange(shown[0].sequence, shown[-1].sequence, len(shown)) if shown else None


def _needs_title(conversation: OpenConversation) -> bool:
    return conversation.is_listed and not conversation.has_title


async def _count_window(engine: Engine, model: str, window: Window) -> int:
    counts = await asyncio.gather(*(engine.count_tokens(model, text_to_count(item.content)) for item in window.shown))
    return sum(counts) + TEMPLATE_TOKENS_PER_MESSAGE * len(counts)


def _new_response(chat: ChatTurn, response_id: ResponseId, conversation: OpenConversation | None = None) -> Response:
    """All that follows from the request and the id is the same wherever it is made."""
    new = chat.input
    kept_in = conversation if chat.is_stored else None
    return Response(
        response_id=response_id,
        user_id=chat.user_id,
        model=chat.model.name,
        created_at=created_at(response_id),
        output_item_id=ItemId(UUID(int=response_id.int + 1)),
        conversation_id=kept_in.conversation_id if kept_in else None,
        is_listed=kept_in.is_listed if kept_in else False,
        input_items=tuple((ItemId(new_uuid()), content) for content in new.contents) if new else (),
        previous_response_id=new.previous_response_id if new else None,
        instructions=chat.instructions,
        request=chat.request,
        is_background=chat.is_background,
        degraded_from=chat.degraded_from,
    )


def _job(chat: ChatTurn, *, needs_title: bool) -> dict[str, Any]:
    """What a background turn needs beside what its row and its items say; `chat_of` reads it."""
    return {
        "parameters": dict(chat.parameters),
        "max_tokens": chat.max_tokens,
        "request_id": chat.request_id,
        "needs_title": needs_title,
        "tier": chat.tier,
    }


def _instructions(chat: ChatTurn) -> list[dict[str, Any]]:
    return [{"role": "system", "content": chat.instructions}] if chat.instructions else []


def _fixed_text(chat: ChatTurn) -> str:
    """What stands in every prompt of the turn beside the conversation."""
    tools = chat.parameters.get("tools")
    return (orjson.dumps(tools).decode() if tools else "") + (chat.instructions or "")
