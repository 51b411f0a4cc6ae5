"""Start, watch, restart and stop, on parts of a few lines."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from local.narration import Narrator
from local.orphans import find_orphans, stop_orphans
from local.parts.gateway import Gateway
from local.parts.ports import free_port
from local.parts.process import PartError, PartProcess
from local.state import PartState, read_state
from local.supervisor import Patience, Supervisor
from tests.integration.local_stack.script_part import DIES, NEVER_ANSWERS, SERVES, ScriptPart

QUICK = Patience(deaths=2, first_rest_s=0.01)


@dataclass(slots=True)
class Running:
    """A supervisor in a thread, and what it said."""

    supervisor: Supervisor
    said: io.StringIO

    def part(self, name: str) -> PartState:
        state = read_state(self.supervisor.home)
        assert state
        return next(part for part in state.parts if part.name == name)


def make_supervisor(home: Path, tiers: Sequence[Sequence[ScriptPart]]) -> Running:
    said = io.StringIO()
    narrator = Narrator(Console(file=said, width=200))
    steps = [[PartProcess(part) for part in tier] for tier in tiers]
    return Running(Supervisor(home, "http://127.0.0.1:1", steps, narrator, QUICK), said)


@contextmanager
def running(home: Path, *tiers: Sequence[ScriptPart]) -> Iterator[Running]:
    """A ready stack; stopped at the end."""
    run = make_supervisor(home, tiers)
    thread = threading.Thread(target=run.supervisor.run)
    thread.start()
    try:
        wait_until(lambda: "Ready" in run.said.getvalue())
        yield run
    finally:
        run.supervisor.stop_wanted.set()
        thread.join()


@contextmanager
def started(part: PartProcess) -> Iterator[PartProcess]:
    part.bring_up()
    try:
        yield part
    finally:
        part.kill()


def wait_until(holds: Callable[[], bool], within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.02)


def processes_of(home: Path) -> list[psutil.Process]:
    """The processes this test started: other fixtures may have theirs."""
    return [each for each in psutil.Process().children() if each.cwd().startswith(str(home))]


def kill(part: PartState) -> None:
    assert part.mark
    os.kill(part.mark.pid, signal.SIGKILL)


def test_each_step_is_told_as_it_begins_and_ends(own_home: Path):
    with running(own_home, [ScriptPart(own_home, "one")], [ScriptPart(own_home, "two")]) as run:
        said = run.said.getvalue()

    told = [said.index(words) for words in ("… one", "✓ one", "… two", "✓ two", "Ready in")]
    assert told == sorted(told)


def test_every_process_is_gone_after_a_stop(own_home: Path):
    with running(own_home, [ScriptPart(own_home, "one"), ScriptPart(own_home, "two")]) as run:
        processes = [mark.process() for mark in (run.part("one").mark, run.part("two").mark) if mark]
        assert all(processes)

    assert not any(process.is_running() for process in processes if process)
    assert read_state(own_home) is None


def test_a_part_that_is_killed_is_started_again_on_its_port(own_home: Path):
    with running(own_home, [ScriptPart(own_home, "one")]) as run:
        before = run.part("one")
        kill(before)
        wait_until(lambda: run.part("one").restarts == 1 and run.part("one").healthy)
        after = run.part("one")

    assert after.port == before.port
    assert after.mark != before.mark
    assert "one died; starting it again" in run.said.getvalue()


def test_a_part_that_keeps_dying_ends_the_stack_with_its_last_lines(own_home: Path):
    flag = own_home / "flag"
    once = f"import pathlib\np = pathlib.Path({str(flag)!r})\nif p.exists():\n    {DIES}\np.touch()\n{SERVES}"
    run = make_supervisor(own_home, [[ScriptPart(own_home, "one", once)]])
    failure: list[PartError] = []

    def supervise() -> None:
        try:
            run.supervisor.run()
        except PartError as error:
            failure.append(error)

    thread = threading.Thread(target=supervise)
    thread.start()
    wait_until(lambda: "Ready" in run.said.getvalue())
    kill(run.part("one"))
    thread.join()

    assert "one died 3 times" in str(failure[0])
    assert "the disk is full" in str(failure[0])


def test_a_part_that_does_not_start_takes_the_others_down_with_it(own_home: Path):
    tier = [ScriptPart(own_home, "bad", DIES), ScriptPart(own_home, "good")]
    run = make_supervisor(own_home, [tier])

    with pytest.raises(PartError, match="bad stopped at once"):
        run.supervisor.run()

    assert not processes_of(own_home)


def test_a_part_that_never_answers_is_given_up(own_home: Path):
    run = make_supervisor(own_home, [[ScriptPart(own_home, "mute", NEVER_ANSWERS, healthy_within_s=0.3)]])

    with pytest.raises(PartError, match="mute is not healthy after"):
        run.supervisor.run()

    assert not processes_of(own_home)


def test_a_stop_while_a_part_starts_is_obeyed_at_once(own_home: Path):
    run = make_supervisor(own_home, [[ScriptPart(own_home, "mute", NEVER_ANSWERS)]])
    thread = threading.Thread(target=run.supervisor.run)
    begun = time.monotonic()
    thread.start()
    wait_until(lambda: bool(processes_of(own_home)))

    run.supervisor.stop_wanted.set()
    thread.join()

    assert time.monotonic() - begun < 5
    assert not processes_of(own_home)
    assert "Ready" not in run.said.getvalue()


def test_what_a_killed_supervisor_left_is_found_by_its_state(own_home: Path):
    run = make_supervisor(own_home, [])
    with started(PartProcess(ScriptPart(own_home, "one"))) as part:
        run.supervisor.tiers = [[part]]
        run.supervisor.record()  # as far as a supervisor gets that is killed now

        orphans = find_orphans(own_home)
        stop_orphans(orphans)

        assert [process.pid for process in orphans] == [part.pid]
        assert part.has_died()


def test_a_gateway_without_a_state_file_is_found_by_its_folder(own_home: Path):
    port = free_port()
    env = {"PYTHONPATH": os.pathsep.join(sys.path), "PORT": str(port)}
    gateway = Gateway(own_home, port, env, module="tests.integration.local_stack.stand_in_gateway")
    with started(PartProcess(gateway)) as part:
        orphans = find_orphans(own_home)
        stop_orphans(orphans)

        assert [process.pid for process in orphans] == [part.pid]
        assert part.has_died()


def test_a_stranger_in_the_data_folder_is_no_orphan(own_home: Path):
    with started(PartProcess(ScriptPart(own_home, "gateway"))):
        assert find_orphans(own_home) == []
