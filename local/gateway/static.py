"""The built page, served from memory: what is not in the list of files cannot be named, however a path is spelt."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

_CLIENT_ROUTES = re.compile(r"/|/callback|/c/[A-Za-z0-9_-]+|/reviews(?:/[A-Za-z0-9_-]+)?")
_COMPRESSIBLE = ("text/", "application/json", "application/javascript", "image/svg+xml")
_NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Parley</title>
<h1>The page is not built</h1>
<p>Run <code>make run</code>, or <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>.</p>
</html>"""


@dataclass(frozen=True, slots=True)
class File:
    """One file with all that its answer needs."""

    media_type: str
    cache_control: str
    etag: str
    plain: bytes
    gzipped: bytes | None


class Page:
    """The files under `folder`. A new build is seen at the next visit, without a restart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built_at_ns: int | None = None
        self._files: Mapping[str, File] = {}

    def answer(self, scope: Scope, policy: str) -> Response | None:
        """The file or client route of a GET under `policy`, a Content-Security-Policy; None when there is none."""
        path = "/index.html" if _CLIENT_ROUTES.fullmatch(scope["path"]) else scope["path"]
        path = "/silent.html" if path == "/silent" else path
        if path.endswith(".html"):
            self._reload_if_rebuilt()
            if path == "/index.html" and path not in self._files:
                return HTMLResponse(_NOT_BUILT, 503, headers={"cache-control": "no-store"})
        file = self._files.get(path)
        return _response(file, Headers(scope=scope), _policy_headers(path, policy)) if file else None

    def _reload_if_rebuilt(self) -> None:
        try:
            built_at_ns = (self._folder / "index.html").stat().st_mtime_ns
        except OSError:
            built_at_ns = None
        if built_at_ns != self._built_at_ns:
            self._files = _read_files(self._folder) if built_at_ns is not None else {}
            self._built_at_ns = built_at_ns


def _policy_headers(path: str, policy: str) -> dict[str, str]:
    if not path.endswith(".html"):
        return {}
    # The one page that may stand in a frame, and only in ours: sign-in without asking ends there.
    framed = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'") if path == "/silent.html" else policy
    return {"content-security-policy": framed}


def _response(file: File, asked: Headers, extra: Mapping[str, str]) -> Response:
    headers = {"etag": file.etag, "cache-control": file.cache_control, **extra}
    if file.gzipped is not None:
        headers["vary"] = "accept-encoding"
    if file.etag in asked.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if file.gzipped is not None and "gzip" in asked.get("accept-encoding", ""):
        return Response(file.gzipped, headers=headers | {"content-encoding": "gzip"}, media_type=file.media_type)
    return Response(file.plain, headers=headers, media_type=file.media_type)


def _read_files(folder: Path) -> dict[str, File]:
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {f"/{path.relative_to(folder).as_posix()}": _read_file(path, path.parent.name == "assets") for path in paths}


def _read_file(path: Path, is_hashed: bool) -> File:
    plain = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    is_compressible = media_type.startswith(_COMPRESSIBLE)
    return File(
        media_type=media_type,
        # Vite puts the hash of a file's content into its name under assets/.
        cache_control="public, max-age=31536000, immutable" if is_hashed else "no-cache",
        etag=f'"{hashlib.sha256(plain).hexdigest()[:32]}"',
        plain=plain,
        gzipped=gzip.compress(plain, 9, mtime=0) if is_compressible else None,
    )
