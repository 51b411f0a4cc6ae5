"""The parts of the moderation function. Of the deployed code nothing else imports the classifier's runtime."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

from parley.kit.postgres import Pool
from parley.moderation.classifier import Classifier
from parley.moderation.keywords import load_keywords
from parley.moderation.onnx.classifier import open_classifier
from parley.moderation.service import Moderation
from parley.settings import ModerationSettings
from parley.wiring.database import open_database
from parley.wiring.judging import policy_of


@dataclass(frozen=True, slots=True)
class ModerationParts:
    """The moderation function's parts. `keywords` knows the stage's policy, and does not ask the classifier; without a
    `classifier` only reviews are served. `text_limit_bytes` is of a request.
    """

    pool: Pool
    keywords: Moderation
    classifier: Classifier | None
    text_limit_bytes: int


@asynccontextmanager
async def open_moderation(
    settings: ModerationSettings, classifier: Classifier | None = None
) -> AsyncGenerator[ModerationParts]:
    """With `classifier`, which its owner closes, or one of its own out of the folder that the settings name.

    Raises: SettingsError for a wrong policy or folder.
    """
    keywords = Moderation(policy_of(settings), load_keywords(), classifier=None)
    folder = settings.classifier_folder
    own = open_classifier(folder) if classifier is None and folder is not None else nullcontext(classifier)
    with own as scores:
        async with open_database(settings) as pool:
            yield ModerationParts(pool, keywords, scores, settings.text_limit_bytes)
