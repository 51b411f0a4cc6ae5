"""Moderation of turns: keywords and a classifier, by the policy of the stage."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from aws_lambda_powertools import Logger

from parley.kit.telemetry import describe_error
from parley.moderation.classifier import Classifier
from parley.moderation.client import InvokeError, open_remote_classifier
from parley.moderation.keywords import load_keywords
from parley.moderation.policy import Policy
from parley.moderation.policy_file import load_policy
from parley.moderation.service import Moderation
from parley.settings import PolicySettings, TurnSettings
from parley.wiring.role import aws_of

# A classifier that is away is away for every turn: its metric counts them, and one line says why.
AWAY_LOGGED_EVERY_S = 10


class AwayLog:
    """Says why no verdict came in time, a while long once."""

    def __init__(self, logger: Logger, clock: Callable[[], float] = monotonic) -> None:
        """`clock` in seconds, from anywhere."""
        self._logger = logger
        self._clock = clock
        self._quiet_until_s = float("-inf")

    def note(self, error: Exception) -> None:
        now_s = self._clock()
        if now_s < self._quiet_until_s:
            return
        self._quiet_until_s = now_s + AWAY_LOGGED_EVERY_S
        # What Lambda says quotes nothing of what was asked; other errors may.
        reason = str(error.__cause__) if isinstance(error.__cause__, InvokeError) else None
        self._logger.warning("classifier_away", extra={**describe_error(error), "reason": reason})


@asynccontextmanager
async def open_judging(
    settings: TurnSettings, logger: Logger, classifier: Classifier | None = None
) -> AsyncGenerator[Moderation]:
    """Asks `classifier`, else the moderation function that the settings name; where they name none, the keywords judge alone.

    Raises: SettingsError for a wrong policy, so that no function starts with another than its stage wants.
    """
    policy, keywords, away = policy_of(settings), load_keywords(), AwayLog(logger)
    if classifier is not None or settings.moderation_function is None:
        yield Moderation(policy, keywords, classifier, away.note)
        return
    async with open_remote_classifier(aws_of(settings), settings.moderation_function) as remote:
        yield Moderation(policy, keywords, remote, away.note)


def policy_of(settings: PolicySettings) -> Policy:
    """Raises: SettingsError."""
    return load_policy(settings.moderation_file) if settings.moderation_file else Policy()
