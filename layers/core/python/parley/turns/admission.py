"""Admission: which pools may take a turn now, before anything of it is stored."""

from collections.abc import Sequence

import orjson
from aws_lambda_powertools import Logger

from parley.errors import EngineUnavailable
from parley.kit.telemetry import count_metric
from parley.models.client import Engines
from parley.models.model import TEMPLATE_TOKENS_IN_FRONT, Model, needs_of
from parley.models.pools import PoolState, PoolStates
from parley.models.service import Catalogue
from parley.turns.model import ChatTurn, RouteReason
from parley.turns.prompt import to_messages

# A queue is worked off in seconds; a pool without a worker takes minutes to get one, and Node's SDK obeys no more than 60 s.
_RETRY_AFTER_S = 5
_RETRY_AFTER_NO_WORKERS_S = 30


class Admission:
    """Says who may answer a turn, by what the registrars say of the pools. It never waits for room."""

    def __init__(self, catalogue: Catalogue, engines: Engines, states: PoolStates, logger: Logger) -> None:
        self._catalogue = catalogue
        self._engines = engines
        self._states = states
        self._logger = logger

    async def routes(self, chat: ChatTurn) -> Sequence[ChatTurn]:
        """The turn as each model that has room would answer it, the one asked for first; at least one.

        Raises: EngineUnavailable, at once, when every pool that may serve it is saturated.
        """
        state = await self._state(chat.model)
        if not _is_full(state):
            return [chat, *await self.alternatives(chat, RouteReason.POOL_UNAVAILABLE)]
        others = await self.alternatives(chat, RouteReason.POOL_SATURATED)
        if not others:
            count_metric(self._logger, "TurnsShed")
            raise no_room(state)
        return others

    async def alternatives(self, chat: ChatTurn, reason: RouteReason) -> list[ChatTurn]:
        """The turn as each of the other models that may answer it, and have room, would."""
        models = await self._catalogue.fallbacks(chat.model, chat.tier, needs_of(chat.parameters))
        return [
            chat.moved_to(each, reason)
            for each in models
            if _leaves_room(chat, each) and not _is_full(await self._state(each))
        ]

    async def _state(self, model: Model) -> PoolState | None:
        pool = self._engines.of(model).pool
        return await self._states.get(pool.name) if pool.is_watched else None


def _leaves_room(chat: ChatTurn, model: Model) -> bool:
    """Whether a prompt that is sent as it came surely fits another model's context; of others the window is cut to fit."""
    if chat.is_stored or model.context_tokens >= chat.model.context_tokens:
        return True
    said = chat.messages or to_messages(chat.input.contents if chat.input else ())
    # Bytes, and those of JSON besides: never fewer than tokens.
    prompt_tokens = len(orjson.dumps([*said, chat.instructions, chat.parameters.get("tools")]))
    return prompt_tokens + TEMPLATE_TOKENS_IN_FRONT + chat.answer_tokens <= model.context_tokens


def _is_full(state: PoolState | None) -> bool:
    """A pool of which nothing is known is open: its engine says itself when it has no room."""
    return state is not None and state.is_saturated


def no_room(state: PoolState | None = None) -> EngineUnavailable:
    has_no_workers = state is not None and state.reason == "no_workers"
    return EngineUnavailable(
        "The model is not running just now. Try again in half a minute."
        if has_no_workers
        else "The model is busy. Try again in a moment.",
        retry_after_s=_RETRY_AFTER_NO_WORKERS_S if has_no_workers else _RETRY_AFTER_S,
    )
