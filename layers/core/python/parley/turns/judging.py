"""Moderation of a turn: what was asked is judged beside the engine's first work on it."""

from collections.abc import Sequence

from aws_lambda_powertools import Logger

from parley.kit.telemetry import count_metric, describe_error
from parley.moderation.model import Action
from parley.moderation.service import Moderation
from parley.turns.model import JudgedItem, StopReason
from parley.turns.record import Prompt
from parley.turns.turn import Run


class Judge:
    """Judges the input of turns. In a dry run nothing is blocked."""

    def __init__(self, moderation: Moderation, logger: Logger) -> None:
        self._moderation = moderation
        self._logger = logger

    async def judge_input(self, run: Run, prompt: Prompt) -> None:
        """Let the answer out, or stop the turn before it begins."""
        try:
            judged = await self._judge(run, prompt)
        except Exception as error:  # noqa: BLE001 -- a bug in moderation must not end the service
            self._logger.error("input_not_judged", extra=describe_error(error))
            run.cleared.set()
            return
        run.judged = judged
        self._count(judged)
        if any(each.is_blocked for each in judged):
            run.stop(StopReason.BLOCKED)
        else:
            run.cleared.set()

    async def _judge(self, run: Run, prompt: Prompt) -> list[JudgedItem]:
        texts = [text for _, text in prompt.unjudged]
        verdicts = await self._moderation.judge(texts, run.chat.tier) if texts else []
        is_enforced = not self._moderation.policy.is_dry_run
        return [
            JudgedItem(item_id, verdict, is_enforced and verdict.action is Action.BLOCK)
            for (item_id, _), verdict in zip(prompt.unjudged, verdicts, strict=True)
        ]

    def _count(self, judged: Sequence[JudgedItem]) -> None:
        if any(each.verdict.action is not Action.ALLOW for each in judged):
            count_metric(self._logger, "InputFlagged")
        if any(each.is_blocked for each in judged):
            count_metric(self._logger, "InputBlocked")
