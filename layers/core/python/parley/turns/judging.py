"""Moderation of a turn: what was asked is judged beside the engine's first work on it, what is answered while it is written."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

from parley.ids import ItemId, new_uuid
from parley.kit.telemetry import describe_error, record_metrics
from parley.moderation.gate import load_gate
from parley.moderation.model import Action, Layer, LayerVerdict, Verdict
from parley.moderation.pii import PII_VERSION
from parley.moderation.service import AWAY, Moderation, filter_policy_of
from parley.moderation.stream_filter import prepare as prepare_filter
from parley.turns.model import JudgedItem, Outcome, Side, Status, StopReason, outcome_of_stop
from parley.turns.record import Prompt, said_by
from parley.turns.redaction import marks_in, redact_messages
from parley.turns.screening import Screen
from parley.turns.turn import Run
from parley.turns.watching import AnswerWatch

# In characters: a longer prompt is redacted in a thread.
LONG_PROMPT = 2000


class Judge:
    """Judges turns. In a dry run everything is recorded, and nothing blocked, withheld or replaced."""

    def __init__(self, moderation: Moderation, logger: Logger) -> None:
        self._moderation = moderation
        self._policy = moderation.policy
        self._logger = logger

    async def attach(self, run: Run, prompt: Prompt) -> Prompt:
        """Let the answer of `run` pass through what its readers are protected by; the prompt as its engine may see it."""
        filter_policy = filter_policy_of(self._policy.pii, said_by(prompt.messages, ("user",)))
        kept_from_models = self._policy.kept_from_models
        if kept_from_models:
            prompt = await _redacted(prompt, kept_from_models)
        if filter_policy is not None:
            # The model repeats the marks of its prompt: what is new in its answer has others.
            marks = marks_in(prompt.messages) if kept_from_models else None
            run.screen = Screen(filter_policy, marks, is_dry_run=self._policy.is_dry_run)
        on_block = _nothing if self._policy.is_dry_run else run.withhold
        run.watch = AnswerWatch(self._moderation, load_gate(), run.chat.tier, on_block)
        return prompt

    async def judge(self, run: Run, prompt: Prompt) -> None:
        """Let the answer out, or stop the turn before it begins; then watch what is answered. It goes on for ever."""
        await self._judge_input(run, prompt)
        if run.watch is not None:
            try:
                await run.watch.look_while_it_grows()
            except Exception as error:  # noqa: BLE001 -- a bug in moderation must not end the service
                self._logger.error("output_not_judged", extra=describe_error(error))

    async def judge_rest(self, run: Run, outcome: Outcome) -> Outcome:
        """How the turn ends, now that all of its answer is known."""
        if run.watch is None or run.stop_reason is StopReason.LEASE_LOST:
            return outcome
        if outcome.status is Status.FAILED and run.withheld is None:
            return outcome
        if run.stop_reason is not None:
            run.watch.hurry()
        try:
            await run.watch.look_at_rest()
        except Exception as error:  # noqa: BLE001 -- as above
            self._logger.error("output_not_judged", extra=describe_error(error))
        run.judged = [*run.judged, *self._judged_output(run)]
        if run.withheld is None:
            return outcome
        return replace(outcome_of_stop(StopReason.WITHHELD), usage=outcome.usage or run.usage)

    async def _judge_input(self, run: Run, prompt: Prompt) -> None:
        try:
            judged = await self._judged_input(run, prompt)
        except Exception as error:  # noqa: BLE001 -- as above
            self._logger.error("input_not_judged", extra=describe_error(error))
            run.cleared.set()
            return
        run.judged = judged
        self._count_input(judged)
        if any(each.is_blocked for each in judged):
            run.stop(StopReason.BLOCKED)
        else:
            run.cleared.set()

    async def _judged_input(self, run: Run, prompt: Prompt) -> list[JudgedItem]:
        texts = [text for _, text in prompt.unjudged]
        verdicts = await self._moderation.judge(texts, run.chat.tier) if texts else []
        return [
            self._judged("input", run, item_id, verdict)
            for (item_id, _), verdict in zip(prompt.unjudged, verdicts, strict=True)
        ]

    def _judged_output(self, run: Run) -> list[JudgedItem]:
        """One verdict on the whole answer, and what is said of it in the log's numbers."""
        assert run.watch is not None
        verdict = run.watch.verdict
        redacted = {each.kind.value for each in run.screen.redactions} if run.screen else set[str]()
        if redacted:
            found = LayerVerdict(Layer.PII, Action.ALLOW, {}, 0, PII_VERSION, tuple(sorted(redacted)))
            verdict = replace(verdict, layers=(*verdict.layers, found))
        counts = {
            "PiiRedacted": bool(redacted) and not self._policy.is_dry_run,
            "OutputFlagged": verdict.action is not Action.ALLOW,
            "OutputWithheld": run.withheld is not None,
            "ModerationAway": _is_unjudged([verdict]),
        }
        if any(counts.values()):
            record_metrics(self._logger, counts={name: 1 for name, is_so in counts.items() if is_so})
        return [self._judged("output", run, run.turn.response.output_item_id, verdict)] if verdict.layers else []

    def _judged(self, side: Side, run: Run, item_id: ItemId | None, verdict: Verdict) -> JudgedItem:
        is_blocked = verdict.action is Action.BLOCK and not self._policy.is_dry_run
        is_reviewed = item_id is not None and verdict.action is not Action.ALLOW and run.turn.response.is_stored
        return JudgedItem(
            item_id, verdict, is_blocked, self._review(side, run, item_id, verdict) if is_reviewed else None
        )

    def _review(self, side: Side, run: Run, item_id: ItemId | None, verdict: Verdict) -> dict[str, Any]:
        """As `settle_turn` takes it."""
        scores = verdict.scores
        withheld = run.withheld if side == "output" and self._policy.keeps_withheld_text else None
        return {
            "review_id": new_uuid(),
            "item_id": item_id,
            "side": side,
            "action": verdict.action,
            "is_enforced": not self._policy.is_dry_run,
            "is_unjudged": _is_unjudged([verdict]),
            "categories": sorted(self._policy.of(run.chat.tier).flagged(scores)),
            "score": max(scores.values(), default=0.0),
            "context_items": self._policy.reviews_context_items,
            "withheld": withheld.text if withheld else None,
            "withheld_reasoning": withheld.reasoning if withheld else None,
        }

    def _count_input(self, judged: Sequence[JudgedItem]) -> None:
        verdicts = [each.verdict for each in judged]
        counts = {
            "TurnsJudged": True,
            "InputFlagged": any(each.action is not Action.ALLOW for each in verdicts),
            "InputBlocked": any(each.is_blocked for each in judged),
            "InputPii": any(layer.layer is Layer.PII for verdict in verdicts for layer in verdict.layers),
            "ModerationAway": _is_unjudged(verdicts),
        }
        record_metrics(
            self._logger,
            counts={name: 1 for name, is_so in counts.items() if is_so},
            ms=_times_ms(verdicts),
        )


