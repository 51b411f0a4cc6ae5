"""Whatever a client sends makes a key or is refused by name; nothing is a 500."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.history.rest import Api, Caller

KEYS = "/v1/api_keys"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"laptop"',
        b'{"name": "\xff"}',
        rb'{"name": "\ud83d"}',
        rb'{"name": "a\u0000b"}',
        b'{"name": NaN}',
        b"[" * 100_000,
    ],
)
async def test_a_body_that_is_no_object_of_clean_json_is_refused(alice: Caller, body: bytes) -> None:
    reply = await alice.send(KEYS, body)

    assert (reply.status, reply.error["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": 7}, "name"),
        ({"name": ""}, "name"),
        ({"name": " \t\n"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": ["laptop"]}, "name"),
        ({"name": "a", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "a", "expires_in_days": -1}, "expires_in_days"),
        ({"name": "a", "expires_in_days": 3651}, "expires_in_days"),
        ({"name": "a", "expires_in_days": 2**62}, "expires_in_days"),
        ({"name": "a", "expires_in_days": 1.5}, "expires_in_days"),
        ({"name": "a", "expires_in_days": "30"}, "expires_in_days"),
        ({"name": "a", "expires_in_days": True}, "expires_in_days"),
        ({"name": "a", "tier": "enterprise"}, "tier"),
        ({"name": "a", "roles": ["admin"]}, "roles"),
        ({"name": "a", "value": "sk-parley-mine"}, "value"),
        ({"name": "a", "user_id": "0" * 32}, "user_id"),
    ],
)
async def test_a_wrong_field_is_named(alice: Caller, body: dict[str, Any], param: str) -> None:
    reply = await alice.post(KEYS, body)

    assert (reply.status, reply.error["param"]) == (400, param)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"after": "key_1"}, "after"),
        ({"after": ""}, "after"),
        ({"after": "conv_" + "0" * 32}, "after"),
        ({"after": "key_" + "0" * 32}, "after"),
        ({"order": "asc"}, "order"),
    ],
)
async def test_a_wrong_parameter_is_named(alice: Caller, query: dict[str, Any], param: str) -> None:
    reply = await alice.get(KEYS, **query)

    assert reply.status in {400, 404}
    assert reply.error["param"] == param


async def test_routes_without_parameters_refuse_them(alice: Caller) -> None:
    assert (await alice.get("/v1/me", include="email")).error["param"] == "include"


@pytest.mark.parametrize(
    "key_id", ["x", "key_", "key_" + "0" * 32, "key_" + "G" * 32, "conv_" + "0" * 32, "%00", "a%2Fb"]
)
async def test_an_id_that_names_nothing_is_not_found(alice: Caller, key_id: str) -> None:
    assert (await alice.delete(f"{KEYS}/{key_id}")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", KEYS, 405),
        ("POST", "/v1/me", 405),
        ("GET", f"{KEYS}/key_{'0' * 32}", 405),
        ("GET", f"{KEYS}/", 405),
        ("GET", "/v1/me/usage", 404),
        ("GET", "/v1/api_keysx", 404),
    ],
)
async def test_other_routes_are_refused(accounts_api: Api, alice: Caller, method: str, path: str, status: int) -> None:
    reply = await accounts_api.call(method, path, user_id=alice.user_id, verdict=alice.verdict)

    assert reply.status in {status, 404}
    assert reply.error["code"] in {"method_not_allowed", "unknown_url"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=120), days=st.none() | st.integers(-5, 5000))
async def test_any_name_is_kept_or_refused(accounts_api: Api, name: str, days: int | None) -> None:
    caller = Caller(accounts_api, verdict={"credential": "token"})
    try:
        name.encode()
    except UnicodeEncodeError:
        return

    reply = await caller.post(KEYS, {"name": name, "expires_in_days": days})

    assert reply.status in {200, 400}
    if reply.status == 200:
        # What counts as white space at the ends is a matter of taste; nothing else of the name may change.
        assert name.strip() in reply.json["name"]
        assert reply.json["name"] in name
