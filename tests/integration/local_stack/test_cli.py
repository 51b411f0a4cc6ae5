"""The `parley` command as a user types it, on the whole stack."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from local.parts import EmbeddedEngine, EmbeddedPostgres, EmbeddedValkey, make_home, temporary_home
from local.parts.ports import free_port
from local.state import only_one, read_state


@dataclass(frozen=True, slots=True)
class Parley:
    """The command for one home and port."""

    home: Path
    port: int

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        env = {**inherited, "PARLEY_HOME": str(self.home), "PORT": str(self.port), **environ}
        command = [sys.executable, "-m", "local.cli", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)

    def ask(self, path: str, token: str = "") -> int:
        """The status of a GET."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


def pids_of(home: Path) -> list[int]:
    state = read_state(home)
    assert state
    return [state.supervisor.pid, *(part.mark.pid for part in state.parts if part.mark)]


@pytest.fixture(scope="module")
def stack(home: Path) -> Iterator[Parley]:
    parley = Parley(home, free_port())
    started = parley.run("up", "--detach")
    assert started.returncode == 0, started.stdout + started.stderr
    yield parley
    parley.run("down")


@pytest.fixture
def idle(own_home: Path) -> Parley:
    return Parley(own_home, free_port())


def test_it_is_ready_when_up_detach_returns(stack: Parley):
    assert stack.ask("/healthz") == 200
    shown = stack.run("status")
    assert shown.returncode == 0
    assert f"ready at http://127.0.0.1:{stack.port}" in shown.stdout
    assert all(part in shown.stdout for part in ("postgres", "valkey", "engine", "gateway"))


def test_a_token_is_all_that_token_prints_and_it_opens_the_api(stack: Parley):
    token = stack.run("token", "--user", "ada", "--tier", "pro", "--role", "admin").stdout

    assert len(token.split()) == 1
    assert stack.ask("/v1/models", token.strip()) == 200
    assert stack.ask("/v1/models") == 401


def test_psql_takes_its_own_arguments(stack: Parley):
    shown = stack.run("psql", "-Atc", "SELECT current_user")

    assert shown.stdout.strip() == "parley_owner", shown.stderr


def test_a_second_up_says_what_runs(stack: Parley):
    for words in (["up"], ["up", "--detach"]):
        refused = stack.run(*words)

        assert refused.returncode == 1
        assert "already runs" in refused.stderr
        assert "parley down" in refused.stderr


def test_a_taken_port_names_who_holds_it(stack: Parley, own_home: Path):
    refused = Parley(own_home, stack.port).run("up")

    assert refused.returncode == 1
    assert f"Port {stack.port} is taken by" in refused.stderr
    assert "local.gateway" in refused.stderr
    assert "PORT=" in refused.stderr


def test_the_doctor_finds_nothing_wrong_with_a_running_stack(stack: Parley):
    shown = stack.run("doctor")

    assert "the stack is ready" in shown.stdout
    assert "the small model is there and whole" in shown.stdout
    assert "the moderation's classifier is there" in shown.stdout


def test_the_doctor_says_what_is_wrong_and_what_to_type(stack: Parley, own_home: Path):
    shown = Parley(own_home, stack.port).run("doctor", MODEL_PATH="/nowhere.gguf", CLASSIFIER_FOLDER="/nowhere")

    assert shown.returncode == 1
    assert "MODEL_PATH=/nowhere.gguf cannot be read" in shown.stdout
    assert "the moderation's classifier is not in /nowhere" in shown.stdout
    assert f"port {stack.port} is taken by" in shown.stdout
    assert "→ type:" in shown.stdout


def test_after_kill_9_of_every_process_the_next_start_has_the_data(stack: Parley):
    stack.run("psql", "-c", "CREATE TABLE kept AS SELECT 42 AS answer")
    for pid in pids_of(stack.home):
        os.kill(pid, signal.SIGKILL)

    assert stack.run("status").returncode == 1
    assert stack.run("up", "--detach").returncode == 0
    assert stack.run("psql", "-Atc", "SELECT answer FROM kept").stdout.strip() == "42"


