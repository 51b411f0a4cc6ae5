"""What a small issuer must refuse."""

import json
import sqlite3
from contextlib import closing

import pytest

from local.oidc import issue_token
from local.oidc.app import create_issuer
from local.oidc.model import person_named
from local.oidc.store import IssuerStore
from local.oidc.tokens import issuer_folder
from tests.http.oidc.browser import Answer, Browser


def error_of(answer: Answer) -> str:
    return json.loads(answer.text)["error"]


async def tokens_of(browser: Browser) -> dict:
    return json.loads((await browser.redeem(await browser.sign_in())).text)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        None,
        "",
        "https://evil.test/callback",
        "http://127.0.0.1:9/callback",
        "http://127.0.0.1/callback",
        "{url}/other",
        "{url}/callback/../other",
        "{url}/callback?x=1",
        "{url}/callback#x",
        "{url}@evil.test/callback",
        "http://evil.test@127.0.0.1:{port}/callback",
        "http://127.0.0.1.evil.test:{port}/callback",
        "http://2130706433:{port}/callback",
        "http://127.1:{port}/callback",
        "http://10.0.0.1:{port}/callback",
        "https://127.0.0.1:{port}/callback",
        "http:\\\\127.0.0.1:{port}/callback",
        "http://127.0.0.1:{port}\\@evil.test/callback",
        "HTTP://127.0.0.1:{port}/callback",
        "http://127.0.0.1:0{port}/callback",
        "http://127.0.0.1:99999/callback",
        "javascript:alert(1)",
        "{url}/callback\n",
    ],
)
async def test_a_foreign_redirect_uri_gets_a_page_and_never_a_redirect(browser, redirect_uri):
    port = browser.url.rsplit(":", 1)[1]
    uri = redirect_uri and redirect_uri.replace("{url}", browser.url).replace("{port}", port)

    answer = await browser.authorize(redirect_uri=uri, prompt="none")

    assert (answer.status, "location" in answer.headers) == (400, False)
    assert "does not belong to this application" in answer.text


async def test_an_unknown_client_gets_a_page(browser):
    answer = await browser.authorize(client_id="other")

    assert (answer.status, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "9" * 40}, "invalid_request"),
        ({"request": "jwt"}, "request_not_supported"),
        ({"request_uri": "https://evil.test"}, "request_uri_not_supported"),
        ({"nonce": "n" * 5000}, "invalid_request"),
    ],
)
async def test_a_wrong_request_is_an_error_for_the_client(browser, change, error):
    answer = await browser.authorize(**change)

    assert (answer.status, answer.query["error"], answer.query["state"]) == (303, error, "st&te")


async def test_a_parameter_may_not_come_twice(browser):
    question = [*browser.question().items(), ("scope", "openid")]

    answer = await browser.send("GET", "/oidc/authorize", params=question)

    assert answer.query["error"] == "invalid_request"


@pytest.mark.parametrize("query", ["%ff=1", "&".join(f"a{n}=1" for n in range(100)), "=", "%00", "a" * 8000])
async def test_a_junk_query_gets_a_page(browser, query):
    assert (await browser.send("GET", f"/oidc/authorize?{query}")).status == 400


@pytest.mark.parametrize("verifier", ["", "short", "x" * 43, "x" * 129, "ü" * 43])
async def test_a_wrong_or_missing_verifier_yields_no_token_and_spends_the_code(browser, verifier):
    code = await browser.sign_in()

    assert error_of(await browser.redeem(code, code_verifier=verifier)) == "invalid_grant"
    assert error_of(await browser.redeem(code)) == "invalid_grant"


async def test_a_code_works_once_and_its_reuse_ends_what_it_gave(browser):
    code = await browser.sign_in()
    tokens = json.loads((await browser.redeem(code)).text)

    assert error_of(await browser.redeem(code)) == "invalid_grant"
    assert error_of(await browser.refresh(tokens["refresh_token"])) == "invalid_grant"


async def test_a_code_lives_a_minute(browser, clock):
    code = await browser.sign_in()
    clock.ahead_s += 61

    assert error_of(await browser.redeem(code)) == "invalid_grant"


async def test_a_code_is_bound_to_its_redirect_uri(browser):
    code = await browser.sign_in()

    assert error_of(await browser.redeem(code, redirect_uri=f"{browser.url}/silent")) == "invalid_grant"


@pytest.mark.parametrize("change", [{"client_id": "other"}, {"client_id": ""}])
async def test_a_code_is_bound_to_its_client(browser, change):
    assert error_of(await browser.redeem(await browser.sign_in(), **change)) == "invalid_client"


@pytest.mark.parametrize("grant_type", ["", "password", "client_credentials", "implicit"])
async def test_no_other_grant_is_known(browser, grant_type):
    assert error_of(await browser.exchange(grant_type=grant_type)) == "unsupported_grant_type"


async def test_a_refresh_token_works_once_and_its_reuse_ends_the_family(browser):
    first = (await tokens_of(browser))["refresh_token"]
    second = json.loads((await browser.refresh(first)).text)["refresh_token"]

    assert error_of(await browser.refresh(first)) == "invalid_grant"
    assert error_of(await browser.refresh(second)) == "invalid_grant"


