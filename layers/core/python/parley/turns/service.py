"""The use cases of a turn: begin, stop, and settle on every path."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
from aws_lambda_powertools import Logger

from parley.errors import ChatError, EngineFailed, StorageUnavailable
from parley.ids import ItemId, ResponseId, UserId, new_uuid
from parley.kit.postgres import Pool, transaction
from parley.kit.telemetry import describe_error
from parley.models.client import Engine
from parley.models.model import Usage
from parley.turns import store
from parley.turns.log import LiveLog, ResponseLog
from parley.turns.model import (
    ChatTurn,
    Outcome,
    Response,
    Status,
    StopReason,
    outcome_of,
    outcome_of_stop,
    put_together,
)
from parley.turns.record import Prompt, record_turn
from parley.turns.turn import Turn

SETTLE_TRIES = 4
SETTLE_RETRY_AFTER_S = 0.5
# How long a caller of cancel waits for the turn to have settled; a process elsewhere sees the request within 400 ms.
CANCEL_WAIT_S = 5
CANCEL_POLL_S = 0.2


class Turns:
    """All turns of this process. A stored turn is a task of its own: its readers come and go."""

    def __init__(
        self, pool: Pool, engine: Engine, log: ResponseLog, logger: Logger, tasks: asyncio.TaskGroup, deadline_s: float
    ) -> None:
        self._pool = pool
        self._engine = engine
        self._log = log
        self._logger = logger
        self._tasks = tasks
        self._deadline_s = deadline_s
        self._live: dict[ResponseId, Turn] = {}

    async def begin(self, chat: ChatTurn) -> Turn:
        """A turn whose engine has accepted the request; what the user said is stored by then.

        Raises: what can still be told as an HTTP error: NotFound, ConversationBusy, ContextLengthExceeded,
        StorageUnavailable before anything is stored; InvalidRequest, EngineUnavailable, EngineFailed from the engine.
        """
        response_id = ResponseId(new_uuid())
        if chat.conversation is None:
            prompt = Prompt(chat.messages, None)
        else:
            prompt = await record_turn(self._pool, self._engine, chat, chat.conversation, response_id)
        turn = Turn(chat, response_id, prompt.record, self._deadline_s)
        self._live[response_id] = turn
        self._tasks.create_task(self._run(turn, _engine_request(chat, prompt)), name=f"turn-{response_id}")
        try:
            await turn.begun.wait()
        except asyncio.CancelledError:
            if not turn.is_stored:
                turn.stop(StopReason.ABANDONED)
            raise
        if turn.refusal is not None:
            raise turn.refusal
        return turn

    async def cancel(self, user_id: UserId, response_id: ResponseId) -> Response:
        """Stop the turn, whichever process it runs in, and give it as it is then; one that is over is left alone.

        Raises: NotFound for an unknown or another user's response, StorageUnavailable.
        """
        response = await self._get_response(user_id, response_id)
        if response.status is not Status.IN_PROGRESS:
            return response
        turn = self._live.get(response_id)
        if turn is not None:
            turn.stop(StopReason.CANCELLED)
        else:
            await self._log.request_stop(user_id, response_id)
        with anyio.move_on_after(CANCEL_WAIT_S):
            if turn is not None:
                await turn.wait_for_end()
            while (response := await self._get_response(user_id, response_id)).status is Status.IN_PROGRESS:  # noqa: ASYNC110
                await asyncio.sleep(CANCEL_POLL_S)
        return response

    async def stop_all(self, reason: StopReason) -> None:
        """Stop every turn of this process and wait until each has settled."""
        turns = list(self._live.values())
        for turn in turns:
            turn.stop(reason)
        for turn in turns:
            await turn.wait_for_end()

    async def _get_response(self, user_id: UserId, response_id: ResponseId) -> Response:
        async with transaction(self._pool, user_id) as connection:
            return await store.get_response(connection, user_id, response_id)

    async def _run(self, turn: Turn, request: dict[str, Any]) -> None:
        """The one path on which every turn ends."""
        log = self._open_log(turn)
        outcome = Outcome(Status.FAILED, None, error=EngineFailed("The answer could not be written."))
        is_settled = False
        try:
            outcome = await self._generate(turn, request, log)
            outcome = await self._with_usage(turn, request, outcome)
            is_settled = await self._settle(turn, outcome)
        except Exception as error:  # noqa: BLE001 -- a task is a process edge: one turn's bug must not end the others
            self._logger.error("turn_broke", extra={"turn_id": str(turn.response_id), **describe_error(error)})
        finally:
            if log is not None:
                self._log.close(log, is_settled=is_settled)
            del self._live[turn.response_id]
            turn.finish(outcome)

    def _open_log(self, turn: Turn) -> LiveLog | None:
        if not turn.is_stored:
            return None
        return self._log.open(turn.chat.user_id, turn.response_id, lambda: turn.stop(StopReason.CANCELLED))

    async def _generate(self, turn: Turn, request: dict[str, Any], log: LiveLog | None) -> Outcome:
        try:
            with turn.scope:
                async with self._engine.stream_chat(request) as batches, aclosing(batches):
                    turn.begun.set()
                    async for deltas in batches:
                        turn.publish(deltas)
                        if log is not None:
                            log.append(deltas)
                return outcome_of(turn.deltas)
            return outcome_of_stop(turn.stop_reason or StopReason.DEADLINE)
        except ChatError as error:
            self._logger.warning("engine_failed", extra={"turn_id": str(turn.response_id), **describe_error(error)})
            status = Status.INCOMPLETE if turn.deltas else Status.FAILED
            return Outcome(status, None, error=error)

    async def _with_usage(self, turn: Turn, request: dict[str, Any], outcome: Outcome) -> Outcome:
        """Engines report usage at the end of a stream only: what was cut off is counted by their tokenizer."""
        if outcome.usage is not None or outcome.status is Status.FAILED:
            return outcome
        answer = put_together(turn.deltas)
        model = turn.chat.model.name
        try:
            completion_tokens = await self._engine.count_tokens(model, answer.reasoning + answer.text)
            prompt_tokens = await self._engine.count_prompt_tokens(request)
        except ChatError:  # the engine is gone: every chunk it sent was at least one token
            completion_tokens, prompt_tokens = sum(delta.is_shown for delta in turn.deltas), 0
        return replace(outcome, usage=Usage(prompt_tokens, completion_tokens))

    async def _settle(self, turn: Turn, outcome: Outcome) -> bool:
        """Store how the turn ended. A database that is away is tried again; then the sweeper settles it from the log."""
        if turn.record is None:
            return True
        for attempt in range(SETTLE_TRIES):
            try:
                await self._settle_once(turn, outcome, turn.record.output_item_id)
            except StorageUnavailable:
                await asyncio.sleep(SETTLE_RETRY_AFTER_S * 2**attempt)
            else:
                return True
        self._logger.error("turn_not_settled", extra={"turn_id": str(turn.response_id)})
        return False

    async def _settle_once(self, turn: Turn, outcome: Outcome, output_item_id: ItemId) -> None:
        user_id = turn.chat.user_id
        contents = put_together(turn.deltas).contents() if outcome.status is not Status.FAILED else ()
        item_ids = item_ids_for(output_item_id, len(contents))
        async with transaction(self._pool, user_id) as connection:
            await store.settle_turn(
                connection,
                user_id,
                turn.response_id,
                outcome,
                model=turn.chat.model.name,
                item_ids=item_ids,
                contents=contents,
            )


def item_ids_for(output_item_id: ItemId, count: int) -> list[ItemId]:
    """The ids of an answer's items: the first was promised when the turn began."""
    return [output_item_id, *(ItemId(new_uuid()) for _ in range(count - 1))][:count]


def _engine_request(chat: ChatTurn, prompt: Prompt) -> dict[str, Any]:
    return {
        **chat.parameters,
        "model": chat.model.name,
        "messages": prompt.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": chat.answer_tokens if prompt.room_tokens is None else min(chat.answer_tokens, prompt.room_tokens),
    }


@asynccontextmanager
async def open_turns(
    pool: Pool, engine: Engine, log: ResponseLog, logger: Logger, deadline_s: float
) -> AsyncGenerator[Turns]:
    """The turns of a process. Leaving stops and settles those that still run: a deployment loses nothing."""
    async with asyncio.TaskGroup() as tasks:
        turns = Turns(pool, engine, log, logger, tasks, deadline_s)
        try:
            yield turns
        finally:
            with anyio.CancelScope(shield=True):
                await turns.stop_all(StopReason.SHUTDOWN)
