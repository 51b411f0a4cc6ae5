import pytest

from parley.accounts.secret import Secret, looks_like_key, new_secret, redacted


def test_a_new_secret_has_256_random_bits_and_its_own_form():
    secrets = {new_secret().text for _ in range(200)}

    assert len(secrets) == 200
    assert {len(text) for text in secrets} == {len("sk-parley-") + 43}
    assert all(Secret(text).text == text for text in secrets)


def test_what_is_stored_and_shown_does_not_give_the_secret_away():
    secret = Secret("sk-parley-" + "A" * 39 + "wxyz")

    assert secret.hash.hex() == "8dedc2fe5c4e28c21bba681329ce63baba584767c5d1cca220dc0bc13ba17ff7"
    assert redacted(secret.end) == "sk-parley-...wxyz"
    assert "AAAA" not in repr(secret)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-parley-",
        "sk-parley-" + "A" * 42,
        "sk-parley-" + "A" * 44,
        "sk-parley-" + "A" * 42 + "=",
        "sk-parley-" + "A" * 42 + ".",
        "sk-parley-" + "A" * 42 + "é",
        "sk-parley-" + "A" * 43 + "\n",
        " sk-parley-" + "A" * 43,
        "SK-PARLEY-" + "A" * 43,
        "sk-proj-" + "A" * 43,
    ],
)
def test_any_other_text_is_no_secret(text):
    with pytest.raises(ValueError, match="form"):
        Secret(text)


def test_a_key_is_told_from_a_token_by_its_beginning():
    assert looks_like_key(new_secret().text)
    assert looks_like_key("sk-proj-of-somebody-else")
    assert not looks_like_key("eyJhbGciOiJSUzI1NiJ9.e30.c2ln")
