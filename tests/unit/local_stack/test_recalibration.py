"""Thresholds out of what reviewers decided."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from lambdas.moderation.reviews.documents import labels_document
from local.cli import main
from local.recalibration.evidence import lower_bound, more_needed, upper_bound
from local.recalibration.labels import Label, LabelError, read_labels
from local.recalibration.policy_edit import PolicyEditError, write_thresholds
from local.recalibration.propose import (
    FEWEST_AT_BLOCK,
    FEWEST_AT_REVIEW,
    UPHELD_AT_BLOCK,
    UPHELD_AT_REVIEW,
    Proposal,
    measure,
    propose,
    with_proposals,
)
from parley.moderation.model import Category
from parley.moderation.policy import Thresholds, TierPolicy
from parley.moderation.policy_file import load_policy
from parley.reviews.model import Label as ReviewLabel
from parley.reviews.model import LabelPage, ReviewId

STAGES = Path(__file__).parents[3] / "cdk/stages"
HATE = Category.HATE


def label(score: float, is_upheld: bool, category: Category = HATE) -> Label:
    return Label({category: score}, is_upheld)


def drawn(number: int, upheld_from: float, seed: int = 1) -> list[Label]:
    """Scores evenly from 0.5 on; what is under `upheld_from` was approved, all else upheld."""
    random = Random(seed)
    scores = [random.uniform(0.5, 1) for _ in range(number)]
    return [label(score, score >= upheld_from) for score in scores]


def only(labels: Iterable[Label], policy: TierPolicy | None = None) -> Proposal:
    (proposal,) = propose(list(labels), policy or TierPolicy())
    return proposal


# https://www.itl.nist.gov/div898/handbook/prc/section2/prc241.htm gives Wilson's formula; 1.6449 is one-sided 95 %.
@pytest.mark.parametrize(
    ("hits", "total", "bound"), [(0, 0, 0.0), (0, 10, 0.0), (10, 10, 0.7871), (52, 52, 0.9505), (51, 51, 0.9496)]
)
def test_a_share_is_as_sure_as_its_count(hits: int, total: int, bound: float) -> None:
    assert lower_bound(hits, total) == pytest.approx(bound, abs=1e-4)
    assert upper_bound(total - hits, total) == pytest.approx(1 - bound, abs=1e-4)


def test_enough_is_as_few_as_can_say_it_at_all() -> None:
    assert lower_bound(FEWEST_AT_BLOCK, FEWEST_AT_BLOCK) >= UPHELD_AT_BLOCK
    assert lower_bound(FEWEST_AT_BLOCK - 1, FEWEST_AT_BLOCK - 1) < UPHELD_AT_BLOCK
    assert upper_bound(0, FEWEST_AT_REVIEW) <= UPHELD_AT_REVIEW < upper_bound(0, FEWEST_AT_REVIEW - 1)


@pytest.mark.parametrize(("hits", "total"), [(0, 0), (10, 10), (98, 100), (990, 1000)])
def test_as_many_more_of_the_same_are_enough_and_one_fewer_are_not(hits: int, total: int) -> None:
    more = more_needed(hits, total, 0.95)

    assert more is not None
    share = hits / total if total else 1.0
    for number, is_enough in ((more, True), (more - 1, False)):
        if number >= 0:
            assert (lower_bound(int(share * (total + number) + 1e-9), total + number) >= 0.95) is is_enough


def test_no_number_of_labels_makes_a_low_share_high() -> None:
    assert more_needed(94, 100, 0.95) is None


def test_a_threshold_that_blocks_too_much_is_raised_to_where_enough_is_upheld() -> None:
    labels = drawn(2000, upheld_from=0.9)

    found = only(labels)

    assert 0.88 <= found.after.block <= 0.9
    assert found.blocked_before.share is not None
    assert found.blocked_before.share < UPHELD_AT_BLOCK
    assert lower_bound(found.blocked_after.upheld, found.blocked_after.labels) >= UPHELD_AT_BLOCK
    before, after = measure(labels, TierPolicy()), measure(labels, with_proposals(TierPolicy(), [found]))
    assert after.false_positives < before.false_positives / 5
    assert after.flagged < before.flagged  # what is hardly ever upheld is reviewed no more
    assert after.missed <= UPHELD_AT_REVIEW * before.flagged


def test_a_threshold_that_blocks_too_little_goes_down_a_step_at_most() -> None:
    assert only(drawn(2000, upheld_from=0.5)).after.block == 0.7
    assert only(drawn(2000, upheld_from=0.75)).after.block == pytest.approx(0.74, abs=0.015)


def test_between_scores_that_no_label_has_the_milder_threshold_is_proposed() -> None:
    labels = [label(0.82, False)] * 30 + [label(0.95, True)] * 100 + [label(0.55, False)] * 30 + [label(0.7, True)] * 5

    found = only(labels)

    assert (found.after.block, found.after.review) == (0.95, 0.56)


def test_a_threshold_that_no_label_speaks_against_stays() -> None:
    labels = [label(0.9, True)] * 100 + [label(0.6, True)] * 10 + [label(0.6, False)] * 12

    assert only(labels).after == Thresholds(0.5, 0.8)
    assert only(labels).notes == ()


@pytest.mark.parametrize("number", [1, 24, 25, 51])
def test_too_few_labels_change_nothing_and_it_says_how_many_more(number: int) -> None:
    found = only([label(0.9, True)] * number)

    assert found.after.block == found.before.block
    assert f"block: {FEWEST_AT_BLOCK - number} more labels needed" in found.notes
    assert any(note.startswith("review:") for note in found.notes) == (number < FEWEST_AT_REVIEW)


def test_it_says_how_many_more_where_the_share_is_right_and_not_sure() -> None:
    found = only([label(0.97, True)] * 40 + [label(0.85, False)] * 40)

    assert found.after.block == 0.8
    assert found.notes == ("block: 12 more labels needed at the scores where nearly all is upheld",)


def test_where_at_no_score_enough_is_upheld_nothing_is_proposed() -> None:
    found = only([label(0.5 + number / 200, number % 2 == 0) for number in range(100)])

    assert found.after == found.before
    assert "at no score is enough upheld" in found.notes[0]


@pytest.mark.parametrize("is_upheld", [True, False])
def test_labels_that_all_say_the_same(is_upheld: bool) -> None:
    labels = [label(0.5 + number / 400, is_upheld) for number in range(200)]

    found = only(labels)

    if is_upheld:
        assert (found.after.review, found.after.block) == (0.45, 0.7)
        assert "step down" in found.notes[0]
    else:
        assert (found.after.review, found.after.block) == (0.8, 0.8)
        assert measure(labels, with_proposals(TierPolicy(), [found])).missed == 0


def test_what_the_policy_never_blocks_stays_so() -> None:
    policy = TierPolicy(of_category={HATE: Thresholds(0.5, 1.1)})

    found = only([label(0.99, True)] * 500, policy)

    assert found.after.block == 1.1
    assert "never blocked" in found.notes[0]


def test_review_is_not_lowered_to_where_labels_were_approved() -> None:
    upheld = [label(0.9, True)] * 100
    policy = TierPolicy(Thresholds(0.9, 0.9))

    assert only(upheld, policy).after.review == 0.85
    assert only([*upheld, *[label(0.87, False)] * 5], policy).after.review == 0.9


def test_what_lies_under_the_review_threshold_says_nothing() -> None:
    """It was flagged for another category: of those that were not nobody has decided."""
    biased = [Label({HATE: 0.3, Category.VIOLENCE: 0.9}, True)] * 200

    assert [each.category for each in propose(biased, TierPolicy())] == [Category.VIOLENCE]
    assert propose([], TierPolicy()) == []


def test_all_categories_together_are_judged_as_in_a_turn() -> None:
    labels = [
        Label({HATE: 0.9, Category.VIOLENCE: 0.6}, True),
        Label({HATE: 0.85}, False),
        Label({HATE: 0.6}, True),
        Label({HATE: 0.4}, True),
        Label({}, False),
    ]

    effect = measure(labels, TierPolicy())

    assert (effect.flagged, effect.blocked, effect.false_positives, effect.missed) == (3, 2, 1, 1)
    assert effect.upheld_share == 0.5
    assert measure([], TierPolicy()).upheld_share is None


categories = st.sampled_from([HATE, Category.VIOLENCE, Category.SEXUAL_MINORS])
scores = st.one_of(st.sampled_from([0.0, 0.5, 0.6, 0.8, 1.0]), st.floats(0, 1))
labels_of_all_kinds = st.lists(
    st.builds(Label, st.dictionaries(categories, scores), st.booleans()), max_size=40
).flatmap(lambda some: st.integers(1, 30).map(lambda times: some * times))
policies = st.builds(
    lambda low, high: TierPolicy(Thresholds(*sorted((low, high)))), st.floats(0.01, 1.2), st.floats(0.01, 1.2)
)


@given(labels_of_all_kinds, policies)
def test_whatever_the_labels_say_a_proposal_can_be_a_policy(labels: list[Label], policy: TierPolicy) -> None:
    for each in propose(labels, policy):
        assert 0 < each.after.review <= each.after.block
        assert each.after.block <= max(1, each.before.block)
        assert each.after.block >= each.before.block - 0.1 - 1e-9
        if each.after.block != each.before.block:
            assert lower_bound(each.blocked_after.upheld, each.blocked_after.labels) >= UPHELD_AT_BLOCK


def line(number: int, score: float = 0.9, verdict: str = "upheld", **changes: Any) -> str:
    entry = {
        "object": "review.label",
        "review_id": f"rev_{number:032x}",
        "side": "input",
        "text": "what somebody wrote",
        "label": verdict,
        "categories": ["hate"],
        "scores": {"hate": score},
        "versions": {"keywords": "k1", "classifier": "c2"},
        "decided_at": 1_795_000_000 + number,
    }
    return json.dumps({**entry, **changes})


def write(folder: Path, *lines: str) -> Path:
    file = folder / "labels.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_the_apis_labels_can_be_read(tmp_path: Path) -> None:
    layers = [
        {"layer": "keywords", "scores": {"hate": 0.6}, "version": "k1"},
        {"layer": "classifier", "scores": {"hate": 0.2, "violence": 0.9}, "version": "c2"},
        {"layer": "pii", "scores": {}, "version": "pii-1"},
    ]
    decided = ReviewLabel(
        ReviewId(UUID(int=1)),
        "input",
        "words",
        "upheld",
        ["hate"],
        {"layers": layers},
        datetime(2026, 11, 24, tzinfo=UTC),
    )
    document = labels_document(LabelPage([decided], has_more=False))

    read = read_labels(write(tmp_path, *(json.dumps(each) for each in document["data"])))

    assert (read.comparable, read.classifier) == ([Label({HATE: 0.6, Category.VIOLENCE: 0.9}, True)], "c2")


def test_of_a_review_that_was_decided_again_the_last_counts(tmp_path: Path) -> None:
    read = read_labels(write(tmp_path, line(1), line(2), "", line(1, verdict="approved", decided_at=1_796_000_000)))

    assert sorted(each.is_upheld for each in read.comparable) == [False, True]


def test_what_another_classifier_scored_is_left_out(tmp_path: Path) -> None:
    old = [line(number, versions={"keywords": "k1", "classifier": "c1"}) for number in range(3)]
    unscored = [line(10, versions={"keywords": "k1"}), line(11, versions={"keywords": "k1", "classifier": "away"})]

    read = read_labels(write(tmp_path, *old, *unscored, line(5)))

    assert (len(read.comparable), read.left_out, read.classifier) == (3, 3, "c2")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("no json", "line 2: Invalid JSON"),
        ("[]", "line 2: Input should be an object"),
        (line(1, verdict="maybe"), "line 2: label: "),
        (line(1, score=1.5), "line 2: scores.hate: "),
        (line(1, scores={"rudeness": 0.5}), "line 2: scores.rudeness"),
        ("{}", "line 2: review_id: Field required"),
    ],
)
def test_a_line_that_is_no_label_is_named_and_not_repeated(tmp_path: Path, bad: str, said: str) -> None:
    with pytest.raises(LabelError) as caught:
        read_labels(write(tmp_path, line(9), bad))

    assert said in str(caught.value)
    assert "somebody" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_file_without_labels_says_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(LabelError, match="has no labels"):
        read_labels(write(tmp_path, text))


def recalibrate(folder: Path, *options: str) -> Result:
    words = ["reviews", "recalibrate", str(folder / "labels.jsonl"), "--policy", str(folder / "prod.moderation.toml")]
    return CliRunner(env={"PARLEY_HOME": str(folder)}).invoke(main, [*words, *options])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The committed policy of production, and labels by which hate is blocked too early."""
    (tmp_path / "prod.moderation.toml").write_text((STAGES / "prod.moderation.toml").read_text())
    random = Random(1)
    all_scores = [random.uniform(0.5, 1) for _ in range(1000)]
    write(tmp_path, *(line(at, score, "upheld" if score > 0.9 else "approved") for at, score in enumerate(all_scores)))
    return tmp_path


