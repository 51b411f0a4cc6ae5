"""Models and what they generate, in terms of OpenAI's chat protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

# Chat templates put a few tokens round each message (ChatML and Llama 3 five, Gemma and Mistral no more) and some in front
# of the first (dates, a default system message). These bound them from above; the texts themselves are counted exactly.
TEMPLATE_TOKENS_PER_MESSAGE = 8
TEMPLATE_TOKENS_IN_FRONT = 64


@dataclass(frozen=True, slots=True)
class Model:
    """A model that an engine serves. `context_tokens` holds prompt and answer together; `created_at` is in Unix seconds."""

    name: str
    context_tokens: int
    created_at: int
    owned_by: str

    @property
    def answer_tokens(self) -> int:
        """What an answer may take where the request does not say: the quarter that prompts leave free."""
        return self.context_tokens // 4


@dataclass(frozen=True, slots=True)
class Usage:
    """`cached_tokens` are those of the prompt that the engine found in its prefix cache."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


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
