"""Titles: after its first turn the engine names a conversation, unless somebody has named it meanwhile."""

from collections.abc import Collection
from contextlib import aclosing
from typing import Any

from aws_lambda_powertools import Logger

from parley.conversations.model import TITLE_LIMIT, Message, Role, title_of
from parley.errors import ChatError
from parley.ids import ConversationId, UserId
from parley.kit.postgres import Pool, transaction
from parley.kit.telemetry import describe_error
from parley.models.client import Engines
from parley.models.model import Delta
from parley.models.service import Catalogue
from parley.turns.affinity import affinity_of
from parley.turns.answer import put_together
from parley.turns.redaction import redact_messages
from parley.turns.store.titles import Opening, read_opening, replace_title

# The beginning of a message tells what it is about. In characters.
_SHOWN_LIMIT = 1000
_TITLE_TOKENS = 24
_INSTRUCTION = (
    "Name the conversation above: answer with a title of at most six words in the language of the conversation, "
    "and with nothing else."
)
_QUOTES = "\"'`*_ \u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"


class Titles:
    """Gives titles with the model that answered."""

    def __init__(
        self,
        pool: Pool,
        catalogue: Catalogue,
        engines: Engines,
        logger: Logger,
        *,
        kept_from_models: Collection[str] = (),
    ) -> None:
        """`kept_from_models`: kinds of personal data, as the policy of moderation says."""
        self._pool = pool
        self._catalogue = catalogue
        self._engines = engines
        self._logger = logger
        self._kept_from_models = kept_from_models

    async def give_title(self, user_id: UserId, conversation_id: ConversationId) -> None:
        """Replace the title that was made of the first message; any other title is somebody's own, and stays.

        An engine that is away or talks nonsense leaves the title as it is: there is one. Raises: StorageUnavailable.
        """
        async with transaction(self._pool, user_id) as connection:
            opening = await read_opening(connection, user_id, conversation_id)
        if opening is None or opening.title is None or opening.title != title_of(opening.said):
            return
        try:
            title = await self._ask(user_id, conversation_id, opening)
        except ChatError as error:
            details = {"conversation_id": str(conversation_id), **describe_error(error)}
            self._logger.warning("title_not_given", extra=details)
            return
        if title is not None:
            async with transaction(self._pool, user_id) as connection:
                await replace_title(connection, user_id, conversation_id, opening.title, title)

    async def _ask(self, user_id: UserId, conversation_id: ConversationId, opening: Opening) -> str | None:
        """Raises: ChatError of the engine, ModelNotFound where the model is none any more."""
        deltas: list[Delta] = []
        request = _request(opening, self._kept_from_models)
        engine = self._engines.of(await self._catalogue.get(opening.model))
        affinity = affinity_of(user_id, conversation_id, request["messages"])
        async with engine.stream_chat(request, affinity) as batches, aclosing(batches):
            async for batch in batches:
                deltas.extend(batch)
        is_whole = any(delta.finish_reason == "stop" for delta in deltas)
        return clean_title(put_together(deltas).text) if is_whole else None


def clean_title(answer: str) -> str | None:
    """The title in what an engine answered; None where there is none in it, or it is no title but a speech."""
    line = next((each for each in answer.splitlines() if each.strip()), "")
    line = "".join(each for each in line if each.isprintable()).lstrip("# ").strip(_QUOTES)
    head, colon, rest = line.partition(":")
    if colon and head.strip(_QUOTES).lower() == "title":
        line = rest.strip(_QUOTES)
    line = " ".join(line.removesuffix(".").split())
    is_title = any(each.isalnum() for each in line) and len(line) <= TITLE_LIMIT and not line.startswith("<")
    return line if is_title else None


def _request(opening: Opening, kept_from_models: Collection[str]) -> dict[str, Any]:
    said = [_beginning(opening, role)[: 2 * _SHOWN_LIMIT] for role in (Role.USER, Role.ASSISTANT)]
    if kept_from_models:
        # With some text more than is shown: a value that is cut off looks like none.
        as_messages = redact_messages([{"role": "user", "content": text} for text in said], kept_from_models)
        said = [message["content"] for message in as_messages]
    shown = [text[:_SHOWN_LIMIT] for text in said if text]
    return {
        "model": opening.model,
        "messages": [{"role": "user", "content": "\n\n---\n\n".join([*shown, _INSTRUCTION])}],
        "max_tokens": _TITLE_TOKENS,
        "temperature": 0,
        "stream": True,
    }


def _beginning(opening: Opening, role: Role) -> str:
    """The first that somebody said; empty where he said nothing."""
    texts = (each.text.strip() for each in opening.said if isinstance(each, Message) and each.role is role)
    return next(filter(None, texts), "")
