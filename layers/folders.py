"""Folders whose bytes, times and modes are the same on every machine, so that an unchanged asset stays the same asset."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

# The first moment a zip file can name.
_EPOCH_S = 315_532_800
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def copy_sources(source: Path, target: Path) -> None:
    """A copy of the folder without caches and hidden files."""
    shutil.copytree(source, target, ignore=_LEFT_OUT, dirs_exist_ok=True)


def settle(folder: Path) -> None:
    """Give everything in `folder` one time, and modes that Lambda's own user can read with."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.suffix == ".sh" else 0o644)
        os.utime(path, (_EPOCH_S, _EPOCH_S))


@contextmanager
def locked(file: Path) -> Generator[None]:
    """One process at a time; the others wait. The lock goes with its process, however that ends."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def size_bytes(folder: Path) -> int:
    """What the files hold, as Lambda counts towards its limit."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def digest(paths: Iterable[Path], *more: str) -> str:
    """A name for the files and folders `paths`, by their names and bytes, and for `more`."""
    total = hashlib.sha256("\0".join(more).encode())
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                total.update(f"\0{file.relative_to(path.parent).as_posix()}\0{content}".encode())
    return total.hexdigest()
