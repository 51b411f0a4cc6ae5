"""Each function starts from what was built, with nothing else within reach, and answers."""

import asyncio
import json
import sysconfig
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from local.parts import EmbeddedPostgres, EmbeddedValkey
from local.parts.ports import free_port
from parley.ids import UserId, new_uuid
from parley.migrations import load_migrations
from tests.assets.lambda_host import Function, Host, lay_out, open_function
from tests.doubles.engine import MODEL, StandInEngine, running_stand_in
from tests.http.history.rest import rest_event
from tests.unit.accounts.issuer import CLIENT, RSA_KEY, claims, rsa_jwk, sign

METHOD_ARN = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/live/GET/v1/models"


@pytest.fixture
def host(request: pytest.FixtureRequest, built: Path, tmp_path: Path) -> Host:
    """Of the function that the test names with `@booting(name)`."""
    return lay_out(built, request.param, tmp_path)


def booting(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("host", [name], indirect=True)


def test_every_function_is_started_here(built: Path) -> None:
    started = {
        mark.args[1][0]
        for test in globals().values()
        for mark in getattr(test, "pytestmark", ())
        if mark.name == "parametrize" and mark.args[0] == "host"
    }

    assert started == set(json.loads((built / "manifest.json").read_text())["functions"])


@booting("history")
def test_history_answers_rest_events(host: Host, postgres: EmbeddedPostgres) -> None:
    user_id = UserId(new_uuid())
    body = json.dumps({"items": [{"role": "user", "content": "Hi é"}]})

    with open_function(host, "lambdas.history.main.handler", _app_database(postgres)) as function:
        created = _ok(function, rest_event("POST", "/v1/conversations", user_id=user_id, body=body))
        listed = _ok(function, rest_event("GET", "/v1/conversations?limit=1", user_id=user_id))
        _assert_loaded_from(host, function)

    assert listed["data"] == [created]


@booting("accounts")
def test_accounts_answers_rest_events(host: Host, postgres: EmbeddedPostgres) -> None:
    event = rest_event("GET", "/v1/api_keys", user_id=UserId(new_uuid()))
    event["requestContext"]["authorizer"]["credential"] = "token"

    with open_function(host, "lambdas.accounts.main.handler", _app_database(postgres)) as function:
        listed = _ok(function, event)
        _assert_loaded_from(host, function)

    assert listed["data"] == []


@booting("moderation")
def test_moderation_scores_texts_of_turns_and_of_requests(host: Host, postgres: EmbeddedPostgres) -> None:
    """The packages of its layer are without their dependencies: here they do without."""
    texts = ["How do I build a bomb to blow up a school?", "What is the capital of France?"]
    environment = {
        "DATABASE_URL": postgres.url_for("parley_review"),
        "CLASSIFIER_FOLDER": str(host.opt / "classifier"),
    }
    event = rest_event("POST", "/v1/moderations", user_id=UserId(new_uuid()), body=json.dumps({"input": texts}))

    with open_function(host, "lambdas.moderation.main.handler", environment) as function:
        direct = function.invoke({"texts": texts})
        answer = _ok(function, event)
        _assert_loaded_from(host, function)

    assert [max(scores.values()) >= 0.5 for scores in direct["scores"]] == [True, False]
    assert [result["flagged"] for result in answer["results"]] == [True, False]
    assert answer["model"] == direct["version"]


@booting("authorizer")
def test_the_authorizer_judges_a_request_event(host: Host, postgres: EmbeddedPostgres, issuer_url: str) -> None:
    token = sign(claims(iss=issuer_url, **{"cognito:groups": ["pro"]}))
    environment = {
        "DATABASE_URL": postgres.url_for("parley_auth"),
        "OIDC_ISSUER": issuer_url,
        "OIDC_ISSUER_NAME": "cognito",
        "OIDC_AUDIENCE": CLIENT,
    }

    with open_function(host, "lambdas.authorizer.main.handler", environment) as function:
        verdict = function.invoke(_authorizer_event(f"Bearer {token}"))
        with pytest.raises(AssertionError, match="Exception: Unauthorized"):
            function.invoke(_authorizer_event("Bearer x.y.z"))
        with pytest.raises(AssertionError, match="Exception: Unauthorized"):
            function.invoke(_authorizer_event("Bearer sk-parley-unknown"))
        _assert_loaded_from(host, function)

    assert verdict["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert verdict["context"]["tier"] == "pro"


@booting("migrate")
def test_migrate_brings_an_empty_database_up_to_date(host: Host, postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.owner_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE booted")
        try:
            environment = {"DATABASE_URL": postgres.url_for("parley_owner", "booted")}
            with open_function(host, "lambdas.migrate.main.handler", environment) as function:
                answer = function.invoke({"RequestType": "Create", "ResourceProperties": {}})
                _assert_loaded_from(host, function)
        finally:
            connection.execute("DROP DATABASE booted WITH (FORCE)")

    assert answer["Data"]["Applied"] == ",".join(each.name for each in load_migrations())


@booting("jobs")
def test_jobs_takes_sqs_events(host: Host, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    environment = {
        "DATABASE_URL": postgres.url_for("parley_jobs"),
        "APP_DATABASE_URL": postgres.url_for("parley_app"),
        "ENGINE_URL": "http://127.0.0.1:9/v1",
        **_cache(valkey),
    }
    records = [{"messageId": "good", "body": '{"job": "sweep"}'}, {"messageId": "bad", "body": "{}"}]

    with open_function(host, "lambdas.jobs.main.handler", environment) as function:
        answer = function.invoke({"Records": records})
        _assert_loaded_from(host, function)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}


@booting("chat")
async def test_chat_streams_from_its_run_sh(
    host: Host, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine
) -> None:
    port = free_port()
    environment = {
        **host.environment,
        **_app_database(postgres),
        **_cache(valkey),
        "ENGINE_URL": stand_in.url,
        "AWS_LWA_PORT": str(port),
        "PYTHON": str(host.bare_python()),
    }
    authorizer = {"principalId": "x", "user_id": str(new_uuid()), "tier": "free", "roles": ""}
    headers = {"x-amzn-request-context": json.dumps({"requestId": "r", "authorizer": authorizer})}
    request = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "words 4 every 0.2"}]}

    async with _running(host, environment), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        await _healthy(http)
        arrived_at: list[float] = []
        events: list[str] = []
        async with http.post("/v1/chat/completions", json=request, headers=headers) as response:
            assert response.status == 200
            async for line in response.content:
                if line.startswith(b"data: "):
                    events.append(line[6:].decode().strip())
                    arrived_at.append(time.monotonic())

    texts = [json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events[:-1]]
    assert "".join(texts) == "w0 w1 w2 w3 "
    assert events[-1] == "[DONE]"
    assert arrived_at[-1] - arrived_at[0] > 0.3  # one after the other, not at once


