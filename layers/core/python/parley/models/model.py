"""Models, the pools that serve them, and what they generate, in terms of OpenAI's chat protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from parley.errors import UnsupportedParameter

# Chat templates put a few tokens round each message (ChatML and Llama 3 five, Gemma and Mistral no more) and some in front
# of the first (dates, a default system message). These bound them from above; the texts themselves are counted exactly.
TEMPLATE_TOKENS_PER_MESSAGE = 8
TEMPLATE_TOKENS_IN_FRONT = 64


class Dialect(StrEnum):
    """Which of the fields beside OpenAI's first ones a pool takes. `compatible` is any server with the protocol."""

    VLLM = "vllm"
    OPENAI = "openai"
    COMPATIBLE = "compatible"


class Capability(StrEnum):
    """What a request may need that not every model has."""

    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    VISION = "vision"
    REASONING = "reasoning"


@dataclass(frozen=True, slots=True)
class Pool:
    """Where models are served: one base URL, with its `/v1`, behind which stand one engine or many."""

    name: str
    url: str
    dialect: Dialect = Dialect.COMPATIBLE
    api_key_secret_arn: str | None = None

    @property
    def is_watched(self) -> bool:
        """Whether a registrar tells how it is (`PoolState`)."""
        return self.dialect is Dialect.VLLM


@dataclass(frozen=True, slots=True)
class Affinity:
    """Who asks, as far as prefix caches go: turns of one `session` go to one replica, and no two `cache_salt`s share a cache."""

    session: str
    cache_salt: str


@dataclass(frozen=True, slots=True)
class Usage:
    """`cached_tokens` are those of the prompt that the engine found in its prefix cache."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens, which is micro-USD a token."""

    input: float
    cached_input: float
    output: float

    def cost_usd_micros(self, usage: Usage) -> int:
        uncached_tokens = usage.prompt_tokens - usage.cached_tokens
        return round(
            uncached_tokens * self.input
            + usage.cached_tokens * self.cached_input
            + usage.completion_tokens * self.output
        )


# The pool of ENGINE_URL, where no catalogue names others.
ENGINE_POOL = "engine"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a pool serves. `context_tokens` holds prompt and answer together; `created_at` is in Unix seconds.

    `fallbacks` are names of models that may answer in its place, in order. `tiers` None is everybody's. Models of one
    `tokenizer` share what was counted.
    """

    name: str
    context_tokens: int
    created_at: int
    owned_by: str
    pool: str = ENGINE_POOL
    aliases: tuple[str, ...] = ()
    tokenizer: str | None = None
    capabilities: frozenset[Capability] = frozenset(Capability)
    tiers: frozenset[str] | None = None
    fallbacks: tuple[str, ...] = ()
    price: Price | None = None

    @property
    def answer_tokens(self) -> int:
        """What an answer may take where the request does not say: the quarter that prompts leave free."""
        return self.context_tokens // 4

    @property
    def counted_by(self) -> str:
        """The tokenizer that its token counts are kept under."""
        return self.tokenizer or self.name

    def serves(self, tier: str | None) -> bool:
        """Whether users of the tier may ask for it; None is a part of ours, which may."""
        return tier is None or self.tiers is None or tier in self.tiers


def needs_of(parameters: Mapping[str, Any]) -> frozenset[Capability]:
    """What a chat completion request with these parameters needs of its model."""
    needs: set[Capability] = set()
    if parameters.get("tools"):
        needs.add(Capability.TOOLS)
    response_format: Mapping[str, Any] = parameters.get("response_format") or {}
    if response_format.get("type") == "json_schema":
        needs.add(Capability.JSON_SCHEMA)
    if parameters.get("reasoning_effort"):
        needs.add(Capability.REASONING)
    return frozenset(needs)


_FIELDS: Mapping[Capability, str] = {
    Capability.TOOLS: "tools",
    Capability.JSON_SCHEMA: "response_format",
    Capability.VISION: "messages",
    Capability.REASONING: "reasoning_effort",
}


def require(model: Model, needs: frozenset[Capability]) -> None:
    """Raises: UnsupportedParameter naming the first field that the model cannot honour."""
    for missing in sorted(needs - model.capabilities):
        raise UnsupportedParameter(
            f"The model '{model.name}' does not support '{_FIELDS[missing]}'. GET /v1/models lists what each model can do.",
            param=_FIELDS[missing],
        )


class Delta(NamedTuple):
    """What one chunk of an engine's stream adds to the answer. `tool_calls` and `logprobs` are OpenAI's own shapes.

    A tuple, because one is made for every token: a frozen dataclass takes several times as long to make.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    logprobs: Mapping[str, Any] | None = None
    finish_reason: str | None = None
    usage: Usage | None = None

    def __repr__(self) -> str:
        """Nothing of what was said, which must not end up in a log."""
        return f"Delta(finish_reason={self.finish_reason!r}, usage={self.usage!r})"

    @property
    def is_shown(self) -> bool:
        """Whether the reader of the answer gets anything of it."""
        return bool(self.text or self.reasoning or self.tool_calls or self.logprobs)


def delta_from_chunk(chunk: Mapping[str, Any]) -> Delta:
    """One parsed `chat.completion.chunk`, of vLLM, llama.cpp or any server with their protocol.

    Raises: KeyError, IndexError, TypeError, AttributeError for a document of another shape.
    """
    usage = chunk.get("usage")
    choices = chunk["choices"]
    if not choices:
        return Delta(usage=usage_from_json(usage) if usage else None)
    choice = choices[0]
    delta = choice["delta"]
    tool_calls = delta.get("tool_calls")
    return Delta(
        _storable(delta.get("content") or ""),
        _storable(delta.get("reasoning_content") or delta.get("reasoning") or ""),
        [_storable_piece(piece) for piece in tool_calls] if tool_calls else (),
        choice.get("logprobs"),
        choice.get("finish_reason"),
        usage_from_json(usage) if usage else None,
    )


def _storable(text: str) -> str:
    """Postgres stores no NUL, which a model of bytes can say."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _storable_piece(piece: Mapping[str, Any]) -> Mapping[str, Any]:
    function: Mapping[str, Any] = piece.get("function") or {}
    arguments = function.get("arguments") or ""
    return {**piece, "function": {**function, "arguments": _storable(arguments)}} if "\0" in arguments else piece


def usage_from_json(usage: Mapping[str, Any]) -> Usage:
    details: Mapping[str, Any] = usage.get("prompt_tokens_details") or {}
    return Usage(
        int(usage["prompt_tokens"]), int(usage.get("completion_tokens") or 0), int(details.get("cached_tokens") or 0)
    )
