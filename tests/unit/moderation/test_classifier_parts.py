"""What surrounds the model: windows, calibration, how heads become categories, and the folder's file."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.moderation.model import Category
from parley.moderation.onnx.calibration import Calibration
from parley.moderation.onnx.heads import combine
from parley.moderation.onnx.labels import Labels
from parley.moderation.onnx.manifest import Label, load_manifest
from parley.moderation.onnx.windows import WindowRule, choose, cut
from parley.settings import SettingsError

MISSION = Calibration(((-3.0, 0.05), (0.5, 0.5), (2.0, 0.8)))
probabilities = st.floats(0, 1)


@given(st.integers(0, 5000))
def test_windows_cover_every_token_and_overlap(count: int) -> None:
    rule = WindowRule()

    windows = cut(count, rule)

    assert {at for window in windows for at in window} == set(range(count))
    assert all(len(window) <= rule.content_tokens for window in windows)
    assert all(before.stop - after.start == rule.overlap for before, after in pairwise(windows))


def test_no_tokens_are_one_empty_window() -> None:
    assert cut(0, WindowRule()) == [range(0)]


def test_of_too_many_windows_both_ends_and_the_most_suspicious_are_scored() -> None:
    rule = WindowRule(most=8)
    windows = cut(5000, rule)
    worst = windows[20]

    chosen = choose(windows, rule, lambda window: float(window == worst))

    assert len(chosen) == 8
    assert chosen[:2] == windows[:2]
    assert chosen[-2:] == windows[-2:]
    assert worst in chosen
    assert chosen == sorted(chosen, key=lambda window: window.start)


def test_a_calibration_gives_its_points_their_scores() -> None:
    assert MISSION.score(0.5) == pytest.approx(0.5)
    assert MISSION.score(2.0) == pytest.approx(0.8)


@given(st.floats(-60, 60), st.floats(-60, 60))
def test_a_calibration_never_falls_and_stays_a_probability(one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert 0 <= MISSION.score(low) <= MISSION.score(high) < 1


@pytest.mark.parametrize(
    "points",
    [[(0.0, 0.5)], [(0.0, 0.5), (0.0, 0.8)], [(0.0, 0.8), (1.0, 0.5)], [(0.0, 0.0), (1.0, 0.5)]],
)
def test_points_that_do_not_rise_are_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration(points)


@given(
    probabilities, probabilities, st.dictionaries(st.sampled_from([Category.HATE, Category.SELF_HARM]), probabilities)
)
def test_the_highest_category_is_what_the_two_heads_say(
    toxic: float, harmful: float, kinds: dict[Category, float]
) -> None:
    kinds = {Category.VIOLENCE: 0.5, **kinds}

    scores = combine(toxic, harmful, kinds)

    assert set(scores) == set(Category)
    assert max(scores.values()) == pytest.approx(max(toxic, harmful))


def test_a_category_without_a_head_has_its_parent_s_score() -> None:
    scores = combine(0.9, 0.6, {Category.HARASSMENT: 0.8, Category.HATE: 0.4, Category.HATE_THREATENING: 0.1})

    assert scores[Category.HARASSMENT] == pytest.approx(0.9)
    assert scores[Category.HARASSMENT_THREATENING] == scores[Category.HARASSMENT]
    assert scores[Category.HATE] == pytest.approx(0.45)
    assert scores[Category.HATE_THREATENING] < scores[Category.HATE]
    assert scores[Category.ILLICIT] == scores[Category.ILLICIT_VIOLENT] == 0.6


def test_labels_become_categories_by_their_worst_window() -> None:
    labels = Labels([Label(name="hate", categories=[Category.HATE]), Label(name="neutral")], "sigmoid")

    scores = labels.scores(np.array([[0.0, 9.0], [2.0, 0.0]], np.float32))

    assert scores[Category.HATE] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-5)
    assert scores[Category.HATE_THREATENING] == scores[Category.HATE]
    assert scores[Category.SEXUAL] == 0


def test_of_softmax_the_label_s_probability_is_calibrated() -> None:
    labels = Labels([Label(name="clean"), Label(name="toxic", categories=[Category.HARASSMENT])], "softmax")

    scores = labels.scores(np.array([[1.0, 3.0]], np.float32))

    assert scores[Category.HARASSMENT] == pytest.approx(np.exp(3) / (np.exp(1) + np.exp(3)), abs=1e-5)


def test_labels_that_speak_for_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="no label"):
        Labels([Label(name="spam")], "sigmoid")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind = 'heads'", "version: Field required"),
        ("kind = 'trees'\nversion = 'a'", "kind: "),
        ("kind = 'heads'\nversion = 'a'\nmax_token = 1", "max_token: Extra"),
        ("kind = 'labels'\nversion = 'a'\n[[labels]]\nname = 'x'\ncategories = ['rude']", "labels.0.categories.0"),
        ("kind = 'labels'\nversion = 'a'\noverlap_tokens = 100", "overlap_tokens"),
        ("kind =", "classifier.toml"),
    ],
)
def test_a_wrong_classifier_file_says_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "classifier.toml").write_text(text)

    with pytest.raises(SettingsError, match=problem):
        load_manifest(tmp_path)


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"classifier\.toml"):
        load_manifest(tmp_path)
