import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from parley.accounts.client import Document, IssuerKeys, signing_keys
from parley.errors import IssuerUnavailable, Unauthenticated
from tests.unit.accounts.issuer import (
    DISCOVERY_URL,
    EC_KEY,
    ISSUER,
    OTHER_RSA_KEY,
    RSA_KEY,
    Clock,
    FakeIssuer,
    claims,
    ec_jwk,
    rsa_jwk,
    sign,
    verifier,
)


def test_the_keys_are_read_once_for_many_tokens():
    issuer = FakeIssuer()
    tokens = verifier(issuer)

    for _ in range(5):
        tokens.verify(sign(claims()))

    assert issuer.key_requests == 1


def test_nothing_is_read_before_the_first_token():
    issuer = FakeIssuer()

    verifier(issuer)

    assert issuer.requests == []


def test_a_rotated_key_is_found_by_one_refetch():
    issuer = FakeIssuer()
    tokens = verifier(issuer)
    tokens.verify(sign(claims()))
    issuer.published = [rsa_jwk("second", OTHER_RSA_KEY)]

    assert tokens.verify(sign(claims(), key=OTHER_RSA_KEY, key_id="second"))["sub"] == "ada"

    assert issuer.key_requests == 2


def test_a_withdrawn_key_dies_with_the_refetch():
    issuer = FakeIssuer()
    tokens = verifier(issuer)
    tokens.verify(sign(claims()))
    issuer.published = [rsa_jwk("second", OTHER_RSA_KEY)]
    tokens.verify(sign(claims(), key=OTHER_RSA_KEY, key_id="second"))

    with pytest.raises(Unauthenticated):
        tokens.verify(sign(claims()))


def test_random_key_ids_cannot_hammer_the_issuer():
    issuer, clock = FakeIssuer(), Clock()
    tokens = verifier(issuer, clock)
    tokens.verify(sign(claims()))

    for index in range(50):
        with pytest.raises(Unauthenticated):
            tokens.verify(sign(claims(), key=OTHER_RSA_KEY, key_id=f"made-up-{index}"))
    assert issuer.key_requests == 2

    clock.now_s += 11
    with pytest.raises(Unauthenticated):
        tokens.verify(sign(claims(), key=OTHER_RSA_KEY, key_id="made-up"))
    assert issuer.key_requests == 3


def test_a_token_that_could_never_pass_makes_nobody_ask_the_issuer():
    issuer = FakeIssuer()

    with pytest.raises(Unauthenticated):
        verifier(issuer).verify(sign(claims(), algorithm="RS512"))

    assert issuer.requests == []


def test_keys_are_read_again_after_five_minutes():
    issuer, clock = FakeIssuer(), Clock()
    tokens = verifier(issuer, clock)
    tokens.verify(sign(claims()))

    clock.now_s += 301
    tokens.verify(sign(claims()))

    assert issuer.key_requests == 2


def test_known_keys_outlive_an_outage_of_the_issuer_for_an_hour():
    issuer, clock = FakeIssuer(), Clock()
    tokens = verifier(issuer, clock)
    tokens.verify(sign(claims()))
    issuer.is_down = True

    clock.now_s += 3599
    assert tokens.verify(sign(claims()))["sub"] == "ada"

    clock.now_s += 2
    with pytest.raises(IssuerUnavailable):
        tokens.verify(sign(claims()))


def test_a_slow_issuer_holds_up_one_token_and_no_other():
    issuer, clock = FakeIssuer(), Clock()
    is_asked, may_answer = threading.Event(), threading.Event()

    def fetch(url: str) -> Document:
        if clock.now_s > 1000:
            is_asked.set()
            assert may_answer.wait(10)
        return issuer.fetch(url)

    keys = IssuerKeys(ISSUER, DISCOVERY_URL, fetch=fetch, clock=clock)
    keys.key_for("first")
    clock.now_s += 301

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(keys.key_for, "first")
        assert is_asked.wait(10)
        assert keys.key_for("first") is not None
        assert not slow.done()
        may_answer.set()
        assert slow.result(10) is not None


def test_a_silent_issuer_is_no_verdict_on_the_token():
    issuer = FakeIssuer()
    issuer.is_down = True

    with pytest.raises(IssuerUnavailable):
        verifier(issuer).verify(sign(claims()))


def test_a_silent_issuer_is_asked_again_after_a_second_and_not_before():
    issuer, clock = FakeIssuer(), Clock()
    issuer.is_down = True
    tokens = verifier(issuer, clock)
    for _ in range(5):
        with pytest.raises(IssuerUnavailable):
            tokens.verify(sign(claims()))
    assert len(issuer.requests) == 1

    issuer.is_down = False
    clock.now_s += 1.1

    assert tokens.verify(sign(claims()))["sub"] == "ada"


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.test"},
        {"issuer": f"{ISSUER}/"},
        {"jwks_uri": None},
        {"jwks_uri": "http://issuer.test/jwks.json"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://127.0.0.1:9/jwks.json"},
        {"jwks_uri": "https://localhost/jwks.json"},
    ],
)
def test_a_discovery_document_that_cannot_be_trusted_yields_no_keys(discovery):
    issuer = FakeIssuer()
    issuer.discovery |= discovery

    with pytest.raises(IssuerUnavailable):
        verifier(issuer).verify(sign(claims()))


@pytest.mark.parametrize(
    "url", ["http://issuer.test/d", "ftp://issuer.test", "file:///d", "http://127.0.0.1.evil.test"]
)
def test_plain_http_serves_only_for_this_machine(url):
    with pytest.raises(ValueError, match="must be an https URL"):
        IssuerKeys(ISSUER, url)


@pytest.mark.parametrize("url", [DISCOVERY_URL, "http://127.0.0.1:8080/d", "http://localhost/d", "http://[::1]:1/d"])
def test_https_and_loopback_are_accepted(url):
    assert IssuerKeys(ISSUER, url)


def test_only_public_signing_keys_are_kept():
    usable = [rsa_jwk("rsa", RSA_KEY), ec_jwk("ec", EC_KEY), rsa_jwk("ps", RSA_KEY, alg="PS256")]
    useless = [
        rsa_jwk("enc", RSA_KEY, use="enc"),
        rsa_jwk("rs512", RSA_KEY, alg="RS512"),
        {"kid": "secret", "kty": "oct", "k": "AAAA"},
        {"kid": "broken", "kty": "RSA", "n": "!", "e": "AQAB"},
        {"kty": "RSA"},
        "text",
        None,
    ]

    assert signing_keys({"keys": [*useless, *usable]}).keys() == {"rsa", "ec", "ps"}
    assert signing_keys({"keys": "none"}) == {}
    assert signing_keys({}) == {}
