"""The sentences that are ours to learn from and to measure on; the shared sets are not needed here."""

from training.moderation.data import WRITTEN, expand, load_identity_sentences, load_written, punctuate, wrap


def test_braces_with_bars_are_all_their_choices() -> None:
    assert expand("{a|b} c {d|e}") == ["a c d", "a c e", "b c d", "b c e"]
    assert expand("now {prompt}") == ["now {prompt}"]


def test_nothing_is_both_learned_from_and_measured_on() -> None:
    written = load_written()
    learned = {each.text.lower() for each in written if not each.held_out}
    held_out = {each.text.lower() for each in written if each.held_out}

    assert not learned & held_out
    assert all(each.held_out is not None for each in written)


def test_there_are_enough_harmless_prompts_that_sound_dangerous() -> None:
    harmless = [each for each in load_written() if each.source == "written_harmless"]

    assert sum(not each.held_out for each in harmless) >= 300
    assert sum(bool(each.held_out) for each in harmless) >= 150


def test_a_wrapped_prompt_keeps_its_label_and_its_family() -> None:
    harmful = [each for each in load_written() if each.label == 1 and not each.held_out]

    wrapped = wrap(harmful, held_out=False, count=20, seed=1)

    assert {each.source for each in wrapped} == {"wrapped_harmful"}
    assert all("{prompt}" not in each.text and each.label == 1 and each.family for each in wrapped)
    assert wrapped == wrap(harmful, held_out=False, count=20, seed=1)


def test_every_wrapper_has_a_place_for_the_prompt() -> None:
    for name in ("wrappers_train", "wrappers_held_out"):
        lines = (WRITTEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        assert all("{prompt}" in line for line in lines if not line.startswith("#"))


def test_punctuation_is_drawn_the_same_each_time() -> None:
    written = load_written()

    assert punctuate(written, 3) == punctuate(written, 3)
    assert punctuate(written, 3) != written


def test_identity_sentences_name_their_group() -> None:
    groups = {group for group, _ in load_identity_sentences()}

    assert groups == {"religion", "orientation", "gender", "ethnicity", "disability", "age"}
