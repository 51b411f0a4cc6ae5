"""The model hub: what a revision is, and its files, each checked against what the hub says of it."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, ModelInfo, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

# Not hf_hub_download, which begins a file anew when its process was killed (huggingface_hub 2.4, `_download_to_tmp_and_move`).
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from gpu_workers.weights.errors import PushError
from gpu_workers.weights.model import HubFile, Repository

_PIECE_BYTES = 4 * 1024 * 1024


class Hub:
    """Reads as whoever the token belongs to; without one, as whoever is signed in here (HF_TOKEN, `hf auth login`) or anyone.

    The endpoint is the public hub's, or the one of HF_ENDPOINT, unless it is given.
    """

    def __init__(self, token: str | None = None, endpoint: str | None = None) -> None:
        self._api = HfApi(endpoint=endpoint, token=token)
        self._headers = build_hf_headers(token=token)

    def resolve(self, repo: str, revision: str) -> Repository:
        """`revision` is a commit, a branch or a tag. Raises: PushError."""
        with _hub_errors(repo, revision):
            info = self._api.model_info(repo, revision=revision, files_metadata=True)
        if info.sha is None:
            raise PushError("hub", f"The hub names no commit for {repo} at {revision}.")
        return Repository(repo, info.sha, _licence(info), bool(info.gated), tuple(_files(info)))

    def download(self, repository: Repository, file: HubFile, path: Path, moved: Callable[[float], None]) -> str:
        """Writes the file to `path`, beginning where an earlier run was killed, and gives its SHA-256.

        `moved` hears which fraction is there. What is not what the hub says it should be is deleted.
        Raises: PushError; OSError when the disk is full.
        """
        url = hf_hub_url(repository.repo, file.name, revision=repository.revision, endpoint=self._api.endpoint)
        if path.exists() and path.stat().st_size > file.size_bytes:
            path.unlink()
        with _hub_errors(repository.repo, repository.revision), _Counted(path, file.size_bytes, moved) as opened:
            http_get(
                url,
                opened,
                resume_size=opened.tell(),
                headers=dict(self._headers),
                expected_size=file.size_bytes,
                displayed_filename=file.name,
            )
        return _check(file, path)


class _Counted(io.BufferedWriter):
    """Appends to a file and tells how much of it there is."""

    def __init__(self, path: Path, size_bytes: int, moved: Callable[[float], None]) -> None:
        super().__init__(io.FileIO(path, "ab"))
        self._size_bytes = max(size_bytes, 1)
        self._moved = moved

    def write(self, chunk: bytes, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        written = super().write(chunk)
        self._moved(self.tell() / self._size_bytes)
        return written


def _files(info: ModelInfo) -> Iterator[HubFile]:
    for each in info.siblings or ():
        hub_id = each.lfs.sha256 if each.lfs else each.blob_id
        if hub_id is not None and each.size is not None:
            yield HubFile(each.rfilename, each.size, hub_id)


def _licence(info: ModelInfo) -> str | None:
    """The card's; `other` is none by itself, so then the name that the card gives it."""
    card = info.card_data.to_dict() if info.card_data else {}
    licence = card.get("license") or next((tag[8:] for tag in info.tags or () if tag.startswith("license:")), None)
    if licence == "other":
        return str(card.get("license_name") or "other")
    return " ".join(licence) if isinstance(licence, list) else licence


def _check(file: HubFile, path: Path) -> str:
    """The file's SHA-256. Raises: PushError, the file deleted, when it is not what the hub has."""
    sha256, blob = hashlib.sha256(), hashlib.sha1(f"blob {file.size_bytes}\0".encode(), usedforsecurity=False)
    with path.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            sha256.update(piece)
            blob.update(piece)
    if file.hub_id not in {sha256.hexdigest(), blob.hexdigest()}:
        path.unlink()
        raise PushError(
            "checksum",
            f"{file.name} is not what the hub says it is: its checksum should be {file.hub_id}, and what came has the SHA-256 "
            f"{sha256.hexdigest()}. It was thrown away; push again.",
        )
    if file.is_weights and not _has_safetensors_header(path, file.size_bytes):
        path.unlink()
        raise PushError(
            "not_safetensors", f"{file.name} is named like safetensors and is something else. It was thrown away."
        )
    return sha256.hexdigest()


def _has_safetensors_header(path: Path, size_bytes: int) -> bool:
    """8 bytes with the length of a JSON object, and then that (https://huggingface.co/docs/safetensors: Format)."""
    with path.open("rb") as opened:
        length, first = int.from_bytes(opened.read(8), "little"), opened.read(1)
    return first == b"{" and length <= size_bytes - 8


@contextmanager
def _hub_errors(repo: str, revision: str) -> Iterator[None]:
    """The library's errors, as what the operator can do about them."""
    try:
        yield
    except GatedRepoError as error:
        raise PushError(
            "gated",
            f"{repo} is gated. Ask for access on its page with your account, and give the push a token of that account: "
            "the secret that docs/operations/models.md names, or HF_TOKEN with --here.",
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise PushError(
            "no_repository", f"The hub has no model {repo!r}, or it is private and no token may see it."
        ) from error
    except RevisionNotFoundError as error:
        raise PushError(
            "no_revision", f"{repo} has no revision {revision!r}: no such commit, branch or tag."
        ) from error
    except HfHubHTTPError as error:
        raise PushError(
            "hub", f"The hub answers {error.response.status_code} for {repo}. Push again in a while."
        ) from error
    except OSError as error:
        # The library's own check of the size has no errno; a full disk has.
        if error.errno is not None:
            raise
        raise PushError(
            "incomplete", f"The hub sent less or more of a file than it has ({error}). Push again."
        ) from error
    except httpx2.TransportError as error:
        raise PushError("hub_unreachable", f"The hub cannot be reached ({error or type(error).__name__}).") from error
