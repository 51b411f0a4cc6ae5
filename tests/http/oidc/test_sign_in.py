import json
import re

import aiohttp
import jwt
import pytest

from local.oidc import CLIENT_ID, ISSUER, issue_token
from local.oidc.app import create_issuer
from local.oidc.tokens import issuer_folder
from tests.http.gateway.serving import serve
from tests.http.oidc.browser import Browser


def claims_of(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


async def tokens_of(browser: Browser, **changes) -> dict:
    return json.loads((await browser.redeem(await browser.sign_in(**changes))).text)


async def test_discovery_names_every_endpoint_under_the_address_that_was_asked(browser):
    asked = await browser.send("GET", "/oidc/.well-known/openid-configuration")
    document = json.loads(asked.text)

    assert document["issuer"] == ISSUER
    assert {name for name in document if name.endswith(("_endpoint", "_uri"))} == {
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "end_session_endpoint",
        "jwks_uri",
    }
    assert document["token_endpoint"] == f"{browser.url}/oidc/token"


async def test_a_sign_in_yields_tokens_shaped_like_cognitos(browser):
    tokens = await tokens_of(browser, nonce="n-1")

    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    assert access["iss"] == ISSUER
    assert (access["token_use"], access["client_id"], access["cognito:groups"]) == ("access", CLIENT_ID, ["pro"])
    assert "aud" not in access
    assert access["exp"] - access["iat"] == tokens["expires_in"]
    assert (identity["token_use"], identity["aud"], identity["nonce"]) == ("id", CLIENT_ID, "n-1")
    assert (identity["name"], identity["email"]) == ("Ada", "ada@parley.localhost")
    assert identity["sub"] == access["sub"]


async def test_tokens_verify_against_the_published_keys(browser):
    tokens = await tokens_of(browser)
    key_set = jwt.PyJWKSet.from_json((await browser.send("GET", "/oidc/jwks.json")).text)

    key = key_set[jwt.get_unverified_header(tokens["access_token"])["kid"]]

    assert jwt.decode(tokens["access_token"], key, algorithms=["RS256"], issuer=ISSUER)["sub"]
    assert "d" not in key._jwk_data


async def test_the_answer_carries_the_state_back_unchanged(browser):
    answer = await browser.fill_in(state="a b&c=d\r\nx: y")

    assert answer.query["state"] == "a b&c=d\r\nx: y"
    assert answer.location.startswith(browser.redirect_uri)


async def test_the_same_name_is_the_same_subject_in_the_form_and_on_the_command_line(browser, home):
    by_form = claims_of((await tokens_of(browser, name="Ada  Lovelace"))["access_token"])
    by_command = claims_of(issue_token(home, user="ada lovelace", tier="enterprise", roles=["admin"]))

    assert by_command["sub"] == by_form["sub"]
    assert by_command["cognito:groups"] == ["enterprise", "admin"]


async def test_other_names_are_other_subjects(browser):
    ada, grace = await tokens_of(browser, name="Ada"), await tokens_of(browser, name="Grace")

    assert claims_of(ada["access_token"])["sub"] != claims_of(grace["access_token"])["sub"]


async def test_roles_are_chosen_in_the_form(browser):
    code = (await browser.fill_in({"role": "reviewer", "tier": "free"})).query["code"]

    access = claims_of(json.loads((await browser.redeem(code)).text)["access_token"])

    assert access["cognito:groups"] == ["free", "reviewer"]


async def test_a_running_session_answers_without_the_form_and_in_a_frame(browser):
    await browser.sign_in()

    assert "code" in (await browser.authorize()).query
    framed = await browser.authorize(prompt="none", redirect_uri=f"{browser.url}/silent")
    assert framed.location.startswith(f"{browser.url}/silent?code=")


async def test_without_a_session_a_frame_hears_login_required(browser):
    answer = await browser.authorize(prompt="none")

    assert answer.query == {"error": "login_required", "error_description": "Nobody is signed in.", "state": "st&te"}


@pytest.mark.parametrize("change", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}])
async def test_a_page_may_ask_for_the_form_despite_a_session(browser, clock, change):
    await browser.sign_in()
    clock.ahead_s += 5

    assert "<form" in (await browser.authorize(**change)).text


async def test_a_session_ends_after_thirty_days(browser, clock):
    await browser.sign_in()
    clock.ahead_s += 30 * 24 * 3600 + 1

    assert (await browser.authorize(prompt="none")).query["error"] == "login_required"


async def test_signing_in_as_somebody_else_replaces_the_session(browser):
    ada = await tokens_of(browser, name="Ada")
    await browser.sign_in(name="Grace")

    assert json.loads((await browser.refresh(ada["refresh_token"])).text)["error"] == "invalid_grant"


async def test_the_cookie_is_closed_to_scripts_and_names_its_stack(browser):
    answer = await browser.fill_in()

    cookie = answer.headers["set-cookie"]
    assert re.match(r"parley_session_[0-9a-f]{8}=", cookie)
    assert {"HttpOnly", "Path=/oidc", "SameSite=lax"} <= set(cookie.split("; "))


