"""What is pushed: a repository at one commit, its files, and the manifest of a revision that is whole."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MANIFEST = "parley-manifest.json"


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a commit. `hub_id` is what the hub knows it by: the SHA-256 of a large file, else git's id of its blob."""

    name: str
    size_bytes: int
    hub_id: str

    @property
    def is_weights(self) -> bool:
        return self.name.endswith(".safetensors")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the hub at a full commit. `licence` is as the model card names it, or None."""

    repo: str
    revision: str
    licence: str | None
    gated: bool
    files: tuple[HubFile, ...]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An object of the store, whole: S3 has checked each part of it before it was there."""

    name: str
    size_bytes: int
    sha256: str
    hub_id: str

    def is_copy_of(self, file: HubFile) -> bool:
        return (self.hub_id, self.size_bytes) == (file.hub_id, file.size_bytes)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file as its manifest says it."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A revision that is whole. `pushed_at` is ISO 8601 in UTC and says nothing about what is in it."""

    repo: str
    revision: str
    licence: str | None
    quantisation: str | None
    files: Mapping[str, FileEntry]
    pushed_at: str

    def says_the_same(self, other: "Manifest") -> bool:
        return (*self._content(),) == (*other._content(),)

    def _content(self) -> tuple[object, ...]:
        return (self.repo, self.revision, self.licence, self.quantisation, dict(self.files))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "files": {name: asdict(entry) for name, entry in sorted(self.files.items())}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Manifest":
        files = {name: FileEntry(**entry) for name, entry in document["files"].items()}
        return cls(**{**document, "files": files})
