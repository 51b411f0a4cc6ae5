"""What a stage does about scores, and what it is told when its policy is wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.moderation.model import Action, Category, Layer, LayerVerdict, Verdict, strictest, verdict_to_json
from parley.moderation.policy import PiiPolicy, Policy, Thresholds, TierPolicy
from parley.moderation.policy_file import load_policy
from parley.settings import SettingsError

STAGES = Path(__file__).parents[3] / "cdk" / "stages"
scores = st.dictionaries(st.sampled_from(Category), st.floats(0, 1))


@pytest.mark.parametrize(
    ("score", "action"),
    [(0.0, Action.ALLOW), (0.4999, Action.ALLOW), (0.5, Action.REVIEW), (0.8, Action.BLOCK), (1.0, Action.BLOCK)],
)
def test_the_thresholds_are_the_mission_s(score: float, action: Action) -> None:
    assert Thresholds().judge(score) is action


def test_a_category_may_have_thresholds_of_its_own() -> None:
    tier = TierPolicy(
        of_category={Category.SEXUAL_MINORS: Thresholds(0.3, 0.5), Category.SELF_HARM: Thresholds(0.5, 1.1)}
    )

    assert tier.judge({Category.SEXUAL_MINORS: 0.5, Category.HATE: 0.1}) is Action.BLOCK
    assert tier.judge({Category.SELF_HARM: 1.0}) is Action.REVIEW
    assert tier.flagged({Category.SEXUAL_MINORS: 0.3, Category.HATE: 0.49}) == {Category.SEXUAL_MINORS}


@given(scores, scores)
def test_more_to_find_is_never_judged_milder(some: dict[Category, float], more: dict[Category, float]) -> None:
    tier = TierPolicy()
    both = {each: max(some.get(each, 0), more.get(each, 0)) for each in {*some, *more}}

    assert tier.judge(both).severity >= tier.judge(some).severity


@given(scores)
def test_what_is_flagged_is_what_is_not_simply_allowed(found: dict[Category, float]) -> None:
    tier = TierPolicy()

    assert bool(tier.flagged(found)) == (tier.judge(found) is not Action.ALLOW)


def test_a_tier_that_is_not_named_has_the_default() -> None:
    strict = TierPolicy(Thresholds(0.2, 0.3))
    policy = Policy(tiers={"free": strict})

    assert (policy.of("free"), policy.of("pro"), policy.of(None)) == (strict, policy.default, policy.default)


def test_a_verdict_has_a_score_for_every_category_and_the_highest_of_its_layers() -> None:
    layers = tuple(
        LayerVerdict(layer, Action.ALLOW, {Category.HATE: score}, 0.1, "v1")
        for layer, score in ((Layer.KEYWORDS, 0.2), (Layer.CLASSIFIER, 0.7))
    )

    found = Verdict(Action.REVIEW, layers).scores

    assert len(found) == 13
    assert (found[Category.HATE], found[Category.VIOLENCE]) == (0.7, 0.0)
    assert strictest((Action.REVIEW, Action.BLOCK, Action.ALLOW)) is Action.BLOCK
    assert strictest(()) is Action.ALLOW


def test_a_verdict_is_stored_with_the_thresholds_of_the_scores_that_say_something() -> None:
    tier = TierPolicy(Thresholds(0.4, 0.7), {Category.SEXUAL_MINORS: Thresholds(0.3, 0.5)})
    scores = {Category.HATE: 0.123456, Category.SEXUAL_MINORS: 0.01, Category.VIOLENCE: 0.0099}
    layer = LayerVerdict(Layer.CLASSIFIER, Action.ALLOW, scores, 3.2, "v1", ("threat-1",), tier.limits)

    stored = verdict_to_json(Verdict(Action.ALLOW, (layer, LayerVerdict(Layer.PII, Action.ALLOW, {}, 0.1, "v2"))))

    assert stored["action"] == "allow"
    assert stored["layers"][0] == {
        "layer": "classifier",
        "action": "allow",
        "scores": {"hate": 0.1235, "sexual/minors": 0.01},
        "thresholds": {"hate": [0.4, 0.7], "sexual/minors": [0.3, 0.5]},
        "ms": 3.2,
        "version": "v1",
        "matched": ["threat-1"],
    }
    assert stored["layers"][1]["thresholds"] == {}


def test_the_file_says_how_much_of_a_conversation_a_reviewer_sees(tmp_path: Path) -> None:
    file = tmp_path / "dev.moderation.toml"
    file.write_text("[reviews]\ncontext_items = 0")

    assert (load_policy(file).reviews_context_items, Policy().reviews_context_items) == (0, 3)


def test_a_file_may_say_nothing_and_means_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "dev.moderation.toml"
    file.write_text("")

    assert load_policy(file) == Policy(TierPolicy(), {}, PiiPolicy())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dry_run = 'perhaps'", "dry_run: "),
        ("[default]\nreview = 0.9", "default: Value error, review: must not be over block"),
        ("[default]\nblock = 0", "default.block: "),
        ("[default.categories.rudeness]", "default.categories.rudeness"),
        ("[tiers.free]\nwhen_away = 'maybe'", "tiers.free.when_away: "),
        ("[pii]\nkinds = ['shoe size']", "pii.kinds"),
        ("[reviews]\ncontext_items = 21", "reviews.context_items: "),
        ("[pii]\nstrict = true", "pii.strict: Extra inputs are not permitted"),
        ("[", "dev.moderation.toml: "),
    ],
)
def test_what_is_wrong_is_named_by_its_key(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "dev.moderation.toml"
    file.write_text(text)

    with pytest.raises(SettingsError) as caught:
        load_policy(file)

    assert said in str(caught.value)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_stages_own_policies_are_right(stage: str) -> None:
    policy = load_policy(STAGES / f"{stage}.moderation.toml")

    assert not policy.is_dry_run
    assert policy.default.judge({Category.SEXUAL_MINORS: 0.5}) is Action.BLOCK
    assert policy.default.judge({Category.SELF_HARM_INTENT: 1.0}) is Action.REVIEW
