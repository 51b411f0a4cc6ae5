"""Server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html, as far as OpenAI's protocol uses them."""

COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


def encode_data(payload: bytes) -> bytes:
    """One event whose data is `payload`, which holds no line break (JSON on one line)."""
    return b"data: " + payload + b"\n\n"


class DataParser:
    """Bytes in, the payloads of complete `data:` lines out, whatever way the bytes were cut.

    OpenAI's protocol puts one JSON document on one `data:` line, so lines are payloads: events of several data lines, names
    and ids do not occur and are not joined. Comments and other fields are passed over.
    """

    __slots__ = ("_rest", "_size_limit")

    def __init__(self, size_limit: int = 1 << 20) -> None:
        self._rest = b""
        self._size_limit = size_limit

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that `data` completes. Raises: ValueError when a line outgrows the limit."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > self._size_limit:
            raise ValueError(f"a line of server-sent events is longer than {self._size_limit} bytes")
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]
