import pytest

from training.evaluate_pii import LEAST_PRECISION, LEAST_RECALL, SETS, SetOfTexts, recall_and_precision, run


@pytest.mark.parametrize("texts", SETS, ids=lambda texts: texts.name)
def test_made_up_values_are_found_and_decoys_are_not(texts: SetOfTexts) -> None:
    outcomes = run(texts)

    recall, precision = recall_and_precision(outcomes)

    assert sum(each.made is not None for each in outcomes) >= 600
    assert sum(each.made is None for each in outcomes) >= 600
    assert recall >= LEAST_RECALL
    assert precision >= LEAST_PRECISION


def test_the_texts_are_the_same_each_time() -> None:
    assert run(SETS[0]) == run(SETS[0])
