"""The text of an API key: how it is made, how it is recognised, and what of it is stored."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

PREFIX = "sk-parley-"
_RANDOM_BYTES = 32
# 32 bytes in base64url without padding.
_SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_SHOWN_END = 4


@dataclass(frozen=True, slots=True)
class Secret:
    """The text that a client sends as its bearer token, in the one form that `new_secret` writes.

    Raises: ValueError for any other text.
    """

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _SECRET.fullmatch(self.text):
            raise ValueError("not the form of an API key")

    @property
    def hash(self) -> bytes:
        """What is stored. A fast hash is enough: a slow one makes guesses at passwords dear, and nobody guesses 256 random
        bits, however fast they try. Looking up by the hash also leaves nothing to compare in constant time.
        """
        return hashlib.sha256(self.text.encode("ascii")).digest()

    @property
    def end(self) -> str:
        """Enough for its owner to tell keys apart: 24 of its 256 bits."""
        return self.text[-_SHOWN_END:]


def new_secret() -> Secret:
    return Secret(PREFIX + secrets.token_urlsafe(_RANDOM_BYTES))


def looks_like_key(token: str) -> bool:
    """Whether a bearer token means to be an API key, well-formed or not. No JWT does: they begin with `ey`."""
    return token.startswith("sk-")


def redacted(end: str) -> str:
    return f"{PREFIX}...{end}"
