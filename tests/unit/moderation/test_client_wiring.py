"""Who asks which classifier."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from parley.moderation.model import Category, Layer, Scores
from parley.settings import ModerationSettings, SettingsError, TurnSettings
from parley.wiring.judging import open_judging, policy_of
from tests.integration.aws.lambda_stand_in import FUNCTION

# In the environment of every function in Lambda.
ROLE = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


class Inner:
    version = "inner-1"

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        return [dict.fromkeys(Category, 0.1) for _ in texts]


async def layers(settings: TurnSettings, classifier: Inner | None = None) -> dict[Layer, str]:
    """The layers that looked at a text, and their versions."""
    async with open_judging(settings, classifier) as moderation:
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
        async with open_judging(TurnSettings(moderation_file=file)):
            pass
    with pytest.raises(SettingsError, match=r"policy\.toml: reviews"):
        policy_of(ModerationSettings(database_url="postgresql://x", moderation_file=file))
