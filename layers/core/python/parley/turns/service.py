"""The use cases of a turn: begin, join, follow, stop, and settle on every path."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio

from parley.conversations.model import ItemQuery, ListedItem, Page
from parley.errors import (
    ChatError,
    ContextLengthExceeded,
    ConversationBusy,
    EngineUnavailable,
    IdempotencyKeyReused,
    NotFound,
    StorageUnavailable,
)
from parley.ids import ResponseId, UserId, new_uuid
from parley.kit.postgres import transaction
from parley.kit.telemetry import count_metric, describe_error
from parley.turns.admission import Admission, no_room
from parley.turns.answer import Answer, taken_apart
from parley.turns.follow import Followers, lost, open_followers
from parley.turns.judging import prepare
from parley.turns.log import Claim, LogCopy
from parley.turns.log_batch import FLUSH_EVERY_S
from parley.turns.model import (
    ChatTurn,
    Outcome,
    Response,
    RouteReason,
    Status,
    StopReason,
    StoredResponse,
    outcome_of_stored,
)
from parley.turns.queue import turn_job
from parley.turns.record import RECORD_WITHIN_S, Prompt, chat_of, record_turn, reopen_turn, unrecorded
from parley.turns.store.responses import (
    delete_response,
    find_repeat,
    get_receipt,
    get_response,
    list_input_contents,
    list_input_items,
    read_output,
)
from parley.turns.store.unsettled import take_turn
from parley.turns.turn import Run, StageClock, Turn
from parley.turns.work import TurnParts, Worker, engine_request, key_hash

# How long a caller of cancel waits for the turn to have settled; a process elsewhere sees the request within 300 ms.
CANCEL_WAIT_S = 5
CANCEL_POLL_S = 0.1
# How long after a turn was settled the end of its log may still be on its way, by the clock of the database and by ours.
END_IS_LATE = timedelta(seconds=1)
END_IS_LATE_FLUSHES = 8


class Turns:
    """All turns of this process. A stored turn is a task of its own: its readers come and go."""

    def __init__(self, parts: TurnParts, followers: Followers, tasks: asyncio.TaskGroup) -> None:
        self._parts = parts
        self._pool = parts.pool
        self._log = parts.log
        self._worker = Worker(parts)
        self._admission = Admission(parts.catalogue, parts.engines, parts.states, parts.logger)
        self._followers = followers
        self._tasks = tasks
        self._live: dict[ResponseId, Run] = {}
        # Requests between the first word to the database and the start of their task.
        self._beginning: set[asyncio.Task[Turn]] = set()

    async def begin(self, chat: ChatTurn) -> Turn:
        """A turn whose engine has accepted the request, or one that is queued; what the user said is stored by then.

        A request that came before (`chat.idempotency`) gets the turn it began then.
        Raises: what can still be told as an HTTP error: NotFound, ConversationBusy, ContextLengthExceeded,
        IdempotencyKeyReused, StorageUnavailable, EngineUnavailable where no pool has room, before anything is stored;
        InvalidRequest, EngineUnavailable, EngineFailed from the engine.
        """
        if not chat.is_stored:
            return await self._begin(chat)
        # A client that leaves while its message is being stored has sent it all the same: the turn goes on.
        task = asyncio.create_task(self._begin(chat))
        self._beginning.add(task)
        task.add_done_callback(self._has_begun)
        return await asyncio.shield(task)

    def _has_begun(self, task: asyncio.Task[Turn]) -> None:
        self._beginning.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ChatError):
            self._parts.logger.error("turn_broke", extra=describe_error(error))

    async def _begin(self, chat: ChatTurn) -> Turn:
        clock = StageClock()
        earlier = await self._find_repeat(chat)
        if earlier is not None:
            return earlier
        # A background turn waits in its queue, not for room.
        routes = [chat] if chat.is_background else await self._admission.routes(chat)
        clock.mark("admit")
        try:
            prompt, (chat, *others) = await self._record_for_any(routes)
        except ConversationBusy:
            # The turn that is in the way may be that of the same request, which was a moment faster.
            earlier = await self._find_repeat(chat)
            if earlier is None:
                raise
            return earlier
        clock.mark("record")
        if chat.degraded_from is not None:
            count_metric(self._parts.logger, "TurnsDegraded")
        if chat.is_background:
            return await self._enqueue(prompt)
        earlier = await self._claim(chat, prompt.response)
        if earlier is not None:
            return earlier
        run = Run(chat, Turn(prompt.response), self._parts.deadline_s, clock, others=others)
        return await self._start(run, prompt)

    async def _record_for_any(self, routes: Sequence[ChatTurn]) -> tuple[Prompt, Sequence[ChatTurn]]:
        """The prompt for the first model that can take it, and the routes from it on: its pool can count, where that is needed,
        and where it stands in for another, its context is long enough.
        """
        failure: ChatError | None = None
        for index, chat in enumerate(routes):
            try:
                return await self._record(chat), routes[index:]
            except EngineUnavailable as error:
                failure = error
            except ContextLengthExceeded:
                if chat.degraded_from is None:
                    raise
        # Of a model that nobody asked for, its user need not hear.
        raise failure or no_room()

    async def _record(self, chat: ChatTurn) -> Prompt:
        response_id = ResponseId(new_uuid())
        needs_storage = chat.input is not None and (chat.is_stored or chat.input.has_history)
        if not needs_storage:
            return unrecorded(chat, response_id)
        return await record_turn(self._pool, self._parts.engines.of(chat.model), chat, response_id)

    async def _find_repeat(self, chat: ChatTurn) -> Turn | None:
        """The stored turn that the same request began. Raises: IdempotencyKeyReused."""
        again = chat.idempotency
        if again is None or not chat.is_stored or not (again.key or again.is_retry):
            return None
        async with transaction(self._pool, chat.user_id, within_s=RECORD_WITHIN_S) as connection:
            repeat = await find_repeat(connection, chat.user_id, again)
            if repeat is None:
                return None
            items = await list_input_contents(connection, chat.user_id, repeat.response_id)
        if repeat.request_hash != again.request_hash:
            raise _key_reused()
        turn = await self.find(chat.user_id, repeat.response_id)
        turn.response = replace(turn.response, input_items=tuple(items))
        return await self._joined(turn)

    async def _claim(self, chat: ChatTurn, response: Response) -> Turn | None:
        """The turn of the same request where it is not stored: it is known by its log. Raises: IdempotencyKeyReused."""
        again = chat.idempotency
        if again is None or again.key is None or chat.is_stored:
            return None
        try:
            earlier = await self._log.claim(
                chat.user_id, key_hash(again.key), Claim(response.response_id, again.request_hash)
            )
        except StorageUnavailable:
            return None  # nobody can be asked: better two answers than none
        if earlier is None:
            return None
        if earlier.request_hash != again.request_hash:
            raise _key_reused()
        run = self._live.get(earlier.response_id)
        turn = run.turn if run else await self._followers.follow(unrecorded(chat, earlier.response_id).response)
        return await self._joined(turn)

    async def _joined(self, turn: Turn) -> Turn:
        """Raises: the error that the turn began with, if it did."""
        run = self._live.get(turn.response.response_id)
        if run is not None:
            await run.begun.wait()
            if run.refusal is not None:
                raise run.refusal
        return turn

    async def _start(self, run: Run, prompt: Prompt) -> Turn:
        turn = run.turn
        self._live[turn.response.response_id] = run
        if not run.is_kept:
            turn.on_abandoned = lambda: run.stop(StopReason.ABANDONED)
        self._tasks.create_task(self._work(run, prompt), name=f"turn-{turn.response.response_id}")
        try:
            await run.begun.wait()
        except asyncio.CancelledError:
            if turn.on_abandoned is not None:
                turn.on_abandoned()
            raise
        if run.refusal is not None:
            raise run.refusal
        return turn

    async def _enqueue(self, prompt: Prompt) -> Turn:
        response = prompt.response
        try:
            await self._parts.queue.send(turn_job(response.user_id, response.response_id))
        except StorageUnavailable as error:
            await self._worker.settle_silent(response, 0, Outcome(Status.FAILED, None, error=error))
            raise
        return await self._followers.follow(response)

    async def run_queued(self, user_id: UserId, response_id: ResponseId) -> None:
        """Run a queued turn to its end; nothing when somebody else has taken it, or it is gone. Raises: StorageUnavailable."""
        clock = StageClock()
        async with transaction(self._pool, user_id) as connection:
            queued = await take_turn(connection, user_id, response_id)
        if queued is None:
            return
        clock.mark("take")
        turn, epoch = Turn(queued.stored.response), queued.stored.lease_epoch
        try:
            # A saturated engine takes seconds to count a prompt.
            async with self._log.keep_alive(user_id, response_id):
                chat = chat_of(queued, await self._parts.catalogue.get(turn.response.model))
                prompt = await reopen_turn(self._pool, self._parts.engines.of(chat.model), chat, queued)
                # A job of the version before names no tier: nobody knows who else may answer.
                others = await self._admission.alternatives(chat, RouteReason.POOL_UNAVAILABLE) if chat.tier else ()
        except (StorageUnavailable, EngineUnavailable) as error:
            # Nobody has heard a word of it: without a heartbeat the sweeper queues it again.
            self._parts.logger.warning("queued_turn_left", extra={"turn_id": str(response_id), **describe_error(error)})
            return
        except ChatError as error:
            await self._worker.settle_silent(turn.response, epoch, Outcome(Status.FAILED, None, error=error))
            return
        run = Run(chat, turn, self._parts.deadline_s, clock, epoch, others)
        self._live[response_id] = run
        await self._work(run, prompt)

    async def find(self, user_id: UserId, response_id: ResponseId) -> Turn:
        """A stored turn, to be read from its beginning, whether it is over, runs here or runs elsewhere.

        Raises: NotFound for an unknown or another user's response, StorageUnavailable.
        """
        run = self._live.get(response_id)
        if run is not None and run.turn.response.user_id == user_id and run.turn.response.is_stored:
            return run.turn
        async with transaction(self._pool, user_id) as connection:
            stored = await get_response(connection, user_id, response_id)
        if not stored.status.is_settled:
            return await self._followers.follow(stored.response)
        return await self._replayed(stored)

    async def _replayed(self, stored: StoredResponse) -> Turn:
        """A settled turn by its log or, when that has expired or a reviewer thought otherwise, by what is stored of it."""
        response, outcome = stored.response, outcome_of_stored(stored)
        turn = Turn(response)
        with suppress(StorageUnavailable):
            copy = await self._whole_log(stored)
            if copy.outcome is not None and copy.outcome.is_withheld == outcome.is_withheld:
                turn.publish(copy.deltas)
                turn.finish(outcome)
                return turn
        async with transaction(self._pool, response.user_id) as connection:
            output = await read_output(connection, response.user_id, response.response_id)
        turn.is_condensed = True
        turn.publish(taken_apart(output))
        turn.finish(outcome)
        return turn

    async def _whole_log(self, stored: StoredResponse) -> LogCopy:
        """The log of a settled turn with its end, which is written a moment after the turn is settled."""
        response = stored.response
        for _ in range(END_IS_LATE_FLUSHES):
            copy = await self._log.read(response.user_id, response.response_id)
            if copy.outcome is not None or not _is_recent(stored):
                return copy
            await asyncio.sleep(FLUSH_EVERY_S)
        return await self._log.read(response.user_id, response.response_id)

    async def get(self, user_id: UserId, response_id: ResponseId) -> StoredResponse:
        """Raises: NotFound for an unknown or another user's response, StorageUnavailable."""
        async with transaction(self._pool, user_id) as connection:
            stored = await get_response(connection, user_id, response_id)
            if not stored.status.is_settled:
                return stored
            output = await read_output(connection, user_id, response_id)
        return replace(stored, output=tuple(output))

    async def cancel(self, user_id: UserId, response_id: ResponseId) -> StoredResponse:
        """Stop the turn, whichever process it runs in, and give it as it is then; one that is over is left alone.

        Raises: NotFound for an unknown or another user's response, StorageUnavailable.
        """
        run = self._live.get(response_id)
        if run is not None and run.turn.response.user_id == user_id:
            run.stop(StopReason.CANCELLED)  # whatever is away
        stored = await self.get(user_id, response_id)
        if stored.status is Status.QUEUED:
            outcome = Outcome(Status.CANCELLED, "stop")
            if await self._worker.settle_silent(stored.response, stored.lease_epoch, outcome):
                return await self.get(user_id, response_id)
        if stored.status.is_settled:
            return stored
        if run is None:
            await self._log.request_stop(user_id, response_id)
        with anyio.move_on_after(CANCEL_WAIT_S):
            if run is not None:
                await run.turn.wait_for_end()
            while not (stored := await self.get(user_id, response_id)).status.is_settled:  # noqa: ASYNC110
                await asyncio.sleep(CANCEL_POLL_S)
        return stored

    async def delete(self, user_id: UserId, response_id: ResponseId) -> None:
        """Raises: NotFound, ConversationBusy while it is being written, StorageUnavailable."""
        async with transaction(self._pool, user_id) as connection:
            await delete_response(connection, user_id, response_id)
        with suppress(StorageUnavailable):  # then it expires by itself, and leads nowhere until then
            await self._log.forget(user_id, response_id)

    async def list_input_items(self, user_id: UserId, response_id: ResponseId, query: ItemQuery) -> Page[ListedItem]:
        """The items that the response's request added. Raises: NotFound, StorageUnavailable."""
        # One more than asked for tells whether there are more.
        async with transaction(self._pool, user_id) as connection:
            await get_response(connection, user_id, response_id)
            found = await list_input_items(connection, user_id, response_id, replace(query, limit=query.limit + 1))
        return Page(found[: query.limit], has_more=len(found) > query.limit)

    async def count_input_tokens(self, chat: ChatTurn) -> int:
        """Tokens of the whole prompt that `chat` would send; nothing is stored. Raises: what `begin` raises before that."""
        assert chat.input is not None
        prompt = await self._record(replace(chat, input=replace(chat.input, is_stored=False)))
        return await self._parts.engines.of(chat.model).count_prompt_tokens(engine_request(chat, prompt))

    async def receipt(self, user_id: UserId, response_id: ResponseId) -> Mapping[str, Any]:
        """What was done for a settled turn. Raises: NotFound, also while there is none yet, StorageUnavailable."""
        async with transaction(self._pool, user_id) as connection:
            receipt = await get_receipt(connection, user_id, response_id)
        if receipt is None:
            raise NotFound("This response has no receipt: it is not settled yet, or its process died.")
        return receipt

    async def stop_all(self, reason: StopReason) -> None:
        """Stop every turn of this process and wait until each has settled."""
        if self._beginning:
            await asyncio.wait(self._beginning)
        runs = list(self._live.values())
        for run in runs:
            run.stop(reason)
        for run in runs:
            await run.turn.wait_for_end()

    async def _work(self, run: Run, prompt: Prompt) -> None:
        try:
            await self._worker.work(run, prompt)
        finally:
            del self._live[run.turn.response.response_id]

    async def look_up(self, response: Response) -> tuple[Outcome, Answer] | None:
        """How a turn that another process runs stands, where its log does not tell. Raises: StorageUnavailable."""
        if response.is_stored:
            try:
                stored = await self.get(response.user_id, response.response_id)
            except NotFound:  # deleted meanwhile
                return lost(), Answer()
            return (outcome_of_stored(stored), Answer(stored.output)) if stored.status.is_settled else None
        return None if await self._log.is_alive(response.user_id, response.response_id) else (lost(), Answer())


def _is_recent(stored: StoredResponse) -> bool:
    return stored.settled_at is not None and abs(datetime.now(UTC) - stored.settled_at) < END_IS_LATE


def _key_reused() -> IdempotencyKeyReused:
    return IdempotencyKeyReused("This Idempotency-Key came with another request before: use a new key.")


@asynccontextmanager
async def open_turns(parts: TurnParts) -> AsyncGenerator[Turns]:
    """The turns of a process. Leaving stops and settles those that still run: a deployment loses nothing."""

    async def look_up(response: Response) -> tuple[Outcome, Answer] | None:
        return await turns.look_up(response)

    async with open_followers(parts.log, look_up, parts.logger) as followers, asyncio.TaskGroup() as tasks:
        turns = Turns(parts, followers, tasks)
        if parts.moderation is not None:
            tasks.create_task(prepare(parts.moderation), name="moderation-prepares")
        try:
            yield turns
        finally:
            with anyio.CancelScope(shield=True):
                await turns.stop_all(StopReason.SHUTDOWN)
