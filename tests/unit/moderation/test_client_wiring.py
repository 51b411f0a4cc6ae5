"""Who asks which classifier."""

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from aws_lambda_powertools import Logger

from parley.errors import ModerationUnavailable
from parley.kit.telemetry import open_logger
from parley.moderation.client import InvokeError
from parley.moderation.model import Category, Layer, Scores
from parley.settings import ModerationSettings, SettingsError, TurnSettings
from parley.wiring.judging import AWAY_LOGGED_EVERY_S, AwayLog, open_judging, policy_of
from tests.integration.aws.lambda_stand_in import FUNCTION

# In the environment of every function in Lambda.
ROLE = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


class Inner:
    version = "inner-1"

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        return [dict.fromkeys(Category, 0.1) for _ in texts]


async def layers(settings: TurnSettings, classifier: Inner | None = None) -> dict[Layer, str]:
    """The layers that looked at a text, and their versions."""
    async with open_judging(settings, open_logger("test"), classifier) as moderation:
        (verdict,) = await moderation.judge(["What is the capital of France?"], "free")
    return {each.layer: each.version for each in verdict.layers}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> TurnSettings:
    """As deployed, before an AWS that nobody answers for."""
    for name, value in {**ROLE, "MODERATION_FUNCTION": FUNCTION, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    return TurnSettings.from_env()


async def test_a_classifier_of_the_process_is_asked_first(settings: TurnSettings) -> None:
    assert (await layers(settings, Inner()))[Layer.CLASSIFIER] == "inner-1"


async def test_the_function_of_the_settings_is_asked(settings: TurnSettings) -> None:
    """It is away here."""
    assert (await layers(settings))[Layer.CLASSIFIER] == "away"


async def test_without_any_the_keywords_judge_alone() -> None:
    assert (await layers(TurnSettings())).keys() == {Layer.KEYWORDS}


def test_a_function_cannot_be_asked_without_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ROLE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODERATION_FUNCTION", FUNCTION)

    with pytest.raises(SettingsError, match="AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: missing"):
        TurnSettings.from_env()


async def test_nobody_starts_with_a_wrong_policy(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("reviews = 0.5")

    with pytest.raises(SettingsError, match=r"policy\.toml: reviews"):
        async with open_judging(TurnSettings(moderation_file=file), open_logger("test")):
            pass
    with pytest.raises(SettingsError, match=r"policy\.toml: reviews"):
        policy_of(ModerationSettings(database_url="postgresql://x", moderation_file=file))


def failed(cause: Exception) -> ModerationUnavailable:
    try:
        raise ModerationUnavailable("away") from cause
    except ModerationUnavailable as error:
        return error


async def test_why_a_classifier_is_away_is_said_now_and_then_and_no_text(settings: TurnSettings) -> None:
    said = StringIO()
    logger = Logger(service="away-test", stream=said)

    async with open_judging(settings, logger) as moderation:
        for text in ("a secret of Jane", "another one"):
            await moderation.judge([text], "free")

    (line,) = said.getvalue().splitlines()
    found = json.loads(line)
    assert (found["message"], found["level"]) == ("classifier_away", "WARNING")
    assert (found["error"], found["cause"]) == ("ModerationUnavailable", "ClientConnectorError")
    assert "secret" not in line


def test_what_lambda_says_is_logged_and_after_a_while_again() -> None:
    said, now_s = StringIO(), 1000.0
    away = AwayLog(Logger(service="away-test-2", stream=said), lambda: now_s)

    away.note(failed(InvokeError("TooManyRequestsException")))
    now_s += AWAY_LOGGED_EVERY_S - 1
    away.note(failed(InvokeError("the function failed")))
    now_s += 1
    away.note(failed(ValueError("the text of somebody")))

    reasons = [json.loads(line).get("reason") for line in said.getvalue().splitlines()]
    assert reasons == ["TooManyRequestsException", None]
    assert "somebody" not in said.getvalue()
