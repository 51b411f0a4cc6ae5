"""One push: from a revision of the hub to a whole revision in the store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gpu_workers.weights.bring import Bringer, find_present, refuse_leftovers
from gpu_workers.weights.choice import choose_files
from gpu_workers.weights.errors import PushError
from gpu_workers.weights.hub import Hub
from gpu_workers.weights.licence import NO_LICENCE, check_licence
from gpu_workers.weights.model import FileEntry, HubFile, Manifest, Repository, StoredFile
from gpu_workers.weights.progress import Say
from gpu_workers.weights.quantise import Quantiser
from gpu_workers.weights.store import Store


@dataclass(frozen=True, slots=True)
class Order:
    """What to push: a repository's revision (commit, branch or tag), to `folder`/COMMIT in the store."""

    repo: str
    revision: str
    folder: str
    # Where files are until they are in the store; a push that was killed is continued with what is here.
    scratch: Path
    accepted_licence: str | None = None
    quantiser: Quantiser | None = None

    @property
    def quantisation(self) -> str | None:
        return self.quantiser.scheme if self.quantiser else None


def push(order: Order, hub: Hub, open_store: Callable[[str], Store], say: Say) -> Manifest:
    """Brings in what is missing and writes the manifest last; once more, it changes nothing. Raises: PushError."""
    repository = hub.resolve(order.repo, order.revision)
    say("resolved", repo=order.repo, revision=repository.revision, licence=repository.licence or NO_LICENCE)
    check_licence(repository, order.accepted_licence)
    files = choose_files(repository.files)
    store = open_store(f"{order.folder}/{repository.revision}")
    before = store.read_manifest()
    _check_quantisation(store.uri, before, order.quantisation)
    bringer = Bringer(repository, hub, store, order.scratch / repository.revision, say)
    if order.quantiser is None:
        stored = _bring_as_they_are(bringer, files)
    else:
        stored = find_whole(before, store.find) or bringer.bring_quantised(files, order.quantiser)
    # Once more: another push may have come in between, and the manifest says that the folder is whole and of one kind.
    refuse_leftovers(store, stored)
    manifest = make_manifest(repository, stored, order.quantisation)
    if before is None or not before.says_the_same(manifest):
        store.write_manifest(manifest)
    say("done", uri=store.uri, revision=repository.revision, line=catalogue_line(repository.revision))
    return manifest


def find_whole(manifest: Manifest | None, find: Callable[[str], StoredFile | None]) -> dict[str, StoredFile] | None:
    """All that the manifest names, if the store has it all: what is quantised has no counterpart on the hub to compare."""
    found = {name: find(name) for name in manifest.files} if manifest else {}
    whole = {
        name: stored for name, stored in found.items() if stored and manifest and _is(stored, manifest.files[name])
    }
    return whole if whole and len(whole) == len(found) else None


def make_manifest(repository: Repository, files: Mapping[str, StoredFile], quantisation: str | None) -> Manifest:
    """A manifest of now."""
    return Manifest(
        repo=repository.repo,
        revision=repository.revision,
        licence=repository.licence,
        quantisation=quantisation,
        files={name: FileEntry(stored.size_bytes, stored.sha256) for name, stored in files.items()},
        pushed_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def catalogue_line(revision: str) -> str:
    """What the model's entry in the catalogue should say."""
    return f'revision = "{revision}"'


def _bring_as_they_are(bringer: Bringer, files: Sequence[HubFile]) -> dict[str, StoredFile]:
    refuse_leftovers(bringer.store, {file.name for file in files})
    present = find_present(files, bringer.store.find)
    bringer.say_plan(files, present)
    return {**present, **bringer.bring(files, present)}


def _is(stored: StoredFile, entry: FileEntry) -> bool:
    return (stored.size_bytes, stored.sha256) == (entry.size_bytes, entry.sha256)


def _check_quantisation(uri: str, before: Manifest | None, wanted: str | None) -> None:
    """A revision is loaded by replicas that run: it is never changed into another under their feet."""
    if before is not None and before.quantisation != wanted:
        held = f"quantised as {before.quantisation}" if before.quantisation else "as its author made it"
        raise PushError(
            "quantised", f"{uri} holds this revision {held}. Give the other a name of its own in the catalogue."
        )
