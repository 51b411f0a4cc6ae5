"""What a request looks like to each kind of pool."""

from collections.abc import Mapping
from typing import Any

from parley.models.model import Affinity, Dialect

# By which vLLM's router sends the turns of a conversation to one replica (gpu_workers/PROTOCOL.md).
SESSION_HEADER = "x-session-id"


def in_dialect(
    dialect: Dialect, request: Mapping[str, Any], affinity: Affinity | None
) -> tuple[Mapping[str, Any], Mapping[str, str] | None]:
    """The request and its headers as a pool takes them: what only vLLM knows goes to vLLM alone."""
    if dialect is Dialect.VLLM and affinity is not None:
        return {**request, "cache_salt": affinity.cache_salt}, {SESSION_HEADER: affinity.session}
    if dialect is Dialect.OPENAI and "max_tokens" in request:
        # OpenAI's reasoning models refuse the old name.
        renamed = {name: value for name, value in request.items() if name != "max_tokens"}
        return {**renamed, "max_completion_tokens": request["max_tokens"]}, None
    return request, None