async def _redacted(prompt: Prompt, kinds: Collection[str]) -> Prompt:
    if sum(map(len, said_by(prompt.messages, ("user", "system")))) < LONG_PROMPT:
        return replace(prompt, messages=redact_messages(prompt.messages, kinds))
    return replace(prompt, messages=await asyncio.to_thread(redact_messages, prompt.messages, kinds))


def _is_unjudged(verdicts: Iterable[Verdict]) -> bool:
    """Whether a classifier that should have answered did not."""
    return any(layer.version == AWAY for verdict in verdicts for layer in verdict.layers)


async def prepare(moderation: Moderation) -> None:
    """Load what the first answers of a process would else wait for: 200 ms of CPU, in a thread."""
    filter_policy = filter_policy_of(moderation.policy.pii, ())
    if filter_policy is not None:
        await asyncio.to_thread(prepare_filter, filter_policy)
    await asyncio.to_thread(load_gate)


def _times_ms(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """What the layers took. The keywords look at one text after the other, the classifier at all of them at once."""
    keywords = [layer.ms for verdict in verdicts for layer in verdict.layers if layer.layer is Layer.KEYWORDS]
    classifier = [layer.ms for verdict in verdicts for layer in verdict.layers if layer.layer is Layer.CLASSIFIER]
    times = {"KeywordsMs": sum(keywords)} if keywords else {}
    return {**times, "ClassifierMs": max(classifier)} if classifier else times


def _nothing() -> None: ...
