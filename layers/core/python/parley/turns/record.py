"""The beginning of a stored turn: what the user said is kept, and the prompt is made, before the engine is asked."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from parley.conversations.model import Item, ItemContent, Message, Role, title_from
from parley.ids import ItemId, ResponseId, new_uuid
from parley.kit.postgres import Pool, transaction
from parley.models.client import Engine
from parley.models.model import TEMPLATE_TOKENS_IN_FRONT
from parley.turns import store
from parley.turns.model import ChatTurn, ConversationInput, Record
from parley.turns.prompt import Window, open_window, prompt_limit_tokens, text_to_count, to_messages, token_bound


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the engine is asked. `room_tokens`: what the context leaves for the answer, None where that was not counted."""

    messages: Sequence[Mapping[str, Any]] = field(repr=False)
    record: Record | None
    room_tokens: int | None = None


async def record_turn(
    pool: Pool, engine: Engine, chat: ChatTurn, new: ConversationInput, response_id: ResponseId
) -> Prompt:
    """Store the user's items and an `in_progress` response in one transaction, and compile the prompt from the history.

    Raises: NotFound, ConversationBusy, ContextLengthExceeded, StorageUnavailable, EngineUnavailable: nothing is stored then.
    """
    recorder = _Recorder(pool, engine, chat, new, response_id)
    while (prompt := await recorder.try_once()) is None:
        await recorder.count_tokens()
    return prompt


class _Recorder:
    """Tokens are counted only for a prompt that might not fit: most are far from it, whatever their bytes turn out to be."""

    def __init__(
        self, pool: Pool, engine: Engine, chat: ChatTurn, new: ConversationInput, response_id: ResponseId
    ) -> None:
        self._pool = pool
        self._engine = engine
        self._chat = chat
        self._new = new
        self._response_id = response_id
        self._tools_text = _tools_text(chat.parameters)
        self._tool_tokens = token_bound(self._tools_text)
        self._new_token_counts: Sequence[int | None] = [None] * len(new.contents)
        # What the history API added, what was said in short prompts, what was counted for another model.
        self._uncounted: Sequence[Item] = ()

    async def try_once(self) -> Prompt | None:
        """None when tokens have to be counted first, for no connection is held while the engine does."""
        chat, new = self._chat, self._new
        async with transaction(self._pool, chat.user_id) as connection:
            conversation = await store.open_conversation(connection, chat.user_id, new.conversation_id, new.replaces)
            conversation = await store.drop_failed_repeat(connection, chat.user_id, conversation, new.contents)
            turn = self._new_turn()
            items = [*conversation.items, *_as_items(conversation, turn)]
            limit_tokens = prompt_limit_tokens(chat.model, self._tool_tokens)
            window = open_window(items, chat.model.name, conversation.window_start)
            if not window.is_counted and not self._surely_fits(window, limit_tokens):
                self._uncounted = [item for item in conversation.items if item.tokenizer != chat.model.name]
                await connection.rollback()
                return None
            window = window.within(limit_tokens)
            await store.insert_turn(connection, conversation, turn, window.start)
        return Prompt(
            to_messages([item.content for item in window.shown]),
            Record(new.conversation_id, tuple(turn.item_ids), turn.output_item_id),
            self._room_tokens(window),
        )

    def _surely_fits(self, window: Window, limit_tokens: int) -> bool:
        return window.tokens <= limit_tokens and self._chat.answer_tokens <= self._room_tokens(window)

    def _room_tokens(self, window: Window) -> int:
        return self._chat.model.context_tokens - TEMPLATE_TOKENS_IN_FRONT - self._tool_tokens - window.tokens

    async def count_tokens(self) -> None:
        """Have everything counted, once: stored items keep their counts, new ones will be stored with theirs."""
        old, new = self._uncounted, self._new.contents
        texts = [
            self._tools_text,
            *(text_to_count(item.content) for item in old),
            *(text_to_count(each) for each in new),
        ]
        model = self._chat.model.name
        counts = await asyncio.gather(*(self._engine.count_tokens(model, text) for text in texts))
        self._tool_tokens = counts[0]
        self._new_token_counts = counts[1 + len(old) :]
        if old:
            pairs = [(item.item_id, count) for item, count in zip(old, counts[1:], strict=False)]
            async with transaction(self._pool, self._chat.user_id) as connection:
                await store.save_token_counts(connection, self._chat.user_id, model, pairs)

    def _new_turn(self) -> store.NewTurn:
        return store.NewTurn(
            user_id=self._chat.user_id,
            response_id=self._response_id,
            output_item_id=ItemId(new_uuid()),
            model=self._chat.model.name,
            item_ids=[ItemId(new_uuid()) for _ in self._new.contents],
            contents=self._new.contents,
            token_counts=self._new_token_counts,
            title=_title(self._new.contents),
        )


def _as_items(conversation: store.OpenConversation, turn: store.NewTurn) -> list[Item]:
    """The new items as they will stand after those of the conversation."""
    rows = zip(turn.item_ids, turn.contents, turn.token_counts, strict=True)
    return [
        Item(
            item_id,
            conversation.conversation_id,
            conversation.next_sequence + index,
            content,
            "completed",
            conversation.read_at,
            token_count=count,
            tokenizer=None if count is None else turn.model,
        )
        for index, (item_id, content, count) in enumerate(rows)
    ]


def _title(contents: Sequence[ItemContent]) -> str | None:
    texts = (each.text for each in contents if isinstance(each, Message) and each.role is Role.USER)
    return title_from(next(texts, ""))


def _tools_text(parameters: Mapping[str, Any]) -> str:
    tools = parameters.get("tools")
    return orjson.dumps(tools).decode() if tools else ""