def test_a_proposal_is_shown_and_not_written(folder: Path) -> None:
    before = (folder / "prod.moderation.toml").read_text()

    result = recalibrate(folder)

    assert result.exit_code == 0, result.output
    assert "0.80 → 0.8" in result.output or "0.80 → 0.9" in result.output
    assert "false positives" in result.output
    assert "1 categories would change" in result.output
    assert (folder / "prod.moderation.toml").read_text() == before


def test_what_is_written_keeps_every_line_and_comment(folder: Path) -> None:
    file = folder / "prod.moderation.toml"
    before = file.read_text()

    result = recalibrate(folder, "--write")

    assert result.exit_code == 0, result.output
    after = file.read_text().splitlines()
    assert [each for each in before.splitlines() if each not in after] == []
    added = [each for each in after if each not in before.splitlines()]
    assert added[0] == "[default.categories.hate]"
    policy = load_policy(file)
    assert policy.default.thresholds_of(HATE).block > 0.87
    assert policy.default.thresholds_of(Category.SEXUAL_MINORS) == Thresholds(0.3, 0.5)
    assert list(folder.glob("*.new")) == []
    # The same labels speak for no other change.
    again = recalibrate(folder, "--write")
    assert again.exit_code == 0
    assert file.read_text().splitlines() == after