def test_after_kill_9_of_the_supervisor_alone_the_next_start_clears_what_it_left(stack: Parley):
    supervisor, *left = pids_of(stack.home)
    os.kill(supervisor, signal.SIGKILL)

    assert "left running" in stack.run("doctor").stdout
    again = stack.run("up", "--detach")

    assert again.returncode == 0, again.stderr
    assert "stopping the 4 processes it left" in again.stdout
    assert not any(psutil.pid_exists(pid) for pid in left)


def test_a_stack_that_is_just_starting_is_left_alone(idle: Parley):
    with only_one(idle.home):
        for words in (["down"], ["reset", "--yes"], ["up"]):
            assert "already runs" in idle.run(*words).stderr


def test_what_is_not_running_says_how_to_start_it(idle: Parley):
    assert "parley up" in idle.run("status").stdout
    assert "parley up" in idle.run("psql").stderr
    assert "Nothing was running" in idle.run("down").stdout


def test_reset_asks_and_deletes_only_what_is_its_own(idle: Parley):
    (idle.home / "passfile").write_text("")
    (idle.home / "letter.txt").write_text("mine")

    assert idle.run("reset").returncode == 1
    assert (idle.home / "passfile").exists()
    assert idle.run("reset", "--yes").returncode == 0
    assert not (idle.home / "passfile").exists()
    assert (idle.home / "letter.txt").read_text() == "mine"


def test_a_name_that_cannot_be_is_refused_in_words(idle: Parley):
    refused = idle.run("token", "--user", "")

    assert refused.returncode == 2
    assert "--user" in refused.stderr
    assert refused.stdout == ""


def test_a_port_that_is_none_is_refused_in_words(idle: Parley):
    refused = idle.run("status", PORT="eighty")

    assert refused.returncode == 1
    assert "PORT=eighty is not a port" in refused.stderr


def test_a_database_that_does_not_answer_is_named_by_its_variable(idle: Parley):
    refused = idle.run("up", DATABASE_URL=f"postgresql://me@127.0.0.1:{free_port()}/x")

    assert refused.returncode == 1
    assert "DATABASE_URL" in refused.stderr


def test_an_engine_that_does_not_answer_is_named_by_its_variable(idle: Parley):
    refused = idle.run("up", ENGINE_URL=f"http://127.0.0.1:{free_port()}/v1")

    assert refused.returncode == 1
    assert "ENGINE_URL" in refused.stderr


def test_ctrl_c_stops_everything_within_seconds():
    with temporary_home() as home:
        env = {**os.environ, "PARLEY_HOME": str(home), "PORT": str(free_port())}
        with subprocess.Popen(
            [sys.executable, "-m", "local.cli", "up"],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as up:
            assert up.stdout
            said = next(line for line in up.stdout if "Ready" in line or "Error" in line)
            pids = pids_of(home)
            up.send_signal(signal.SIGINT)
            rest, _ = up.communicate(timeout=15)

        assert "Ready" in said
        assert up.returncode == 0
        assert "Stopped." in rest
        assert not any(psutil.pid_exists(pid) for pid in pids)


def test_servers_of_the_users_own_replace_every_embedded_part(idle: Parley):
    theirs = make_home(idle.home / "theirs")
    with (
        EmbeddedPostgres(theirs, durable=False) as postgres,
        EmbeddedValkey(theirs, durable=False) as valkey,
        EmbeddedEngine(theirs) as engine,
    ):
        environ = {
            "DATABASE_URL": postgres.owner_url,
            "VALKEY_URL": valkey.url,
            "VALKEY_PASSWORD_FILE": str(valkey.password_file),
            "ENGINE_URL": engine.url,
            "ENGINE_REUSE_CONNECTIONS": "false",
        }
        started = idle.run("up", "--detach", **environ)
        try:
            state = read_state(idle.home)
            assert started.returncode == 0, started.stdout + started.stderr
            assert state
            assert [part.name for part in state.parts if part.mark] == ["gateway"]
            assert idle.ask("/v1/conversations", idle.run("token", "--user", "ada").stdout.strip()) == 200
        finally:
            idle.run("down")


def test_help_names_every_variable(idle: Parley):
    shown = idle.run("--help").stdout

    for name in ("PORT", "PARLEY_HOME", "DATABASE_URL", "VALKEY_URL", "ENGINE_URL", "MODEL_PATH", "OIDC_ISSUER"):
        assert name in shown
