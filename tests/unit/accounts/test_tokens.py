import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.accounts.model import user_id_for
from parley.errors import Unauthenticated
from tests.unit.accounts.issuer import (
    EC_KEY,
    ISSUER,
    OTHER_RSA_KEY,
    RSA_KEY,
    FakeIssuer,
    claims,
    ec_jwk,
    rsa_jwk,
    sign,
    verifier,
)

NOW = int(time.time())
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


def refusal(token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        verifier(FakeIssuer()).verify(token)
    return caught.value.message


def segment(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_a_token_that_holds_names_its_user():
    identity = verifier(FakeIssuer()).identify(sign(claims()))

    assert identity.user_id == user_id_for("test", "ada")


@pytest.mark.parametrize(
    ("algorithm", "key", "jwk"),
    [
        ("RS256", RSA_KEY, rsa_jwk("first", RSA_KEY)),
        ("PS256", RSA_KEY, rsa_jwk("first", RSA_KEY)),
        ("PS256", RSA_KEY, rsa_jwk("first", RSA_KEY, alg="PS256")),
        ("ES256", EC_KEY, ec_jwk("first", EC_KEY)),
    ],
)
def test_every_algorithm_of_the_allow_list_is_accepted(algorithm, key, jwk):
    issuer = FakeIssuer()
    issuer.published = [jwk]

    assert verifier(issuer).verify(sign(claims(), key=key, algorithm=algorithm))["sub"] == "ada"


def test_a_key_serves_only_the_algorithm_that_it_names():
    issuer = FakeIssuer()
    issuer.published = [rsa_jwk("first", RSA_KEY, alg="PS256")]

    with pytest.raises(Unauthenticated):
        verifier(issuer).verify(sign(claims(), algorithm="RS256"))


def test_a_forged_signature_is_refused():
    assert refusal(sign(claims(), key=OTHER_RSA_KEY)) == "The token is not valid."


def test_claims_changed_after_signing_are_refused():
    header, _, signature = sign(claims()).split(".")

    assert refusal(f"{header}.{segment(claims(sub='grace'))}.{signature}") == "The token is not valid."


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, ["RS256"], {"RS256": 1}, 7])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_an_unsigned_token_is_refused(algorithm, signature):
    token = f"{segment({'alg': algorithm, 'kid': 'first', 'typ': 'JWT'})}.{segment(claims())}.{signature}"

    assert refusal(token) == "The token is signed in a way that is not accepted."


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_the_public_key_is_no_shared_secret(algorithm):
    secret = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{segment({'alg': algorithm, 'kid': 'first'})}.{segment(claims())}"
    digest = hmac.digest(secret, signed.encode(), hashlib.sha256 if algorithm == "HS256" else hashlib.sha512)

    refused = refusal(f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}")

    assert refused == "The token is signed in a way that is not accepted."


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS512"])
def test_an_algorithm_outside_the_allow_list_is_refused(algorithm):
    assert refusal(sign(claims(), algorithm=algorithm)) == "The token is signed in a way that is not accepted."


def test_a_key_that_the_token_brings_along_is_not_believed():
    own_key = rsa_jwk("mine", OTHER_RSA_KEY)
    token = sign(claims(), key=OTHER_RSA_KEY, key_id="mine", jwk=own_key, jku="https://evil.test/jwks.json")

    assert refusal(token) == "The token is signed with a key that its issuer does not have."


@pytest.mark.parametrize("key_id", [None, "", "../first", "first\x00"])
def test_a_token_without_a_known_key_id_is_refused(key_id):
    assert refusal(sign(claims(), key_id=key_id))


def test_an_unknown_critical_header_is_refused():
    assert refusal(sign(claims(), crit=["exotic"], exotic=1)) == "The token is not valid."


def test_an_expired_token_says_so():
    assert refusal(sign(claims(exp=NOW - 31))) == "The token has expired: sign in again."


def test_clocks_may_differ_by_half_a_minute():
    now = int(time.time())  # not the module's: a whole suite may lie between its import and this test
    token = sign(claims(exp=now - 20, nbf=now + 20, iat=now + 20))

    assert verifier(FakeIssuer()).verify(token)["sub"] == "ada"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": None},
        {"iss": f"{ISSUER}/"},
        {"iss": "https://evil.test"},
        {"exp": None},
        {"exp": "never"},
        {"nbf": NOW + 3600},
        {"sub": None},
        {"sub": 7},
    ],
)
def test_a_claim_that_does_not_hold_refuses_the_token(change):
    assert refusal(sign(claims(**change))) == "The token is not valid."


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": None},
        {"client_id": "other-app"},
        {"aud": "other-app"},
        {"aud": ["other-app"]},
        {"aud": []},
        {"aud": {"parley-web": 1}},
        {"client_id": ["parley-web-2"]},
    ],
)
def test_a_token_for_another_audience_is_refused(change):
    assert refusal(sign(claims(**change))) == "The token was issued for another application."


@pytest.mark.parametrize("audience", ["parley-web", ["api", "parley-web"]])
def test_the_audience_claim_decides_where_there_is_one(audience):
    token = sign(claims(aud=audience, client_id="other-app"))

    assert verifier(FakeIssuer()).verify(token)["sub"] == "ada"


@pytest.mark.parametrize(
    "change",
    [
        {"token_use": "id"},
        {"token_use": "refresh"},
        {"token_use": ["access"]},
        {"nonce": "n"},
        {"at_hash": "h"},
        {"token_use": None, "aud": "parley-web", "client_id": None, "scope": None},
        {"token_use": None, "aud": "parley-web", "nonce": "n"},
    ],
)
def test_an_id_token_is_no_access_token(change):
    assert refusal(sign(claims(**change))) == "This is not an access token."


@pytest.mark.parametrize(
    ("payload", "header"),
    [
        (claims(token_use=None), {}),
        (claims(token_use=None, scope=None, client_id=None, aud="parley-web"), {"typ": "at+jwt"}),
        (claims(token_use=None, scope=None, client_id=None, aud="parley-web", scp="chat"), {}),
    ],
)
def test_access_tokens_of_issuers_without_token_use_are_told_by_what_only_they_have(payload, header):
    assert verifier(FakeIssuer()).verify(sign(payload, **header))["sub"] == "ada"


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=200), st.from_regex(r"[A-Za-z0-9_=-]{0,80}(\.[A-Za-z0-9_=-]{0,80}){0,4}", fullmatch=True)
    )
)
def test_junk_is_refused_and_never_an_error_of_another_kind(junk):
    assert refusal(junk)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "b64", "crit", "jwk"]), JSON))
def test_junk_headers_are_refused_and_never_an_error_of_another_kind(header):
    assert refusal(f"{segment(header)}.{segment(claims())}.AAAA")


def test_a_huge_token_is_refused_before_it_is_parsed():
    assert refusal("a" * 10_241) == "The token is malformed."
