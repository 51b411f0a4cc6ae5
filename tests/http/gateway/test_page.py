"""The page, its settings, health and cross-origin calls."""

import asyncio
import gzip
import json
import os

import pytest

from local.gateway.page_config import PageConfig
from parley.errors import StorageUnavailable
from parley.settings import AuthorizerSettings
from tests.http.gateway.functions import PAGE_ORIGIN


def policy_of(response) -> dict[str, str]:
    return dict(each.split(" ", 1) for each in response.headers["content-security-policy"].split("; "))


@pytest.mark.parametrize(
    "path",
    ["/", "/c/conv_0199", "/reviews", "/reviews/rev_0199", "/callback", "/callback?code=1&state=2", "/index.html"],
)
async def test_client_routes_are_the_page_under_a_strict_policy(client, path):
    async with client.get(path) as response:
        assert "<title>Parley</title>" in gzip.decompress(await response.read()).decode()

    policy = policy_of(response)
    assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "dompurify parley")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["referrer-policy"] == "same-origin"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_the_silent_page_alone_may_stand_in_our_own_frame(client):
    async with client.get("/silent") as response:
        assert response.status == 200

    assert policy_of(response)["frame-ancestors"] == "'self'"


async def test_hashed_files_are_kept_for_ever_and_others_asked_for_again(client):
    async with client.get("/assets/index-abc123.js") as hashed, client.get("/theme.js") as plain:
        assert hashed.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert hashed.headers["content-type"].startswith("text/javascript")
        assert plain.headers["cache-control"] == "no-cache"


async def test_a_file_that_has_not_changed_is_not_sent_again(client):
    async with client.get("/") as first:
        etag = first.headers["etag"]
    async with client.get("/", headers={"if-none-match": etag}) as second:
        assert (second.status, await second.read()) == (304, b"")


