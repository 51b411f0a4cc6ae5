"""Moderation of turns: keywords and a classifier, by the policy of the stage."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from parley.moderation.classifier import Classifier
from parley.moderation.client import open_remote_classifier
from parley.moderation.keywords import load_keywords
from parley.moderation.policy import Policy
from parley.moderation.policy_file import load_policy
from parley.moderation.service import Moderation
from parley.settings import PolicySettings, TurnSettings
from parley.wiring.role import aws_of


@asynccontextmanager
async def open_judging(settings: TurnSettings, classifier: Classifier | None = None) -> AsyncGenerator[Moderation]:
    """Asks `classifier`, else the moderation function that the settings name; where they name none, the keywords judge alone.

    Raises: SettingsError for a wrong policy, so that no function starts with another than its stage wants.
    """
    policy, keywords = policy_of(settings), load_keywords()
    if classifier is not None or settings.moderation_function is None:
        yield Moderation(policy, keywords, classifier)
        return
    async with open_remote_classifier(aws_of(settings), settings.moderation_function) as remote:
        yield Moderation(policy, keywords, remote)


def policy_of(settings: PolicySettings) -> Policy:
    """Raises: SettingsError."""
    return load_policy(settings.moderation_file) if settings.moderation_file else Policy()
