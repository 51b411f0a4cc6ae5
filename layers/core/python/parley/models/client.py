"""An engine with OpenAI's protocol over HTTP: its models, its tokenizer, its streams."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import uniform
from typing import Any, cast

import aiohttp
import orjson

from parley.errors import ChatError, ContextLengthExceeded, EngineFailed, EngineUnavailable, InvalidRequest
from parley.kit.breaker import Breaker
from parley.models.dialect import in_dialect
from parley.models.model import ENGINE_POOL, Affinity, Delta, Dialect, Model, Pool
from parley.models.stream import StallGuard, busy, first_words, read_deltas
from parley.settings import EngineSettings

# Control calls are small and the engine answers them beside its batches.
_CONTROL_WITHIN_S = 5
_CONTROL_LIMITS = aiohttp.ClientTimeout(total=_CONTROL_WITHIN_S)
# What proxies say of an engine behind them that is starting, stopping or overrun, and has not begun to answer.
_NOT_BEGUN = {502, 503, 504}
# vLLM closes a connection that was idle for 5 s (uvicorn's default). A request sent just then would be lost.
_KEEP_ALIVE_S = 4
_RETRY_AFTER_S = (0.05, 0.25)
# What vllm-router 0.1.17 says, with a status of 500, when no worker took the request.
_ROUTER_REACHED_NOBODY = b"Request failed"

_AWAY = "The model is not reachable just now. Try again in a moment."


class _EngineAway(EngineUnavailable):
    """It cannot be reached: unlike one that is reached and has no room."""

    def __init__(self, retry_after_s: int = 5) -> None:
        super().__init__(_AWAY, retry_after_s=retry_after_s)


class Engine:
    """What serves a pool. Its methods raise EngineUnavailable when it cannot be reached, EngineFailed when it talks nonsense.

    An engine that could not be reached several times in a row is not asked at all for a moment.
    """

    def __init__(self, session: aiohttp.ClientSession, pool: Pool, settings: EngineSettings) -> None:
        self.pool = pool
        self._session = session
        self._url = pool.url
        self._root = pool.url.removesuffix("/v1")
        self._default_context_tokens = settings.engine_context_tokens
        self._stream_limits = aiohttp.ClientTimeout(total=None, sock_connect=settings.engine_connect_timeout_s)
        self._read_timeout_s = settings.engine_read_timeout_s
        self._has_tokenizer = pool.dialect is not Dialect.OPENAI
        self._breaker = Breaker(_EngineAway, lambda error: isinstance(error, _EngineAway))

    async def list_models(self) -> list[Model]:
        """What the engine serves now, with the context length it really has."""
        listed = await self._get_json(f"{self._url}/models")
        props = await self._props()
        try:
            return [self._model(entry, props) for entry in listed["data"]]
        except (KeyError, TypeError, ValueError) as error:
            raise EngineFailed("The engine's list of models is not in OpenAI's shape.") from error

    async def count_tokens(self, model: str, text: str) -> int:
        """Tokens of `text` by the model's own tokenizer, without its chat template.

        A server that offers no tokenizer (Ollama, hosted providers) gets the number of UTF-8 bytes instead: byte-level
        tokenizers never make more tokens than bytes, so a prompt may turn out shorter than it could be, never too long.
        """
        if not text:
            return 0
        if self._has_tokenizer:
            # llama.cpp reads `content`, vLLM `prompt`; each passes over the other's fields.
            body = {"content": text, "prompt": text, "model": model, "add_special": False, "add_special_tokens": False}
            answer = await self._post_control(f"{self._root}/tokenize", body)
            if answer is not None:
                return len(answer["tokens"])
            self._has_tokenizer = False
        return len(text.encode())

    async def count_prompt_tokens(self, request: Mapping[str, Any]) -> int:
        """Tokens of a chat request's prompt, template included; 0 where the server cannot tell."""
        if not self._has_tokenizer:
            return 0
        rendered = await self._post_control(f"{self._root}/apply-template", _template_fields(request))
        if rendered is not None:  # llama.cpp
            return await self.count_tokens(str(request["model"]), rendered["prompt"])
        counted = await self._post_control(f"{self._root}/tokenize", _template_fields(request))
        return int(counted["count"]) if counted is not None and "count" in counted else 0  # vLLM

    @asynccontextmanager
    async def stream_chat(
        self, request: Mapping[str, Any], affinity: Affinity | None = None
    ) -> AsyncGenerator[AsyncGenerator[Sequence[Delta]]]:
        """The engine's answer to a chat completion request, as batches of what arrived together.

        Entering waits for the engine's status. Leaving early closes the connection, which aborts the generation.
        Raises, on entering: InvalidRequest or ContextLengthExceeded when the engine refuses the request itself.
        Raises, while iterating: EngineFailed when the stream breaks, stalls or ends without a finish reason.
        """
        url = f"{self._url}/chat/completions"
        body, headers = in_dialect(self.pool.dialect, request, affinity)
        response = await self._send(
            "POST", url, body, within_s=self._read_timeout_s, limits=self._stream_limits, headers=headers
        )
        async with response, StallGuard(response.content, self._read_timeout_s) as guard:
            if response.status != 200:
                raise _refusal(response.status, await _beginning(response), response.headers)
            yield read_deltas(await first_words(response.content), response.content, guard)

    async def _props(self) -> Mapping[str, Any]:
        """llama.cpp tells a slot's context length here; other servers have no such page."""
        try:
            return await self._get_json(f"{self._root}/props")
        except EngineFailed:
            return {}

    def _model(self, entry: Mapping[str, Any], props: Mapping[str, Any]) -> Model:
        slot: Mapping[str, Any] = props.get("default_generation_settings") or {}
        context_tokens: Any = entry.get("max_model_len") or slot.get("n_ctx") or self._default_context_tokens
        return Model(
            entry["id"],
            int(context_tokens),
            int(entry.get("created") or 0),
            str(entry.get("owned_by") or "engine"),
            pool=self.pool.name,
        )

    async def _get_json(self, url: str) -> Mapping[str, Any]:
        status, body = await self._control("GET", url)
        if status != 200:
            raise _control_failure(status, body)
        return _object(body)

    async def _post_control(self, url: str, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer, or None where the server has no such route."""
        status, answer = await self._control("POST", url, body)
        if status in {404, 405}:
            return None
        if status != 200:
            raise _control_failure(status, answer)
        return _object(answer)

    async def _control(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        response = await self._send(method, url, body, within_s=_CONTROL_WITHIN_S, limits=_CONTROL_LIMITS)
        async with response:
            try:
                return response.status, await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _EngineAway from error

    async def _send(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        *,
        within_s: float,
        limits: aiohttp.ClientTimeout,
        headers: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        """The response, its body unread, within `within_s`; to be closed.

        Asks once more where nothing can have been generated: no connection was made, or a proxy found no engine. A request
        that got as far as the engine is never sent twice. Raises: EngineUnavailable; EngineFailed for what is no HTTP.
        """
        sent = _Sent(method, url, None if body is None else orjson.dumps(body), headers, limits)
        with self._breaker.attempt():
            try:
                async with asyncio.timeout(within_s):
                    response = await self._send_once(sent)
                    if response is None:
                        await asyncio.sleep(uniform(*_RETRY_AFTER_S))  # noqa: S311 -- no secret
                        response = await self._request(sent)
            except (aiohttp.ClientConnectionError, TimeoutError) as error:
                raise _EngineAway from error
            except aiohttp.ClientError as error:
                raise EngineFailed("The engine did not answer with HTTP.") from error
            if response.status in {502, 504}:
                response.close()
                raise _EngineAway
            return response

    async def _send_once(self, sent: "_Sent") -> aiohttp.ClientResponse | None:
        """None where another attempt does no harm and may do better."""
        try:
            response = await self._request(sent)
        except aiohttp.ClientConnectorError:
            return None
        if response.status not in _NOT_BEGUN or "retry-after" in response.headers:
            return response
        response.close()
        return None

    async def _request(self, sent: "_Sent") -> aiohttp.ClientResponse:
        return await self._session.request(
            sent.method, sent.url, data=sent.data, headers=sent.headers, timeout=sent.limits
        )


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request as it is sent, once or again."""

    method: str
    url: str
    data: bytes | None
    headers: Mapping[str, str] | None
    limits: aiohttp.ClientTimeout


class Engines:
    """The engines of all pools, each with connections of its own."""

    def __init__(self, engines: Iterable[Engine]) -> None:
        self._of_pool = {engine.pool.name: engine for engine in engines}

    def of(self, model: Model) -> Engine:
        return self._of_pool[model.pool]

    def of_pool(self, name: str) -> Engine:
        return self._of_pool[name]

    async def ping(self) -> None:
        """Raises: EngineUnavailable, EngineFailed unless every pool answers."""
        for engine in self._of_pool.values():
            await engine.list_models()


@asynccontextmanager
async def open_engine(
    settings: EngineSettings, pool: Pool | None = None, api_key: str | None = None
) -> AsyncGenerator[Engine]:
    """An engine client whose connections close with it. There is no limit on streams at once: admission is not its task.

    Without a `pool` it is the one of ENGINE_URL.
    """
    headers = {"content-type": "application/json"}
    if api_key is not None:
        headers["authorization"] = f"Bearer {api_key}"
    connector = (
        aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S)
        if settings.engine_reuse_connections
        else aiohttp.TCPConnector(limit=0, force_close=True)
    )
    async with aiohttp.ClientSession(connector=connector, headers=headers, auto_decompress=False) as session:
        yield Engine(session, pool or engine_pool(settings), settings)


