"""API Gateway's part: REST proxy events, and an ASGI call as Mangum makes it of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import orjson
from fastapi import FastAPI

from parley.ids import UserId, new_uuid


def request_context(user_id: UserId | None, verdict: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`verdict` stands for what else the authorizer said of the user."""
    authorizer = {"principalId": str(user_id), "user_id": str(user_id), "tier": "free", "roles": "", **(verdict or {})}
    context = {"requestId": str(uuid4()), "identity": {"sourceIp": "127.0.0.1"}, "stage": "v1"}
    return context | ({"authorizer": authorizer} if user_id else {})


def rest_event(method: str, path: str, *, user_id: UserId | None = None, body: str | None = None) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html (REST, input format)"""
    parts = urlsplit(path)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if pair)
    return {
        "resource": "/v1/conversations/{proxy+}",
        "path": parts.path,
        "httpMethod": method,
        "headers": {"Host": "api.example.com", "X-Forwarded-Proto": "https", "Content-Type": "application/json"},
        "multiValueHeaders": {"Host": ["api.example.com"], "X-Forwarded-Proto": ["https"]},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": request_context(user_id),
        "body": body,
        "isBase64Encoded": False,
    }


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error of a well-formed refusal."""
        assert self.status >= 400, self.json
        assert self.headers["content-type"] == "application/json"
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"]
        return error


@dataclass(frozen=True, slots=True)
class Api:
    """Calls an application the way Mangum does."""

    app: FastAPI

    async def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        query: bytes = b"",
        user_id: UserId | None = None,
        verdict: Mapping[str, str] | None = None,
        added_headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> Reply:
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": None,
            "root_path": "",
            "query_string": query,
            "headers": [(b"host", b"api.example.com"), (b"content-type", b"application/json"), *added_headers],
            "server": ("api.example.com", 443),
            "client": ("127.0.0.1", 0),
            "aws.event": {"requestContext": request_context(user_id, verdict)},
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:]))


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user."""

    api: Api
    user_id: UserId = field(default_factory=lambda: UserId(new_uuid()))
    verdict: Mapping[str, str] = field(default_factory=dict)

    async def get(self, path: str, **query: object) -> Reply:
        return await self.api.call(
            "GET", path, query=urlencode(query).encode(), user_id=self.user_id, verdict=self.verdict
        )

    async def post(self, path: str, document: object) -> Reply:
        return await self.send(path, orjson.dumps(document))

    async def send(self, path: str, body: bytes, query: str = "") -> Reply:
        return await self.api.call("POST", path, body, query.encode(), user_id=self.user_id, verdict=self.verdict)

    async def delete(self, path: str) -> Reply:
        return await self.api.call("DELETE", path, user_id=self.user_id, verdict=self.verdict)

    async def create(self, **fields: object) -> str:
        """The path of a new conversation."""
        reply = await self.post("/v1/conversations", fields)
        assert reply.status == 200, reply.json
        return f"/v1/conversations/{reply.json['id']}"

    async def create_with(self, *texts: str) -> str:
        """The path of a new conversation in which the user said `texts`."""
        return await self.create(items=[{"role": "user", "content": text} for text in texts])


def texts_of(reply: Reply) -> list[str]:
    """The first text of each listed item; "" of an empty one."""
    return [(item["content"] or [{"text": ""}])[0]["text"] for item in reply.json["data"]]
