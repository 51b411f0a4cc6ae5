"""LoRA adapters on local disk: vLLM streams a model's weights from S3, but reads adapters from a folder only."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from gpu_workers.vllm.errors import StartError

# Written last by `parley models push`: where it is, the rest is whole (gpu_workers/weights/model.py).
MANIFEST = "parley-manifest.json"
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Adapter:
    """`s3://bucket/key`, the revision of an adapter."""

    name: str
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse_adapters(uris: Mapping[str, str]) -> list[Adapter]:
    """Raises: StartError for a URI without a key."""
    adapters = []
    for name, uri in sorted(uris.items()):
        parts = urlsplit(uri)
        key = parts.path.strip("/")
        if not parts.netloc or not key or ".." in key.split("/"):
            raise StartError(f"ADAPTERS: {name}: {uri} is not s3://BUCKET/adapters/ADAPTER/REVISION")
        adapters.append(Adapter(name, parts.netloc, key))
    return adapters


def fetch_adapters(adapters: list[Adapter], s3: Any, weights_dir: Path) -> dict[str, Path]:
    """The folder of each adapter, downloaded with boto3's client where it is not there yet. Raises: StartError."""
    from botocore.exceptions import BotoCoreError, ClientError

    folders = {}
    for adapter in adapters:
        try:
            folders[adapter.name] = _fetch(adapter, s3, weights_dir / adapter.key)
        except (BotoCoreError, ClientError) as error:
            raise StartError(
                f"{adapter.uri} cannot be read ({error}). Is the adapter pushed (parley models push), its revision in the "
                "stage's models.toml the one that was printed, and may the task's role read the bucket?"
            ) from error
    return folders


def _fetch(adapter: Adapter, s3: Any, folder: Path) -> Path:
    """The tasks of an instance share the disk and start together: a folder appears whole, by a rename, and the first one wins."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, entry in _read_manifest(adapter, s3)["files"].items():
            _download(adapter, s3, name, entry["sha256"], partial)
        partial.chmod(0o755)
        _put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _put_in_place(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _read_manifest(adapter: Adapter, s3: Any) -> Mapping[str, Any]:
    try:
        return json.loads(_open(adapter, s3, MANIFEST).read())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StartError(f"{adapter.uri}/{MANIFEST} is no JSON. Push the adapter again: parley models push") from error


def _download(adapter: Adapter, s3: Any, name: str, sha256: str, folder: Path) -> None:
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise StartError(f"{adapter.uri}/{MANIFEST} names a file outside of its folder: {name}")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    body, digest = _open(adapter, s3, name), hashlib.sha256()
    with target.open("wb") as file:
        while chunk := body.read(_CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != sha256:
        raise StartError(
            f"{adapter.uri}/{name} is not what its manifest says. Push the adapter again: parley models push"
        )


def _open(adapter: Adapter, s3: Any, name: str) -> Any:
    return s3.get_object(Bucket=adapter.bucket, Key=f"{adapter.key}/{name}")["Body"]
