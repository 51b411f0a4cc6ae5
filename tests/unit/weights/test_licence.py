"""Who brings a model in has seen its licence."""

import pytest

from gpu_workers.weights.errors import PushError
from gpu_workers.weights.licence import check_licence
from tests.unit.weights import make


@pytest.mark.parametrize("licence", ["apache-2.0", "mit"])
def test_an_open_licence_needs_no_word(licence: str) -> None:
    check_licence(make.repository(licence), None)


@pytest.mark.parametrize("licence", ["llama3.1", "gemma", "cc-by-nc-4.0", "other"])
def test_any_other_is_accepted_by_its_exact_name_only(licence: str) -> None:
    for wrong in (None, "apache-2.0", licence.upper(), ""):
        with pytest.raises(PushError) as caught:
            check_licence(make.repository(licence), wrong)
        assert caught.value.code == "licence"
        assert licence in str(caught.value)

    check_licence(make.repository(licence), licence)


def test_a_gated_model_is_accepted_by_name_whatever_its_licence() -> None:
    with pytest.raises(PushError, match="gated"):
        check_licence(make.repository("mit", gated=True), None)

    check_licence(make.repository("mit", gated=True), "mit")


def test_a_model_without_a_licence_is_nobody_s_to_use_until_someone_says_so() -> None:
    with pytest.raises(PushError, match="--accept-licence none"):
        check_licence(make.repository(None), None)

    check_licence(make.repository(None), "none")


def test_to_accept_another_licence_than_the_model_s_is_a_mistake_even_where_none_is_asked() -> None:
    with pytest.raises(PushError, match=r"'apache-2\.0', and 'mit' was accepted"):
        check_licence(make.repository("apache-2.0"), "mit")