async def test_a_restart_on_another_port_signs_nobody_out(browser, home):
    tokens = await tokens_of(browser)

    async with serve(create_issuer(home, stage="local", host="127.0.0.1")) as elsewhere:
        later = Browser(elsewhere, browser.session)
        assert "code" in (await later.authorize(prompt="none")).query
        renewed = json.loads((await later.refresh(tokens["refresh_token"])).text)
        assert jwt.get_unverified_header(renewed["access_token"]) == jwt.get_unverified_header(tokens["access_token"])


async def test_another_stack_on_the_same_host_has_sessions_of_its_own(browser, home):
    await browser.sign_in(name="Ada")

    async with serve(create_issuer(home / "other", stage="local", host="127.0.0.1")) as elsewhere:
        other = Browser(elsewhere, browser.session)
        assert (await other.authorize(prompt="none")).query["error"] == "login_required"
        await other.sign_in(name="Grace")

    assert "code" in (await browser.authorize(prompt="none")).query


async def test_userinfo_tells_who_the_token_belongs_to(browser):
    tokens = await tokens_of(browser)
    headers = {"authorization": f"Bearer {tokens['access_token']}"}

    told = json.loads((await browser.send("GET", "/oidc/userinfo", headers=headers)).text)

    sub = claims_of(tokens["access_token"])["sub"]
    assert told == {"sub": sub, "name": "Ada", "email": "ada@parley.localhost", "email_verified": False}


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer a.b.c", "Basic YTpi"])
async def test_userinfo_needs_an_access_token(browser, authorization):
    answer = await browser.send("GET", "/oidc/userinfo", headers={"authorization": authorization})

    assert answer.status == 401


async def test_userinfo_refuses_an_id_token(browser):
    headers = {"authorization": f"Bearer {(await tokens_of(browser))['id_token']}"}

    assert (await browser.send("GET", "/oidc/userinfo", headers=headers)).status == 401


async def test_sign_out_with_the_id_token_is_immediate_and_ends_the_refresh_tokens(browser):
    tokens = await tokens_of(browser)
    asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": f"{browser.url}/", "state": "s"}

    answer = await browser.send("GET", "/oidc/end_session", params=asked)

    assert answer.location == f"{browser.url}/?state=s"
    assert (await browser.authorize(prompt="none")).query["error"] == "login_required"
    assert (await browser.refresh(tokens["refresh_token"])).status == 400


async def test_sign_out_without_the_id_token_asks_first(browser):
    await browser.sign_in()
    path = f"/oidc/end_session?post_logout_redirect_uri={browser.url}/"

    question = await browser.send("GET", path)
    assert "Sign out of Parley?" in question.text
    assert "code" in (await browser.authorize(prompt="none")).query

    answer = await browser.send("POST", path, data={"csrf": question.csrf})
    assert answer.location == f"{browser.url}/"
    assert (await browser.authorize(prompt="none")).query["error"] == "login_required"


@pytest.mark.parametrize("csrf", ["", "x" * 43])
async def test_a_foreign_page_signs_nobody_out(browser, csrf):
    await browser.sign_in()

    await browser.send("POST", "/oidc/end_session", data={"csrf": csrf})

    assert "code" in (await browser.authorize(prompt="none")).query


@pytest.mark.parametrize("target", ["https://evil.test/", "http://127.0.0.1:9/", "//evil.test", "javascript:alert(1)"])
async def test_sign_out_leads_to_no_foreign_address(browser, target):
    tokens = await tokens_of(browser)
    asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": target}

    answer = await browser.send("GET", "/oidc/end_session", params=asked)

    assert (answer.status, "location" in answer.headers) == (400, False)


async def test_the_key_and_the_memory_are_readable_by_their_owner_alone(browser, home):
    await browser.sign_in()

    folder = issuer_folder(home)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} >= {"key.pem", "issuer.sqlite3"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


async def test_the_memory_holds_no_secret_in_clear(browser, home):
    code = await browser.sign_in()
    tokens = json.loads((await browser.redeem(code)).text)

    kept = (issuer_folder(home) / "issuer.sqlite3").read_bytes()

    secrets = [code, tokens["refresh_token"], *(cookie.value for cookie in browser.session.cookie_jar)]
    assert not any(secret.encode() in kept for secret in secrets)


async def test_the_form_works_without_scripts_under_a_strict_policy(browser):
    answer = await browser.authorize()

    policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3
    assert policy["form-action"] == f"'self' {browser.url}"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "<script" not in answer.text
    assert "style=" not in answer.text
    sheet = await browser.send("GET", "/oidc/style.css")
    assert (sheet.status, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")


async def test_a_page_under_another_loopback_name_may_sign_in(browser):
    port = browser.url.rsplit(":", 1)[1]

    answer = await browser.fill_in(redirect_uri=f"http://localhost:{port}/callback")

    assert answer.location.startswith(f"http://localhost:{port}/callback?code=")


async def test_a_named_development_server_may_sign_in(home):
    page = "http://127.0.0.1:5173"
    issuer = create_issuer(home, stage="local", host="127.0.0.1", other_origins=[page])
    async with serve(issuer) as url, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        answer = await Browser(url, session).fill_in(redirect_uri=f"{page}/callback")

    assert answer.location.startswith(f"{page}/callback?code=")
