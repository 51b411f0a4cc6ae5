"""Where a request comes from, and by what it is known when it comes again."""

from dataclasses import dataclass
from hashlib import sha256

from fastapi import Request

from parley.errors import InvalidRequest
from parley.turns.model import Idempotency

KEY_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Origin:
    """What a turn keeps of the HTTP request that began it."""

    idempotency: Idempotency
    request_id: str


def origin_of(request: Request, body: bytes) -> Origin:
    """The SDKs count their own retries in `x-stainless-retry-count`.

    Raises: InvalidRequest for an `Idempotency-Key` that is empty, too long or not of printable ASCII.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= KEY_LIMIT and key.isascii() and key.isprintable()):
        raise InvalidRequest(
            f"An idempotency key has 1 to {KEY_LIMIT} printable ASCII characters.", param="Idempotency-Key"
        )
    request_hash = sha256(request.scope["path"].encode() + b"\n" + body).digest()
    retries = request.headers.get("x-stainless-retry-count", "")
    is_retry = retries.isdecimal() and bool(retries.strip("0"))
    return Origin(Idempotency(request_hash, key, is_retry), request.state.request_id)