def test_a_category_that_has_its_thresholds_keeps_its_comments(folder: Path) -> None:
    file = folder / "prod.moderation.toml"
    file.write_text(
        file.read_text() + '\n[default.categories.hate]  # ours\nreview = 0.5  # low\nblock = 0.8  # "high"\n'
    )

    assert recalibrate(folder, "--write").exit_code == 0

    (header, review, block) = [
        each for each in file.read_text().splitlines() if each.endswith(("# ours", "# low", '# "high"'))
    ]
    assert header == "[default.categories.hate]  # ours"
    assert (review, block) == ("review = 0.9  # low", 'block = 0.9  # "high"')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing but a comment",
        "[default]\nreview = 0.5",
        "[default.categories]",
        "default = {review = 0.5, categories = {violence = {review = 0.4, block = 0.7}}}",
        '[pii]\ninput = "off"\n\n[default]\nreview = 0.5 # comment\n',
        "[default]\r\nreview = 0.5  # of two systems\r\n",
        "[default.categories.hate]\nblock = 0.8",
    ],
)
def test_a_policy_of_any_form_can_be_written(folder: Path, text: str) -> None:
    file = folder / "prod.moderation.toml"
    file.write_bytes(text.encode())
    before = load_policy(file)

    result = recalibrate(folder, "--write")

    assert result.exit_code == 0, result.output
    after = load_policy(file)
    changed = after.default.thresholds_of(HATE)
    assert changed.block > 0.87
    assert after.default.thresholds == before.default.thresholds
    assert dict(after.default.of_category) == {**before.default.of_category, HATE: changed}
    assert (after.pii, after.is_dry_run) == (before.pii, before.is_dry_run)
    written = file.read_bytes().decode()
    assert all(comment in written for comment in ("# comment", "# of two systems\r\n") if comment in text)


