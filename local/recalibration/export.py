"""The labels of a running Parley, page by page."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

_PATH = "/v1/admin/reviews/labels"
_PAGE = 500
_TIMEOUT_S = 30.0
_TRIES = 5
_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MEANS = {
    401: "the token is not accepted; it may have expired: sign in again",
    403: "the token's owner is no reviewer",
    404: "there are no reviews at this address",
}


class ExportError(Exception):
    """The export ended early; the message says why."""


class _StayHere(urllib.request.HTTPRedirectHandler):
    """The token is for this address alone."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 the framework's own
        return None


@dataclass(frozen=True, slots=True)
class LabelsOf:
    """The labels at `url`, for whoever holds `token`."""

    url: str
    token: str = field(repr=False)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        """Raises: ExportError for an address that a token must not be sent to."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ExportError(f"{self.url} is no address such as https://chat.example.com")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ExportError(f"{self.url}: a token is sent over https only")

    def pages(self) -> Iterator[list[dict[str, Any]]]:
        """As the API gives them, oldest decision first. Raises: ExportError."""
        after: str | None = None
        while True:
            page = self._get({"limit": _PAGE, **({"after": after} if after else {})})
            labels = _labels_of(page)
            if labels:
                yield labels
            if not page.get("has_more"):
                return
            last = labels[-1]["review_id"] if labels else after
            if last == after:
                raise ExportError("The list goes on and says no more; the labels so far are not all.")
            after = last

    def _get(self, query: Mapping[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 http and https only, as checked above
            f"{self.url.rstrip('/')}{_PATH}?{urlencode(query)}",
            headers={"authorization": f"Bearer {self.token}", "accept": "application/json"},
        )
        opener = urllib.request.build_opener(_StayHere)
        for attempt in range(1, _TRIES + 1):
            try:
                with opener.open(request, timeout=_TIMEOUT_S) as answer:
                    return _object(answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    message = _what_it_means(error)
                if error.code not in _TRY_AGAIN or attempt == _TRIES:
                    raise ExportError(message) from error
                wait_s = _asked_wait_s(error) or _WAIT_S * 2**attempt
            except (OSError, http.client.HTTPException) as error:
                if attempt == _TRIES:
                    raise ExportError(f"{self.url} does not answer: {getattr(error, 'reason', error)}") from error
                wait_s = _WAIT_S * 2**attempt
            self.sleep(min(wait_s, _LONGEST_WAIT_S))
        raise AssertionError("the last attempt returns or raises")


def _labels_of(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    labels = page.get("data")
    if not isinstance(labels, list) or not all(isinstance(each, dict) and "review_id" in each for each in labels):
        raise ExportError("What answers there is no Parley: this is no list of labels.")
    return labels


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise ExportError("What answers there is no Parley: this is no JSON.") from error
    return answer if isinstance(answer, dict) else {}


def _asked_wait_s(error: urllib.error.HTTPError) -> float | None:
    try:
        return float(error.headers.get("retry-after", ""))
    except ValueError:
        return None


def _what_it_means(error: urllib.error.HTTPError) -> str:
    if error.code in _MEANS:
        return f"{error.code}: {_MEANS[error.code]}."
    if 300 <= error.code < 400:
        return (
            f"{error.code}: the address sends one on to {error.headers.get('location')}; give that one, if it is yours."
        )
    try:
        message = json.loads(error.read())["error"]["message"]
    except (OSError, ValueError, KeyError, TypeError):
        message = error.reason
    return f"{error.code}: {message}"
