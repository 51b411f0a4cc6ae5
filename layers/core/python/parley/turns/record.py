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
from parley.turns import store
from parley.turns.model import ChatTurn, ConversationInput, Record
from parley.turns.prompt import prompt_limit_tokens, prompt_tokens, text_to_count, to_messages, window_of


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
    token_counts = await recorder.count([text_to_count(content) for content in new.contents])
    tool_tokens = sum(await recorder.count([_tools_text(chat.parameters)]))
    while True:
        prompt = await recorder.try_once(token_counts, tool_tokens)
        if prompt is not None:
            return prompt
        # Items that came through the history API, or were counted for another model: rare, and once each.
        await recorder.count_uncounted()


class _Recorder:
    def __init__(
        self, pool: Pool, engine: Engine, chat: ChatTurn, new: ConversationInput, response_id: ResponseId
    ) -> None:
        self._pool = pool
        self._engine = engine
        self._chat = chat
        self._new = new
        self._response_id = response_id
        self._uncounted: list[Item] = []

    async def count(self, texts: Sequence[str]) -> list[int]:
        return await asyncio.gather(*(self._engine.count_tokens(self._chat.model.name, text) for text in texts))

    async def try_once(self, token_counts: Sequence[int], tool_tokens: int) -> Prompt | None:
        """None when items of the window have no token count yet; no connection is held while the engine counts them."""
        chat, new = self._chat, self._new
        async with transaction(self._pool, chat.user_id) as connection:
            conversation = await store.open_conversation(connection, chat.user_id, new.conversation_id, new.replaces)
            conversation = await store.drop_failed_repeat(connection, chat.user_id, conversation, new.contents)
            self._uncounted = [item for item in conversation.items if item.tokenizer != chat.model.name]
            if self._uncounted:
                await connection.rollback()
                return None
            turn = self._new_turn(token_counts)
            limit_tokens = prompt_limit_tokens(chat.model, tool_tokens)
            items = [*conversation.items, *_as_items(conversation, turn)]
            window_start, window = window_of(items, conversation.window_start, limit_tokens)
            await store.insert_turn(connection, conversation, turn, window_start)
        return Prompt(
            to_messages([item.content for item in window]),
            Record(new.conversation_id, tuple(turn.item_ids), turn.output_item_id),
            chat.model.context_tokens - prompt_tokens(window) - tool_tokens,
        )

    async def count_uncounted(self) -> None:
        counts = await self.count([text_to_count(item.content) for item in self._uncounted])
        pairs = [(item.item_id, count) for item, count in zip(self._uncounted, counts, strict=True)]
        async with transaction(self._pool, self._chat.user_id) as connection:
            await store.save_token_counts(connection, self._chat.user_id, self._chat.model.name, pairs)

    def _new_turn(self, token_counts: Sequence[int]) -> store.NewTurn:
        return store.NewTurn(
            user_id=self._chat.user_id,
            response_id=self._response_id,
            output_item_id=ItemId(new_uuid()),
            model=self._chat.model.name,
            item_ids=[ItemId(new_uuid()) for _ in self._new.contents],
            contents=self._new.contents,
            token_counts=token_counts,
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
            tokenizer=turn.model,
        )
        for index, (item_id, content, count) in enumerate(rows)
    ]


def _title(contents: Sequence[ItemContent]) -> str | None:
    texts = (each.text for each in contents if isinstance(each, Message) and each.role is Role.USER)
    return title_from(next(texts, ""))


def _tools_text(parameters: Mapping[str, Any]) -> str:
    tools = parameters.get("tools")
    return orjson.dumps(tools).decode() if tools else ""
