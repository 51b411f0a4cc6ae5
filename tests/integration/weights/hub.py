"""A stand-in for the model hub on loopback: the few routes that huggingface_hub asks for a model, with the hub's own headers."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

# The library writes what it has read in pieces of 10 MiB (DOWNLOAD_CHUNK_SIZE): less is not there yet when it is killed.
PIECE_BYTES = 10 * 1024 * 1024
_LFS_FROM_BYTES = 1000


@dataclass(slots=True)
class HubRepository:
    """What a repository holds at its one commit. `gated` lets in who has a token and nobody else."""

    files: dict[str, bytes]
    licence: str | None = "apache-2.0"
    gated: bool = False
    revision: str = field(init=False)

    def __post_init__(self) -> None:
        names = repr(sorted((name, _blob_id(body)) for name, body in self.files.items()))
        self.revision = _blob_id(names.encode())

    def info(self, repo: str) -> dict[str, Any]:
        card = {"license": self.licence} if self.licence else {}
        siblings = [_sibling(name, body) for name, body in self.files.items()]
        gated = "manual" if self.gated else False
        return {"id": repo, "sha": self.revision, "cardData": card, "tags": [], "gated": gated, "siblings": siblings}


@dataclass(slots=True)
class StandInHub:
    """Its repositories by name, what it was asked for, and where it holds a download back."""

    repositories: dict[str, HubRepository] = field(default_factory=dict)
    url: str = ""
    # (file, first byte asked for) of each download.
    downloads: list[tuple[str, int]] = field(default_factory=list)
    # Files of which it sends other bytes than it says it has.
    corrupted: set[str] = field(default_factory=set)
    # A file of which it sends a piece and then nothing, until `released`.
    held: str | None = None
    holding: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve_hub() -> Iterator[StandInHub]:
    """The hub while it is needed."""
    hub = StandInHub()

    class Handler(_Handler):
        def __init__(self, *arguments: Any) -> None:
            self.hub = hub
            super().__init__(*arguments)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # a job that was killed, or ended with an error
            super().handle()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._answer_info(match[1], match[2] or "main")
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)", path):
            self._answer_resolve(match[1], match[3])
        elif match := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
            self._answer_file(match[2], self.hub.repositories[match[1]].files[match[2]])
        else:
            self._refuse(404, "EntryNotFound")

    def _answer_info(self, repo: str, revision: str) -> None:
        found = self.hub.repositories.get(repo)
        if found is None:
            # As the hub does, which does not tell a stranger whether a private repository is there.
            self._refuse(401, "RepoNotFound")
        elif revision not in {"main", found.revision}:
            self._refuse(404, "RevisionNotFound")
        else:
            self._send(200, json.dumps(found.info(repo)).encode(), {"Content-Type": "application/json"})

    def _answer_resolve(self, repo: str, name: str) -> None:
        found = self.hub.repositories[repo]
        if found.gated and self.headers["Authorization"] != "Bearer hf_let_me_in":
            self._refuse(403, "GatedRepo")
            return
        body = found.files[name]
        headers = {"X-Repo-Commit": found.revision, "ETag": f'"{_blob_id(body)}"'}
        if len(body) < _LFS_FROM_BYTES:
            self._answer_file(name, body, headers)
            return
        linked = {"X-Linked-Etag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Linked-Size": str(len(body))}
        self._send(302, b"", {**headers, **linked, "Location": f"{self.hub.url}/cdn/{repo}/{name}"})

    def _answer_file(self, name: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        begin = int(match[1]) if (match := re.match(r"bytes=(\d+)-", self.headers["Range"] or "")) else 0
        self.hub.downloads.append((name, begin))
        if name in self.hub.corrupted:
            body = body[:-1] + bytes([body[-1] ^ 1])
        status, rest = (206, body[begin:]) if begin else (200, body)
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(rest))}.items():
            self.send_header(key, value)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        if name == self.hub.held and not self.hub.released.is_set():
            self._hold_back(rest)
        else:
            self.wfile.write(rest)

    def _hold_back(self, rest: bytes) -> None:
        """A whole piece and a byte, so that the client has written the piece when it asks for more."""
        self.wfile.write(rest[: PIECE_BYTES + 1])
        self.wfile.flush()
        self.hub.holding.set()
        self.hub.released.wait()
        self.close_connection = True

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Tests say what they look at."""


def _sibling(name: str, body: bytes) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": name, "size": len(body), "blobId": _blob_id(body)}
    if len(body) >= _LFS_FROM_BYTES:
        sibling["lfs"] = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
    return sibling


def _blob_id(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
