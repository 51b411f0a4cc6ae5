"""Moderation of turns: the keywords, by the policy of the stage."""

from parley.moderation.keywords import load_keywords
from parley.moderation.policy import Policy
from parley.moderation.policy_file import load_policy
from parley.moderation.service import Moderation
from parley.settings import TurnSettings


def load_moderation(settings: TurnSettings) -> Moderation:
    """Raises: SettingsError for a wrong policy, so that no function starts with another than its stage wants."""
    policy = load_policy(settings.moderation_file) if settings.moderation_file else Policy()
    return Moderation(policy, load_keywords(), classifier=None)