def test_a_file_that_cannot_be_written_stays_whole(folder: Path) -> None:
    file = folder / "prod.moderation.toml"
    before = file.read_text()

    with pytest.raises(PolicyEditError):
        write_thresholds(file, None, [replace(only(drawn(200, 0.9)), after=Thresholds(0.9, 0.8))])
    assert file.read_text() == before

    # Tables are put after dotted keys, and would swallow what follows.
    file.write_text("default.block = 0.8\ndry_run = true")
    result = recalibrate(folder, "--write")

    assert (result.exit_code, "By hand, review and block: hate: 0.9, 0.9" in result.output.replace("\n", " ")) == (
        1,
        True,
    )
    assert file.read_text() == "default.block = 0.8\ndry_run = true"
    assert list(folder.glob("*.new")) == []


def test_a_tier_is_changed_where_it_has_a_table_of_its_own(folder: Path) -> None:
    file = folder / "prod.moderation.toml"
    refused = recalibrate(folder, "--tier", "free", "--write")
    file.write_text(file.read_text() + "\n[tiers.free]\nreview = 0.5\nblock = 0.8\n")

    result = recalibrate(folder, "--tier", "free", "--write")

    assert (refused.exit_code, "has no table for tier 'free' (it has: none)" in refused.output) == (1, True)
    assert result.exit_code == 0, result.output
    policy = load_policy(file)
    assert policy.tiers["free"].thresholds_of(HATE).block > 0.87
    assert policy.default.thresholds_of(HATE) == Thresholds()


def test_a_category_can_be_kept_as_it_is(folder: Path) -> None:
    kept = recalibrate(folder, "--keep", "hate", "--write")
    unknown = recalibrate(folder, "--keep", "rudeness")

    assert "Nothing to change." in kept.output
    assert (unknown.exit_code, "'rudeness' is none of" in unknown.output) == (2, True)


def test_labels_that_cannot_be_read_end_it_in_plain_words(folder: Path) -> None:
    write(folder, "no json")

    result = recalibrate(folder, "--write")

    assert (result.exit_code, result.output.startswith("Error: line 1: Invalid JSON")) == (1, True)
