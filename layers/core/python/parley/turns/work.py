"""The work on a turn, from the engine's first word to its settlement: one path on which every turn ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from time import monotonic
from typing import Any

import anyio
from aws_lambda_powertools import Logger

from parley.conversations.model import item_type
from parley.errors import ChatError, EngineFailed, EngineUnavailable, NotFound, StorageUnavailable
from parley.kit.postgres import Pool, single_statements, transaction
from parley.kit.tasks import running_beside
from parley.kit.telemetry import count_metric, describe_error
from parley.models.client import Engines
from parley.models.model import Delta, Usage
from parley.models.pools import PoolStates
from parley.models.service import Catalogue
from parley.moderation.service import Moderation
from parley.turns.affinity import affinity_of
from parley.turns.answer import Answer, item_ids_for, put_together
from parley.turns.entries import entry_fields
from parley.turns.judging import Judge
from parley.turns.log import ResponseLog
from parley.turns.model import (
    LAST_LEASE,
    ChatTurn,
    Outcome,
    Response,
    Status,
    StopReason,
    outcome_of,
    outcome_of_stop,
    outcome_of_stored,
)
from parley.turns.queue import JobQueue, title_job
from parley.turns.receipt import cost_usd_micros, receipt_of
from parley.turns.record import Prompt
from parley.turns.store.responses import get_response
from parley.turns.store.turn import Settlement, move_turn, settle_turn
from parley.turns.turn import Run

# How long a database that is away is waited for, by pauses that grow; a function's timeout leaves 30 s after its deadline.
SETTLE_WITHIN_S = 20
SETTLE_RETRY_AFTER_S = 0.25
SETTLE_RETRY_AT_LEAST_EVERY_S = 2
# For the tokens of an answer that was cut off: a frozen engine must not keep its readers from hearing of the end.
COUNTED_WITHIN_S = 1


@dataclass(frozen=True, slots=True)
class TurnParts:
    """What turns are made with. `deadline_s`: how long one may take; `makes_titles`: whether a first turn leads to a title."""

    pool: Pool
    catalogue: Catalogue
    engines: Engines
    states: PoolStates
    log: ResponseLog
    queue: JobQueue
    logger: Logger
    deadline_s: float
    makes_titles: bool = False
    moderation: Moderation | None = None


class Worker:
    """Works on turns: asks the engine, settles, and sees to what a turn leads to."""

    def __init__(self, parts: TurnParts) -> None:
        self._pool = parts.pool
        self._engines = parts.engines
        self._log = parts.log
        self._queue = parts.queue
        self._logger = parts.logger
        self._makes_titles = parts.makes_titles
        self._judge = Judge(parts.moderation, parts.logger) if parts.moderation else None

    async def work(self, run: Run, prompt: Prompt) -> None:
        """Work on the turn to its end, whichever it is; it is settled before its readers hear of the end."""
        log = self._log.open(run) if run.is_kept else None
        outcome: Outcome | None = None
        try:
            if self._judge is not None:
                prompt = await self._judge.attach(run, prompt)
            async with self._judging(run, prompt):
                outcome = await self._generate(run, prompt)
                if self._judge is not None:
                    outcome = await self._judge.judge_rest(run, outcome)
            if _is_to_wait(run, outcome):
                self._logger.warning("queued_turn_left", extra={"turn_id": _id_of(run)})
                outcome = None
                return
            outcome = await self._with_usage(run, prompt, outcome)
            outcome = await self._settle(run, prompt, outcome)
            # Not after its end, for Lambda freezes the process then.
            await self._follow_up(run, prompt, outcome)
        except Exception as error:  # noqa: BLE001 -- a task is a process edge: one turn's bug must not end the others
            self._logger.error("turn_broke", extra={"turn_id": _id_of(run), **describe_error(error)})
        finally:
            if log is not None:
                # Without an outcome of its own the turn is left to the sweeper.
                self._log.close(log, None if run.stop_reason is StopReason.LEASE_LOST else outcome)
            run.turn.finish(outcome or _broken())
            run.begun.set()

    async def settle_silent(self, response: Response, lease_epoch: int, outcome: Outcome) -> bool:
        """Settle a turn of which nothing was said; False when it was settled or taken meanwhile. Raises: StorageUnavailable."""
        async with single_statements(self._pool) as connection:
            is_settled = await settle_turn(connection, _settlement(response, None, lease_epoch, outcome, Answer()))
        if is_settled:
            entry_id, fields = f"{lease_epoch + 1}-1", entry_fields(0, (), outcome)
            with suppress(StorageUnavailable):  # who follows the turn asks the database
                await self._log.end(response.user_id, response.response_id, entry_id, fields)
        return is_settled

    def _judging(self, run: Run, prompt: Prompt) -> AbstractAsyncContextManager[None]:
        """What was asked is judged while the engine begins to work on it; without moderation it is cleared at once."""
        if self._judge is None:
            run.cleared.set()
            return nullcontext()
        return running_beside(self._judge.judge(run, prompt), "moderation")

    async def _generate(self, run: Run, prompt: Prompt) -> Outcome:
        try:
            with run.scope:
                await self._answer(run, prompt)
                return outcome_of(run.finish_reason, run.usage)
            run.stop_reason = run.stop_reason or StopReason.DEADLINE
            is_reviewed = any(each.is_blocked and each.review for each in run.judged)
            return outcome_of_stop(run.stop_reason, is_reviewed=is_reviewed)
        except ChatError as error:
            self._logger.warning("engine_failed", extra={"turn_id": _id_of(run), **describe_error(error)})
            return Outcome(Status.INCOMPLETE if run.turn.deltas else Status.FAILED, None, error=error)
        finally:
            run.clock.mark("generated")

    async def _answer(self, run: Run, prompt: Prompt) -> None:
        """Take in the answer of the first engine that accepts the request. Raises: what the last of them raised."""
        affinity = affinity_of(run.chat.user_id, run.turn.response.conversation_id, prompt.messages)
        while True:
            engine = self._engines.of(run.chat.model)
            try:
                async with (
                    engine.stream_chat(engine_request(run.chat, prompt), affinity) as batches,
                    aclosing(batches),
                ):
                    run.clock.mark("accepted")
                    await run.cleared.wait()
                    run.clock.mark("cleared")
                    run.begun.set()
                    await self._take_in(run, batches)
            except EngineUnavailable as error:  # only before the first word
                moved = self._move_on(run, prompt)
                if moved is None:
                    raise
                count_metric(self._logger, "TurnsDegraded")
                self._logger.warning(
                    "turn_moved",
                    extra={"turn_id": _id_of(run), "from_pool": engine.pool.name, **describe_error(error)},
                )
                prompt = moved
                await self._tell_of_move(run)
            else:
                return

    async def _take_in(self, run: Run, batches: AsyncIterator[Sequence[Delta]]) -> None:
        try:
            async for deltas in batches:
                run.take_in(deltas)
        finally:  # however it ends
            run.show_rest()

    async def _tell_of_move(self, run: Run) -> None:
        response = run.turn.response
        if not response.is_stored:
            return
        with suppress(StorageUnavailable):
            async with transaction(self._pool, response.user_id) as connection:
                await move_turn(connection, response.user_id, response.response_id, run.lease_epoch, response.model)

    def _move_on(self, run: Run, prompt: Prompt) -> Prompt | None:
        """Let the next model answer in whose context the prompt fits; None where there is no other."""
        old = run.chat.model
        while run.others:
            chat = run.others.pop(0)
            moved = prompt.moved(old, chat.model, chat.answer_tokens)
            if moved is not None:
                run.move_to(chat)
                return moved
        return None

    async def _with_usage(self, run: Run, prompt: Prompt, outcome: Outcome) -> Outcome:
        """Engines report usage at the end of a stream only: what was cut off is counted by their tokenizer."""
        if outcome.usage is not None or outcome.status is Status.FAILED or run.stop_reason is StopReason.LEASE_LOST:
            return outcome
        answer = run.withheld or put_together(run.turn.deltas)
        model = run.chat.model
        engine = self._engines.of(model)
        # Should the engine be gone: every chunk it sent was at least one token.
        completion_tokens, prompt_tokens = len(run.turn.deltas), 0
        with suppress(ChatError), anyio.move_on_after(COUNTED_WITHIN_S):
            completion_tokens = await engine.count_tokens(model.name, answer.reasoning + answer.text)
            prompt_tokens = await engine.count_prompt_tokens(engine_request(run.chat, prompt))
        return replace(outcome, usage=Usage(prompt_tokens, completion_tokens))

    async def _settle(self, run: Run, prompt: Prompt, outcome: Outcome) -> Outcome:
        """Store how the turn ended; what its readers are told of it.

        A database that is away is tried again; then the sweeper settles the turn from its log.
        """
        response = run.turn.response
        if not response.is_stored:
            return outcome
        model = run.chat.model
        settlement = _settlement(response, model.counted_by, run.lease_epoch, outcome, put_together(run.turn.deltas))
        settlement = replace(
            settlement,
            receipt=receipt_of(run, prompt, outcome),
            cost_usd_micros=cost_usd_micros(model, outcome.usage),
            judged=[each.of_first(response.output_item_id, settlement.item_ids) for each in run.judged],
        )
        give_up_s = monotonic() + SETTLE_WITHIN_S
        pause_s = SETTLE_RETRY_AFTER_S
        while True:
            try:
                async with single_statements(self._pool) as connection:
                    is_settled = await settle_turn(connection, settlement)
            except StorageUnavailable:
                if outcome.is_withheld:  # what must not be read stays on no screen until the database is back
                    run.turn.finish(outcome)
                if monotonic() + pause_s > give_up_s:
                    break
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, SETTLE_RETRY_AT_LEAST_EVERY_S)
            else:
                return outcome if is_settled else await self._as_settled(run, outcome)
        self._logger.error("turn_not_settled", extra={"turn_id": _id_of(run)})
        return outcome

    async def _as_settled(self, run: Run, outcome: Outcome) -> Outcome:
        """Of a turn that was settled already, by the sweeper or by a try of ours that got no answer, what was stored counts."""
        self._logger.warning("turn_settled_already", extra={"turn_id": _id_of(run)})
        response = run.turn.response
        try:
            async with transaction(self._pool, response.user_id) as connection:
                stored = await get_response(connection, response.user_id, response.response_id)
        except (NotFound, StorageUnavailable):  # deleted meanwhile, with whatever was said
            return outcome
        return outcome_of_stored(stored) if stored.status.is_settled else outcome_of_stop(StopReason.LEASE_LOST)

    async def _follow_up(self, run: Run, prompt: Prompt, outcome: Outcome) -> None:
        """What a turn leads to: a title after the first of a conversation, a key given back when it said nothing."""
        response, again = run.turn.response, run.chat.idempotency
        is_titled = self._makes_titles and prompt.needs_title and outcome.status is Status.COMPLETED
        with suppress(StorageUnavailable):
            if is_titled and response.conversation_id is not None:
                await self._queue.send(title_job(response.user_id, response.conversation_id))
            if outcome.status is Status.FAILED and not response.is_stored and again and again.key:
                await self._log.release(response.user_id, key_hash(again.key))


def _is_to_wait(run: Run, outcome: Outcome) -> bool:
    """A background turn that found no room. Nobody has heard a word of it: the sweeper queues it again, up to its last lease."""
    return (
        run.chat.is_background
        and isinstance(outcome.error, EngineUnavailable)
        and not run.turn.deltas
        and run.lease_epoch < LAST_LEASE
    )


def engine_request(chat: ChatTurn, prompt: Prompt) -> dict[str, Any]:
    """What the engine is sent."""
    return {
        **chat.parameters,
        "model": chat.model.name,
        "messages": prompt.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": chat.answer_tokens if prompt.room_tokens is None else min(chat.answer_tokens, prompt.room_tokens),
    }


def key_hash(key: str) -> str:
    """An idempotency key as part of a key in Valkey."""
    return sha256(key.encode()).hexdigest()


def _settlement(
    response: Response, tokenizer: str | None, lease_epoch: int, outcome: Outcome, answer: Answer
) -> Settlement:
    contents = answer.items(broke_off=outcome.error is not None)
    item_ids = item_ids_for(response.output_item_id, [item_type(each) for each in contents])
    return Settlement(
        response.user_id, response.response_id, response.model, tokenizer, lease_epoch, outcome, item_ids, contents
    )


def _broken() -> Outcome:
    return Outcome(Status.FAILED, None, error=EngineFailed("The answer could not be written."))


def _id_of(run: Run) -> str:
    return str(run.turn.response.response_id)
