"""The data folder of one stack (`PARLEY_HOME`) and the account its database runs as."""

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Where root's stacks keep a database whose own home is below a folder (such as /root) that `nobody` cannot enter.
SHARED_STATE = Path("/var/lib/parley")


@dataclass(frozen=True, slots=True)
class Account:
    """The user a part runs as when the stack is started by root: Postgres refuses to run as root."""

    uid: int
    gid: int


def database_account() -> Account | None:
    """The account Postgres must run as, or None when it may run as the caller."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def make_home(path: Path) -> Path:
    """The data folder, made if need be, as an absolute path. Closed to others, who may at most pass through root's."""
    home = path.expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    home = home.resolve()
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    make_private(home / "logs")
    return home


def make_private(folder: Path) -> Path:
    """A folder that only its owner may enter, made if need be."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def is_open_to_all(path: Path) -> bool:
    """Whether every account may pass through `path` and all the folders above it."""
    resolved = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (resolved, *resolved.parents))


def outside_folder(home: Path) -> Path:
    """Where the database of `home` lives when `home` itself is out of the database account's reach."""
    return SHARED_STATE / f"{home.name.strip('.')}-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"


def secret_in(path: Path) -> str:
    """The secret kept in a file (mode 0600), made up on first use."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Replace a file's text at once; only the owner may read it."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A data folder for tests, deleted afterwards with whatever a database of it keeps elsewhere."""
    home = make_home(Path(tempfile.mkdtemp(prefix="parley-")))
    try:
        yield home
    finally:
        shutil.rmtree(outside_folder(home), ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
