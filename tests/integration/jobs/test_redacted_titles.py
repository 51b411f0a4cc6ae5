"""Titles where the policy keeps personal data from models."""

import json

from local.parts import EmbeddedPostgres
from parley.kit.postgres import open_pool
from parley.kit.telemetry import open_logger
from parley.settings import EngineSettings
from parley.turns.titles import Titles
from parley.wiring.models import open_models
from tests.doubles.engine import StandInEngine
from tests.integration.jobs.conftest import User


async def test_a_model_that_may_not_see_it_is_not_shown_it_for_a_title(
    postgres: EmbeddedPostgres, user: User, stand_in: StandInEngine
) -> None:
    # The address stands where the shown part of the message ends.
    turn = await user.turns.begin(user.say(f"words 2 {'x' * 983} jane@example.com and more"))
    await turn.wait_for_end()
    asked, first_title = len(stand_in.requests), user.title

    async with (
        open_pool(postgres.url_for("parley_app"), size=1) as pool,
        open_models(EngineSettings(engine_url=stand_in.url)) as models,
    ):
        logger = open_logger("tests")
        for kinds in (frozenset[str](), frozenset({"email"})):
            titles = Titles(pool, models.catalogue, models.engines, logger, kept_from_models=kinds)
            user.rename(first_title)
            await titles.give_title(user.user_id, user.conversation_id)

    shown, redacted = (json.dumps(each) for each in stand_in.requests[asked:])
    assert "jane@ex" in shown
    assert "jane" not in redacted
    assert "x [EMAIL_" in redacted
