"""What the functions see, and what they answer."""

import asyncio
import json

import aiohttp
import pytest

from parley.accounts.model import Role, Tier, identity_from_request_context, user_id_for


async def test_the_verdict_reaches_the_chat_function_as_lambda_web_adapter_puts_it(stack, client):
    headers = stack.bearer(user="ada", tier="pro", roles=["admin"])
    async with client.get("/v1/models", headers=headers) as response:
        assert response.status == 200

    context = stack.functions.context
    identity = identity_from_request_context(context["authorizer"])
    assert (identity.tier, identity.roles) == (Tier.PRO, {Role.ADMIN})
    assert context["authorizer"]["principalId"] == str(identity.user_id)
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["requestId"] == response.headers["x-request-id"]


async def test_the_verdict_reaches_the_history_function_as_mangum_puts_it(stack, client):
    async with client.get("/v1/conversations?limit=2", headers=stack.bearer(user="ada")) as response:
        assert response.status == 200

    event = stack.functions.last["aws.event"]
    assert identity_from_request_context(event["requestContext"]["authorizer"]).tier is Tier.FREE
    assert (event["path"], event["httpMethod"]) == ("/v1/conversations", "GET")
    assert stack.functions.last["query_string"] == b"limit=2"


async def test_two_users_are_two_identities_and_the_same_name_is_one(stack, client):
    seen = []
    for user in ("ada", "ADA", "grace"):
        async with client.get("/v1/models", headers=stack.bearer(user=user)):
            seen.append(stack.functions.context["authorizer"]["user_id"])

    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/models", "/v1/models/org/name", "/v1/responses/resp_1/cancel", "/v1/conversations"],
)
async def test_every_route_of_the_api_reaches_a_function(stack, client, path):
    async with client.post(path, headers=stack.bearer(), data=b"body") as response:
        assert response.status == 200

    scope, body = stack.functions.seen[-1]
    assert (scope["path"], body) == (path, b"body")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/conversations"])
@pytest.mark.parametrize("name", ["x-amzn-request-context", "X-Amzn-Request-Context", "x-amzn-lambda-context"])
async def test_a_context_that_a_client_sends_is_dropped(stack, client, path, name):
    forged = json.dumps({"authorizer": {"user_id": str(user_id_for("local", "victim")), "tier": "enterprise"}})
    async with client.get(path, headers=stack.bearer(user="mallory") | {name: forged}) as response:
        assert response.status == 200

    scope = stack.functions.last
    assert forged.encode() not in [value for _, value in scope["headers"]]
    event = scope.get("aws.event") or {"requestContext": stack.functions.context, "headers": {}}
    assert event["requestContext"]["authorizer"]["tier"] == "free"
    assert not any(each.lower().startswith("x-amzn") for each in event["headers"])


@pytest.mark.parametrize("path", ["/v1/models", "/v1/conversations"])
async def test_a_forged_context_without_a_token_is_nobody(stack, client, path):
    forged = json.dumps({"authorizer": {"user_id": str(user_id_for("local", "victim"))}})
    async with client.get(path, headers={"x-amzn-request-context": forged}) as response:
        assert response.status == 401


async def test_a_stream_passes_through_chunk_by_chunk(stack, client):
    async with client.post("/v1/chat/completions/stream", headers=stack.bearer()) as response:
        assert await response.content.readany() == b"first"
        stack.functions.go_on.set()
        assert await response.content.read() == b"second"


async def test_a_client_that_leaves_is_seen_by_the_function(stack, client):
    asking = asyncio.create_task(client.post("/v1/chat/completions/wait", headers=stack.bearer()))
    while not stack.functions.seen or not stack.functions.last["path"].endswith("/wait"):
        await asyncio.sleep(0.005)

    asking.cancel()

    async with asyncio.timeout(5):
        await stack.functions.has_left.wait()


async def test_a_bug_in_a_function_is_an_error_in_the_usual_shape(stack, client):
    async with client.get("/v1/models/bug", headers=stack.bearer()) as response:
        document = await response.json()

    assert (response.status, document["error"]["code"]) == (500, "internal_error")
    assert "x-request-id" in response.headers


async def test_an_answer_that_breaks_off_does_not_look_complete(stack, client):
    with pytest.raises(aiohttp.ClientPayloadError):
        async with client.get("/v1/models/late-bug", headers=stack.bearer()) as response:
            await response.read()


async def test_an_answer_has_one_request_id_and_keeps_the_functions_own_policies(stack, client):
    headers = stack.bearer() | {"x-request-id": "the client's"}
    async with client.get("/v1/models/own-id", headers=headers) as response:
        await response.read()

    ids = response.headers.getall("x-request-id")
    assert len(ids) == 1
    assert ids[0] not in {"the function's", "the client's"}
    assert response.headers.getall("referrer-policy") == ["no-referrer"]


async def test_request_ids_differ(stack, client):
    ids = set()
    for _ in range(5):
        async with client.get("/healthz") as response:
            ids.add(response.headers["x-request-id"])

    assert len(ids) == 5


async def test_the_functions_run_within_the_gateways_lifespan(stack, client):
    assert stack.is_running