async def test_text_is_compressed_for_those_who_take_it(client):
    async with client.get("/assets/index-abc123.js", headers={"accept-encoding": "gzip"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
    async with client.get("/assets/index-abc123.js", headers={"accept-encoding": "identity"}) as plain:
        assert (await plain.read()).startswith(b"/* script */")
        assert "accept-encoding" in plain.headers["vary"]
    async with client.get("/assets/inter.woff2", headers={"accept-encoding": "gzip"}) as font:
        assert await font.read() == b"\x00font"


async def test_a_head_request_has_headers_and_no_body(client):
    async with client.head("/", headers={"accept-encoding": "identity"}) as response:
        assert int(response.headers["content-length"]) > 0
        assert await response.read() == b""


async def test_a_new_build_is_seen_without_a_restart(client, dist):
    (dist / "assets" / "new.js").write_text("new")
    os.utime(dist / "index.html", ns=(1, 1))

    async with client.get("/"), client.get("/assets/new.js") as response:
        assert response.status == 200


async def test_a_page_that_is_not_built_says_what_to_type(client, dist):
    (dist / "index.html").rename(dist / "away")
    try:
        async with client.get("/") as response:
            assert response.status == 503
            assert "make run" in await response.text()
    finally:
        (dist / "away").rename(dist / "index.html")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
async def test_the_page_finds_its_issuer_under_the_name_it_was_opened_with(client, host):
    async with client.get("/config.json", headers={"host": host}) as response:
        document = await response.json()

    assert document == {
        "authority": f"http://{host}/oidc",
        "client_id": "parley-web",
        "scope": "openid profile email",
        "silent_frame": True,
        "sign_out": None,
    }


async def test_a_name_that_is_not_ours_does_not_reach_the_pages_settings(client):
    async with client.get("/config.json", headers={"host": "evil.test"}) as response:
        assert (await response.json())["authority"] == "http://127.0.0.1:1/oidc"


async def test_a_foreign_issuer_is_named_in_the_settings_and_let_through_the_policy(stack):
    # The local issuer under another name stands for a foreign one: it answers with a discovery document all the same.
    settings = AuthorizerSettings(
        database_url="postgresql://127.0.0.1:9/away",
        oidc_issuer="https://issuer.test",
        oidc_discovery_url=f"{stack.url}/oidc/.well-known/openid-configuration",
        oidc_issuer_name="x",
        oidc_audience="my-client",
    )
    config = PageConfig(settings, "http://127.0.0.1:1")

    document, policy = await config.document("127.0.0.1"), await config.policy()

    assert document["authority"] == f"{stack.url}/oidc"
    assert (document["client_id"], document["silent_frame"], document["sign_out"]) == ("my-client", False, None)
    assert f"connect-src 'self' {stack.url};" in policy


async def test_cognito_is_signed_out_of_in_its_own_words(stack):
    settings = AuthorizerSettings(
        database_url="postgresql://127.0.0.1:9/away",
        oidc_issuer="https://cognito-idp.eu-central-1.amazonaws.com/pool",
        oidc_discovery_url=f"{stack.url}/oidc/.well-known/openid-configuration",
        oidc_issuer_name="x",
        oidc_audience="my-client",
    )

    document = await PageConfig(settings, "http://127.0.0.1:1").document("127.0.0.1")

    assert document["sign_out"] == {
        "url": f"{stack.url}/oidc/end_session",
        "params": {"client_id": "my-client", "logout_uri": "{origin}/"},
    }


async def test_a_silent_foreign_issuer_does_not_stop_the_page():
    settings = AuthorizerSettings(
        database_url="postgresql://127.0.0.1:9/away",
        oidc_issuer="https://127.0.0.1:9/x",
        oidc_issuer_name="x",
        oidc_audience="c",
    )

    assert "connect-src 'self' https://127.0.0.1:9;" in await PageConfig(settings, "http://127.0.0.1:1").policy()


async def ready() -> None:
    pass


async def away() -> None:
    raise StorageUnavailable("The database does not answer.")


async def broken() -> None:
    raise ZeroDivisionError("postgres://user:secret@host")


async def test_health_is_ok_only_when_every_part_answers(stack, client):
    stack.probes |= {"database": ready, "engine": ready}
    async with client.get("/healthz") as response:
        assert response.status == 200
        assert await response.json() == {"status": "ok", "parts": {"database": "ok", "engine": "ok"}}

    stack.probes |= {"database": away, "engine": broken}
    async with client.get("/healthz") as response:
        assert response.status == 503
        parts = {"database": "The database does not answer.", "engine": "ZeroDivisionError"}
        assert await response.json() == {"status": "starting", "parts": parts}


async def test_parts_are_asked_at_the_same_time(stack, client):
    both = asyncio.Barrier(2)
    stack.probes |= {"one": both.wait, "two": both.wait}

    async with client.get("/healthz") as response:
        assert response.status == 200


def preflight(origin: str) -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-stainless-lang",
    }


async def test_a_preflight_is_answered_before_anybody_is_asked_for_a_token(client):
    async with client.options("/v1/chat/completions", headers=preflight(PAGE_ORIGIN)) as response:
        assert response.status == 204

    assert response.headers["access-control-allow-origin"] == PAGE_ORIGIN
    assert response.headers["access-control-allow-headers"] == "authorization, x-stainless-lang"
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("origin", ["http://evil.test", "null", f"{PAGE_ORIGIN}.evil.test", ""])
async def test_other_origins_are_not_let_in(client, origin):
    async with client.options("/v1/chat/completions", headers=preflight(origin)) as response:
        assert "access-control-allow-origin" not in response.headers


async def test_errors_can_be_read_across_origins_too(client):
    async with client.get("/v1/models", headers={"origin": PAGE_ORIGIN}) as response:
        assert (response.status, response.headers["access-control-allow-origin"]) == (401, PAGE_ORIGIN)
        assert "x-request-id" in response.headers["access-control-expose-headers"]
        assert json.loads(await response.read())["error"]["code"] == "invalid_api_key"
