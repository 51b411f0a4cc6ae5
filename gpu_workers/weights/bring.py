"""Files on their way from the hub to the store: several at once, each on the disk only as long as it must."""

import errno
import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from gpu_workers.weights.errors import PushError
from gpu_workers.weights.hub import Hub
from gpu_workers.weights.model import HubFile, Repository, StoredFile
from gpu_workers.weights.progress import Progress, Say
from gpu_workers.weights.quantise import Quantiser
from gpu_workers.weights.store import Store

# One file's download waits on the hub while another's is hashed and a third's goes up.
FILES_AT_ONCE = 4
# Left free on the disk beside what is downloaded.
SPARE_BYTES = 500_000_000
# A quantised copy lies beside its original until the original is gone.
_WITH_QUANTISED_COPY = 1.6

T = TypeVar("T")


def find_present(files: Sequence[HubFile], find: Callable[[str], StoredFile | None]) -> dict[str, StoredFile]:
    """The files that are in the store as the hub has them."""
    found = ((file, find(file.name)) for file in files)
    return {file.name: stored for file, stored in found if stored is not None and stored.is_copy_of(file)}


def refuse_leftovers(store: Store, wanted: Collection[str]) -> None:
    """Raises: PushError when the folder has safetensors beside the `wanted`: vLLM takes no list of them, it loads what is there.

    They are not deleted here: they may be another push's that runs now, and the job's role may delete nothing.
    """
    leftovers = [name for name in store.list_weights() if name not in wanted]
    if not leftovers:
        return
    command = f"aws s3 rm --recursive {store.uri}"
    if store.read_manifest() is not None:
        # Replicas may be loading the rest.
        command += " --exclude '*' " + " ".join(f"--include '{name}'" for name in leftovers)
    raise PushError(
        "leftovers",
        f"{store.uri} holds weights that are not of this push, such as {leftovers[0]}, and vLLM would load them too. A push"
        " with or without --quantise that was cut off left them: type that one again, or delete them and push anew."
        f" Type: {command}",
    )


def fit_to_disk(sizes: Sequence[int], free_bytes: int) -> int:
    """How many files may be on the disk at once, whichever they are. Raises: PushError when not even the largest fits."""
    most, needed_bytes = 0, SPARE_BYTES
    for size_bytes in sorted(sizes, reverse=True)[:FILES_AT_ONCE]:
        needed_bytes += size_bytes
        if needed_bytes > free_bytes:
            break
        most += 1
    if sizes and most == 0:
        raise disk_full(max(sizes) + SPARE_BYTES, free_bytes)
    return max(most, 1)


def disk_full(needed_bytes: float, free_bytes: int) -> PushError:
    return PushError(
        "disk_full", f"The disk is full: {needed_bytes / 1e9:.1f} GB are needed and {free_bytes / 1e9:.1f} GB are free."
    )


class Bringer:
    """Brings files of one revision into its folder of the store, by way of `scratch`."""

    def __init__(self, repository: Repository, hub: Hub, store: Store, scratch: Path, say: Say) -> None:
        self._repository = repository
        self._hub = hub
        self.store = store
        self._scratch = scratch
        self._say = say

    def say_plan(self, files: Sequence[HubFile], present: Mapping[str, StoredFile]) -> None:
        """What the operator wants to know before it begins."""
        chosen = {file.name for file in files}
        self._say(
            "plan",
            uri=self.store.uri,
            files=len(files),
            total_bytes=sum(file.size_bytes for file in files),
            present=len(present),
            left_out=[file.name for file in self._repository.files if file.name not in chosen],
        )

    def bring(self, files: Sequence[HubFile], present: Mapping[str, StoredFile]) -> dict[str, StoredFile]:
        """What is not present, each file deleted here when it is there. Raises: PushError."""
        progress = Progress({file.name: file.size_bytes for file in files}, self._say)
        for name in present:
            progress.skip(name)

        def bring_one(file: HubFile) -> StoredFile:
            path, sha256 = self._download(file, progress)
            return self._upload(path, file, sha256, progress)

        missing = [file for file in files if file.name not in present]
        with self._scratch_folder(self._scratch) as free_bytes:
            at_once = fit_to_disk([file.size_bytes for file in missing], free_bytes)
            return {stored.name: stored for stored in _run_together(bring_one, missing, at_once)}

    def bring_quantised(self, files: Sequence[HubFile], quantiser: Quantiser) -> dict[str, StoredFile]:
        """All files come here, are quantised, and the result goes up. Raises: PushError."""
        self.say_plan(files, {})
        progress = Progress({file.name: file.size_bytes for file in files}, self._say)
        quantised = self._scratch.with_name(f"{self._scratch.name}-{quantiser.scheme}")
        with self._scratch_folder(self._scratch) as free_bytes, self._scratch_folder(quantised):
            needed_bytes = sum(file.size_bytes for file in files) * _WITH_QUANTISED_COPY + SPARE_BYTES
            if needed_bytes > free_bytes:
                raise disk_full(needed_bytes, free_bytes)
            _run_together(lambda file: self._download(file, progress), files, FILES_AT_ONCE)
            self._say("quantising", scheme=quantiser.scheme)
            quantiser.run(self._scratch, quantised)
            shutil.rmtree(self._scratch)
            made = [_describe(path) for path in sorted(quantised.iterdir()) if path.is_file()]
            refuse_leftovers(self.store, {file.name for file in made})
            present = find_present(made, self.store.find)
            missing = [file for file in made if file.name not in present]

            def upload_one(file: HubFile) -> StoredFile:
                return self._upload(quantised / file.name, file, file.hub_id, progress)

            brought = {stored.name: stored for stored in _run_together(upload_one, missing, FILES_AT_ONCE)}
        return {**present, **brought}

    def _download(self, file: HubFile, progress: Progress) -> tuple[Path, str]:
        path = self._scratch / file.name
        sha256 = self._hub.download(
            self._repository, file, path, lambda part: progress.move(file.name, "download", part)
        )
        return path, sha256

    def _upload(self, path: Path, file: HubFile, sha256: str, progress: Progress) -> StoredFile:
        stored = self.store.upload(path, file, sha256, lambda part: progress.move(file.name, "upload", part))
        progress.move(file.name, "upload", 1.0)
        path.unlink()
        self._say("uploaded", file=file.name, bytes=stored.size_bytes)
        return stored

    @contextmanager
    def _scratch_folder(self, folder: Path) -> Iterator[int]:
        """The folder, and how many bytes its disk has free; gone when all went well. Raises: PushError for a full disk."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            yield shutil.disk_usage(folder).free
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise PushError(
                "disk_full", f"The disk of {folder} is full. What is there is continued by the next push."
            ) from error
        with suppress(OSError):
            folder.rmdir()


def _run_together(work: Callable[[HubFile], T], files: Sequence[HubFile], at_once: int) -> list[T]:
    """What `work` gives for each; the first error ends it."""
    pool = ThreadPoolExecutor(at_once)
    try:
        futures = [pool.submit(work, file) for file in files]
        wait(futures, return_when=FIRST_EXCEPTION)
        return [future.result() for future in futures if future.done()]
    finally:
        # What is still on its way is not waited for: the process ends, and the next push continues it.
        pool.shutdown(wait=False, cancel_futures=True)


def _describe(path: Path) -> HubFile:
    """A file that was made here; the hub does not know it, so its own checksum is its id."""
    with path.open("rb") as opened:
        return HubFile(path.name, path.stat().st_size, hashlib.file_digest(opened, "sha256").hexdigest())