@asynccontextmanager
async def open_engines(
    settings: EngineSettings, pools: Sequence[Pool], api_keys: Mapping[str, str]
) -> AsyncGenerator[Engines]:
    """One engine a pool. `api_keys` by the name of their pool."""
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(open_engine(settings, pool, api_keys.get(pool.name))) for pool in pools
        ]
        yield Engines(opened)


def engine_pool(settings: EngineSettings) -> Pool:
    """The pool of ENGINE_URL."""
    assert settings.engine_url is not None
    return Pool(ENGINE_POOL, settings.engine_url)


def _template_fields(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: request[name] for name in ("model", "messages", "tools") if name in request}


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Of a refusal's body, as much as is worth reading. Raises: EngineUnavailable."""
    try:
        return await response.content.read(64 * 1024)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _EngineAway from error


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise EngineFailed("The engine did not answer with JSON.") from error
    if not isinstance(document, dict):
        raise EngineFailed("The engine did not answer with a JSON object.")
    return cast("Mapping[str, Any]", document)


def _refusal(status: int, body: bytes, headers: Mapping[str, str]) -> ChatError:
    """What a status other than 200 means to the one who asked."""
    if status == 400:
        message = _message(body)
        if "context" in message.lower() and ("exceed" in message.lower() or "maximum" in message.lower()):
            return ContextLengthExceeded("The messages are longer than the model's context.", param="messages")
        return InvalidRequest(f"The model refused the request: {message}")
    if status in {429, 503}:
        retry_after = headers.get("retry-after", "")
        return busy(int(retry_after) if retry_after.isdigit() else 5)
    if _is_nobody_there(status, body):
        return _EngineAway()
    return EngineFailed(f"The model could not answer (engine status {status}).")


def _control_failure(status: int, body: bytes) -> ChatError:
    """As `_refusal`, but for what no client has asked for."""
    if status in {429, 503}:
        return busy()
    if _is_nobody_there(status, body):
        return _EngineAway()
    return EngineFailed(f"The engine answered {status} to a control request.")


def _is_nobody_there(status: int, body: bytes) -> bool:
    return status == 500 and body.startswith(_ROUTER_REACHED_NOBODY)


def _message(body: bytes) -> str:
    try:
        document = orjson.loads(body)
        error = document.get("error", document)
        return str(error.get("message", "no reason given"))[:500]
    except (orjson.JSONDecodeError, AttributeError):
        return "no reason given"
