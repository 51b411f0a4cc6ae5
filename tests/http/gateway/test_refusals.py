"""What no function ever sees. Nothing a client sends may become a 500."""

import asyncio
import json
import time

import jwt
import pytest

from local.oidc import CLIENT_ID, ISSUER
from local.oidc.keys import load_key
from local.oidc.tokens import issuer_folder
from parley.errors import IssuerUnavailable
from tests.http.gateway.functions import SMALL_LIMIT_BYTES
from tests.unit.accounts.issuer import OTHER_RSA_KEY


async def error_of(response) -> dict:
    return (await response.json())["error"]


async def send_raw(stack, request: bytes) -> tuple[int, bytes]:
    """The status and body of what the server answers to bytes that no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else await reader.read()
        return int(head.split()[1]), body
    finally:
        writer.close()
        await writer.wait_closed()


def forged(stack, **claims) -> str:
    """A token of the right shape for which the issuer's key is not used."""
    now = int(time.time())
    told = {"iss": ISSUER, "sub": "x", "client_id": CLIENT_ID, "token_use": "access", "iat": now, "exp": now + 60}
    key_id = load_key(issuer_folder(stack.home)).jwk["kid"]
    return jwt.encode(told | claims, OTHER_RSA_KEY, algorithm="RS256", headers={"kid": key_id})


def signed(stack, **claims) -> str:
    """A token that the issuer's key really signed, with claims of the test's choice."""
    now = int(time.time())
    told = {"iss": ISSUER, "sub": "x", "client_id": CLIENT_ID, "token_use": "access", "iat": now, "exp": now + 60}
    return load_key(issuer_folder(stack.home)).sign(told | claims)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer a.b.c",
        "Bearer sk-1234",
        "Bearer " + "a" * 9000,
        "Bearer ü",
        "\x01",
    ],
)
async def test_what_is_no_token_is_a_401_in_the_usual_shape(stack, client, authorization):
    request = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: " + authorization.encode() + b"\r\n\r\n"

    status, body = await send_raw(stack, request)

    if authorization == "\x01":  # the parser itself refuses a control character
        assert status == 400
        return
    assert status == 401
    assert json.loads(body)["error"]["code"] == "invalid_api_key"
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