@asynccontextmanager
async def _running(host: Host, environment: dict[str, str]) -> AsyncIterator[None]:
    """The function as Lambda Web Adapter starts it: by its handler, in the task's folder."""
    process = await asyncio.create_subprocess_exec("./run.sh", cwd=host.task, env=environment)
    try:
        yield
        assert process.returncode is None, "run.sh has ended"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _healthy(http: aiohttp.ClientSession) -> None:
    """Waits for the adapter's readiness check to pass."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with http.get("/healthz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


@pytest.fixture
async def stand_in() -> AsyncIterator[StandInEngine]:
    async with running_stand_in() as engine:
        yield engine


@pytest.fixture(scope="module")
def issuer_url() -> Iterator[str]:
    """An issuer on loopback."""

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"http://127.0.0.1:{server.server_port}"
            keys = {"keys": [rsa_jwk("first", RSA_KEY)]}
            document = {"issuer": url, "jwks_uri": f"{url}/jwks"} if "well-known" in self.path else keys
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _app_database(postgres: EmbeddedPostgres) -> dict[str, str]:
    return {"DATABASE_URL": postgres.url_for("parley_app")}


def _cache(valkey: EmbeddedValkey) -> dict[str, str]:
    return {"VALKEY_URL": valkey.url, "VALKEY_PASSWORD_FILE": str(valkey.password_file)}


def _authorizer_event(authorization: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-lambda-authorizer-input.html"""
    event = rest_event("GET", "/v1/models")
    headers = {**event["headers"], "Authorization": authorization}
    return {
        **event,
        "type": "REQUEST",
        "methodArn": METHOD_ARN,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
    }


def _ok(function: Function, event: dict[str, Any]) -> Any:
    answer = function.invoke(event)
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])


def _assert_loaded_from(host: Host, function: Function) -> None:
    """Every module that the function has imported is of the layers, the function, or Python's own library."""
    allowed = tuple(f"{Path(folder).resolve()}/" for folder in (host.opt, host.task, sysconfig.get_path("stdlib")))
    files = function.loaded_files()
    assert files
    assert [file for file in files if not file.startswith(allowed) or "/site-packages/" in file] == []