async def test_the_reuse_in_one_tab_leaves_other_tabs_signed_in(browser):
    one, other = (
        await tokens_of(browser),
        json.loads((await browser.redeem((await browser.authorize()).query["code"])).text),
    )
    await browser.refresh(one["refresh_token"])
    await browser.refresh(one["refresh_token"])

    assert (await browser.refresh(other["refresh_token"])).status == 200


async def test_a_refresh_token_ends_after_thirty_days(browser, clock):
    tokens = await tokens_of(browser)
    clock.ahead_s += 30 * 24 * 3600 + 1

    assert error_of(await browser.refresh(tokens["refresh_token"])) == "invalid_grant"


@pytest.mark.parametrize("body", [b"", b"%ff=%ff", b"grant_type=a&grant_type=b", b"\x00\xff", b"{}"])
async def test_a_junk_token_request_is_a_plain_error(browser, body):
    answer = await browser.send("POST", "/oidc/token", data=body)

    assert 400 <= answer.status < 500
    assert "error" in json.loads(answer.text)


async def test_a_huge_form_is_refused(browser):
    assert (await browser.send("POST", "/oidc/token", data=b"a" * 20_000)).status == 413


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"csrf": ""}, {}),
        ({"csrf": "x" * 43}, {}),
        ({"csrf": "ü"}, {}),
        ({}, {"origin": "http://evil.test"}),
        ({}, {"origin": "http://127.0.0.1:9"}),
        ({}, {"origin": "null"}),
    ],
)
async def test_a_foreign_form_signs_nobody_in(browser, fields, headers):
    answer = await browser.fill_in(fields, headers)

    assert (answer.status, "location" in answer.headers) == (400, False)
    assert "This form has expired" in answer.text
    assert (await browser.authorize(prompt="none")).query["error"] == "login_required"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "  \t"}, "Enter a name."),
        ({"name": "x" * 65}, "at most 64"),
        ({"name": "a\x00b"}, "printable"),
        ({"name": "a\u202eb"}, "printable"),
        ({"tier": "gold"}, "no tier of that name"),
        ({"role": "king"}, "no role of that name"),
    ],
)
async def test_a_wrong_field_shows_the_form_again_with_what_is_wrong(browser, fields, problem):
    answer = await browser.fill_in(fields)

    assert answer.status == 400
    assert problem in answer.text


async def test_what_was_typed_comes_back_escaped(browser):
    answer = await browser.fill_in({"name": '"><script>alert(1)</script>' + "x" * 65})

    assert "&quot;&gt;&lt;script&gt;" in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.test", "127.0.0.1.evil.test:80", "10.0.0.1", "", "127.0.0.1:1@evil.test", "[::1"]
)
async def test_a_name_that_is_not_this_machines_is_refused(browser, host):
    answer = await browser.send("GET", "/oidc/.well-known/openid-configuration", headers={"host": host})

    assert answer.status == 403


async def test_another_machine_is_refused(home):
    app = create_issuer(home, stage="local", host="127.0.0.1")
    sent = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/oidc/authorize",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8080")],
        "client": ("192.0.2.7", 1234),
    }

    async def send(message):
        sent.append(message)

    await app(scope, None, send)  # type: ignore[arg-type]

    assert sent[0]["status"] == 403


@pytest.mark.parametrize("stage", ["dev", "prod", ""])
def test_it_does_not_start_in_a_deployed_stage(home, stage):
    with pytest.raises(ValueError, match="must not run"):
        create_issuer(home, stage=stage, host="127.0.0.1")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_it_does_not_start_on_an_address_that_others_reach(home, host):
    with pytest.raises(ValueError, match="must not listen"):
        create_issuer(home, stage="local", host=host)


@pytest.mark.parametrize("origin", ["https://evil.test", "http://evil.test:5173", "http://127.0.0.1:5173/", "*"])
def test_it_sends_nobody_to_another_machine(home, origin):
    with pytest.raises(ValueError, match="loopback"):
        create_issuer(home, stage="local", host="127.0.0.1", other_origins=[origin])


@pytest.mark.parametrize("arguments", [{"user": ""}, {"user": "a", "tier": "gold"}, {"user": "a", "roles": ["king"]}])
def test_no_token_is_issued_for_what_cannot_be(home, arguments):
    with pytest.raises(ValueError):
        issue_token(home, **arguments)


async def test_its_tables_are_bounded(home):
    store = IssuerStore(issuer_folder(home))
    store.open_session(person_named("ada"))
    with closing(sqlite3.connect(issuer_folder(home) / "issuer.sqlite3")) as database, database:
        database.executemany(
            "INSERT INTO sessions SELECT ? || hash, subject, name, tier, roles, signed_in_at, expires_at FROM sessions LIMIT 1",
            [(str(index),) for index in range(1500)],
        )

    store.open_session(person_named("grace"))

    with closing(sqlite3.connect(issuer_folder(home) / "issuer.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1000


async def test_unknown_paths_and_methods_are_errors_in_the_usual_shape(browser):
    unknown = await browser.send("GET", "/oidc/unknown")
    method = await browser.send("DELETE", "/oidc/token")

    assert (unknown.status, json.loads(unknown.text)["error"]["code"]) == (404, "unknown_url")
    assert (method.status, json.loads(method.text)["error"]["code"]) == (405, "method_not_allowed")