async def test_no_header_at_all_is_a_401(client):
    async with client.get("/v1/conversations") as response:
        assert (response.status, (await error_of(response))["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1}, {"iss": "urn:other"}, {"client_id": "other"}, {"aud": "other"}, {"token_use": "id"}, {"sub": 7}],
)
async def test_a_token_that_does_not_hold_is_a_401(stack, client, claims):
    headers = {"authorization": f"Bearer {signed(stack, **claims)}"}
    async with client.get("/v1/models", headers=headers) as response:
        assert (response.status, (await error_of(response))["code"]) == (401, "invalid_api_key")


async def test_a_forged_token_is_a_401(stack, client):
    async with client.get("/v1/models", headers={"authorization": f"Bearer {forged(stack)}"}) as response:
        assert response.status == 401


async def test_two_authorization_headers_are_a_401(stack, client):
    good = stack.bearer()["authorization"]
    headers = [("authorization", good), ("authorization", "Bearer x.y.z")]
    async with client.get("/v1/models", headers=headers) as response:
        assert response.status == 401


@pytest.mark.parametrize("error", [IssuerUnavailable("down"), RuntimeError("misconfigured")])
async def test_an_authorizer_that_cannot_judge_is_a_503_that_clients_try_again(stack, client, error):
    def fail(_event, _context):
        raise error

    working, stack.authorizer = stack.authorizer, fail
    try:
        async with client.get("/v1/models", headers=stack.bearer()) as response:
            assert (response.status, (await error_of(response))["code"]) == (503, "issuer_unavailable")
            assert response.headers["retry-after"] == "1"
    finally:
        stack.authorizer = working


async def test_a_policy_that_denies_is_a_403(stack, client):
    statement = {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": "*"}

    def deny(_event, _context):
        return {"principalId": "x", "policyDocument": {"Statement": [statement]}, "context": {}}

    working, stack.authorizer = stack.authorizer, deny
    try:
        async with client.get("/v1/models", headers=stack.bearer()) as response:
            assert (response.status, (await error_of(response))["code"]) == (403, "permission_denied")
    finally:
        stack.authorizer = working


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1", 404, "unknown_url"),
        ("GET", "/v1/", 404, "unknown_url"),
        ("POST", "/v1/embeddings", 404, "unknown_url"),
        ("GET", "/v1/modelsx", 404, "unknown_url"),
        ("GET", "/v1//models", 404, "unknown_url"),
        ("GET", "/v1/chat", 404, "unknown_url"),
        ("GET", "/nothing", 404, "unknown_url"),
        ("GET", "/oidc/nothing", 404, "unknown_url"),
        ("POST", "/", 405, "method_not_allowed"),
        ("DELETE", "/config.json", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/embeddings", 404, "unknown_url"),
    ],
)
async def test_what_is_not_there_says_so(client, method, path, status, code):
    async with client.request(method, path) as response:
        assert (response.status, (await error_of(response))["code"]) == (status, code)


async def test_an_announced_body_over_the_limit_is_refused_unread(stack, client):
    async with client.post("/v1/models", headers=stack.bearer(), data=b"x" * (SMALL_LIMIT_BYTES + 1)) as response:
        assert (response.status, (await error_of(response))["code"]) == (413, "request_too_large")


async def test_a_chunked_body_over_the_limit_is_refused_too(stack, client):
    async def chunks():
        for _ in range(SMALL_LIMIT_BYTES // 1000 + 1):
            yield b"x" * 1000

    async with client.post("/v1/models", headers=stack.bearer(), data=chunks()) as response:
        assert (response.status, (await error_of(response))["code"]) == (413, "request_too_large")


async def test_a_body_of_exactly_the_limit_passes(stack, client):
    async with client.post("/v1/models", headers=stack.bearer(), data=b"x" * SMALL_LIMIT_BYTES) as response:
        assert response.status == 200


async def test_a_body_without_a_token_is_refused_before_it_is_read(client):
    async with client.post("/v1/models", data=b"x" * SMALL_LIMIT_BYTES) as response:
        assert response.status == 401


@pytest.mark.parametrize("header", [{"x-huge": "a" * 11_000}, {f"x-{n}": "a" * 100 for n in range(110)}])
async def test_headers_over_api_gateways_limit_are_refused(stack, client, header):
    async with client.get("/v1/models", headers=stack.bearer() | header) as response:
        assert (response.status, (await error_of(response))["code"]) == (413, "request_too_large")


async def test_cookies_of_other_servers_on_this_host_do_no_harm(client):
    async with client.get("/healthz", headers={"cookie": "a=" + "b" * 20_000}) as response:
        assert response.status in {200, 503}


async def test_a_huge_url_is_refused(client):
    async with client.get("/" + "a" * 9000) as response:
        assert (response.status, (await error_of(response))["code"]) == (413, "request_too_large")


PATHS = [
    b"/%ff%fe",
    b"/v1/models/%ff",
    b"/v1/conversations/%00",
    b"/%00",
    b"/../../etc/passwd",
    b"/..%2f..%2fetc%2fpasswd",
    b"/assets/../../secret.txt",
    b"/assets/%2e%2e/%2e%2e/secret.txt",
    b"/assets/..%5c..%5csecret.txt",
    b"//etc/passwd",
    b"/c/../secret.txt",
    b"/secret.txt",
    b"/assets",
    b"/assets/",
    b"/index.html/",
    b"/silent/",
    b"/C:/windows",
    b"/?%ff=%ff",
    b"/oidc/%ff",
    b"/oidc/../secret.txt",
    b"/v1/../healthz",
    b"*",
    b"http://evil.test/v1/models",
    b"/\xff\xfe",
    b"/v1/models/\xc3\x28",
    b"/v1/models?\xff",
    b"/%",
    b"/%zz",
    b"/\xe2\x80\xae",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS"])
async def test_no_path_leads_outside_nor_to_a_500(stack, client, path, method):
    token = stack.token().encode()
    head = b"%s %s HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer %s\r\n" % (method, path, token)

    status, body = await send_raw(stack, head + b"content-length: 0\r\nconnection: close\r\n\r\n")

    assert status < 500
    assert b"treasure" not in body
    assert b"root:" not in body


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /config.json HTTP/1.1\r\nhost: \xff\xfe\r\nconnection: close\r\n\r\n",
        b"GET /config.json HTTP/1.1\r\nhost: evil.test\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: a\r\norigin: \xff\r\naccess-control-request-method: GET\r\nconnection: close\r\n\r\n",
        b"POST /v1/models HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\nconnection: close\r\n\r\n",
        b"POST /v1/models HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999999\r\nconnection: close\r\n\r\n",
        b"POST /v1/models HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nif-none-match: \xff\r\naccept-encoding: \xff\r\nconnection: close\r\n\r\n",
        b"BREW / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    ],
)
async def test_no_head_leads_to_a_500(stack, client, head):
    status, _ = await send_raw(stack, head)

    assert status < 500


async def test_a_client_that_leaves_in_the_middle_of_its_body_does_no_harm(stack, client, caplog):
    _, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    head = f"POST /v1/models HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {stack.token()}\r\ncontent-length: 100\r\n\r\nhalf"
    writer.write(head.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    async with client.get("/v1/models", headers=stack.bearer()) as response:
        assert response.status == 200
    assert "internal_error" not in caplog.text
