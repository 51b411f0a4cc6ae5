"""State file, lock, logs and patience of the supervisor."""

import os
import socket
from collections import deque
from pathlib import Path

import pytest

from local.parts.engine import readable_model
from local.parts.home import make_home, outside_folder, secret_in, temporary_home
from local.parts.ports import LOOPBACK, free_port, holder_of, is_free
from local.parts.process import PartError, last_lines, rotate
from local.state import (
    HomeInUseError,
    PartState,
    ProcessMark,
    StackState,
    mark_of,
    only_one,
    read_state,
    running_state,
    write_state,
)
from local.supervisor import Patience


def make_state(supervisor: ProcessMark) -> StackState:
    part = PartState("engine", 20_001, ProcessMark(7, 1.5), healthy=True, restarts=2)
    external = PartState("postgres", None, None, healthy=True, restarts=0)
    return StackState(supervisor, "http://127.0.0.1:8080", "ready", 12.0, (part, external))


def test_a_state_is_read_back_as_it_was_written(tmp_path: Path):
    state = make_state(ProcessMark(1, 2.0))

    write_state(tmp_path, state)

    assert read_state(tmp_path) == state


@pytest.mark.parametrize("text", ["", "{", "[]", '{"supervisor": 3}', '{"supervisor": {"pid": 1}}'])
def test_a_damaged_state_counts_as_none(tmp_path: Path, text: str):
    (tmp_path / "state.json").write_text(text)

    assert read_state(tmp_path) is None


def test_a_state_runs_while_its_supervisor_does(tmp_path: Path):
    mark = mark_of(os.getpid())
    assert mark is not None

    write_state(tmp_path, make_state(mark))

    assert running_state(tmp_path) == make_state(mark)


def test_a_pid_given_out_again_is_not_the_process_of_old(tmp_path: Path):
    mark = mark_of(os.getpid())
    assert mark is not None

    write_state(tmp_path, make_state(ProcessMark(mark.pid, mark.started_at - 60)))

    assert running_state(tmp_path) is None


def test_a_home_has_one_supervisor_at_a_time(tmp_path: Path):
    with only_one(tmp_path), pytest.raises(HomeInUseError), only_one(tmp_path):
        pass

    with only_one(tmp_path):
        pass


def test_patience_ends_with_the_sixth_death_within_a_minute():
    patience = Patience()

    assert not patience.is_lost(deque([0.0, 1, 2, 3, 4]), now=5.0)
    assert patience.is_lost(deque([0.0, 1, 2, 3, 4, 5]), now=5.0)


def test_deaths_of_long_ago_are_forgiven():
    deaths = deque([0.0, 1, 2, 3, 4, 100])

    assert not Patience().is_lost(deaths, now=100.0)
    assert deaths == deque([100])


def test_the_rest_before_a_restart_doubles():
    assert [Patience().rest_s(deaths) for deaths in (1, 2, 3)] == [0.25, 0.5, 1.0]


def test_a_log_that_grew_too_long_is_moved_aside_and_its_writer_goes_on(tmp_path: Path):
    log = tmp_path / "part.log"

    with log.open("ab", buffering=0) as writer:
        writer.write(b"old" * 10)
        rotate(log, limit_bytes=20)
        writer.write(b"new")

    assert log.read_bytes() == b"new"
    assert (tmp_path / "part.log.1").read_bytes() == b"old" * 10


def test_a_short_log_stays(tmp_path: Path):
    log = tmp_path / "part.log"
    log.write_text("short")

    rotate(log)

    assert log.read_text() == "short"


def test_the_last_lines_of_a_log_name_the_file(tmp_path: Path):
    log = tmp_path / "part.log"
    log.write_bytes(b"".join(b"line %d\xff\n" % number for number in range(5000)))

    words = last_lines(log, count=2).splitlines()

    assert str(log) in words[0]
    assert [line.strip("\ufffd ") for line in words[1:]] == ["line 4998", "line 4999"]


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path):
    secret = secret_in(tmp_path / "secret")

    assert len(secret) >= 32
    assert secret_in(tmp_path / "secret") == secret
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_temporary_home_leaves_nothing():
    with temporary_home() as home:
        (home / "file").write_text("x")

    assert not home.exists()
    assert not outside_folder(home).exists()


def test_others_may_not_look_into_a_home(tmp_path: Path):
    home = make_home(tmp_path / "a" / "home")

    assert home.stat().st_mode & 0o066 == 0
    assert (home / "logs").stat().st_mode & 0o077 == 0


def test_who_holds_a_port_is_named():
    with socket.create_server((LOOPBACK, free_port())) as server:
        port = server.getsockname()[1]

        assert not is_free(port)
        assert f"(pid {os.getpid()}," in holder_of(port)


def test_a_model_that_is_no_gguf_file_is_refused(tmp_path: Path):
    (tmp_path / "model.bin").write_text("PK..")

    with pytest.raises(PartError, match="not a GGUF file"):
        readable_model(tmp_path / "model.bin")


def test_a_model_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(PartError, match=r"MODEL_PATH=.*No such file"):
        readable_model(tmp_path / "none.gguf")
