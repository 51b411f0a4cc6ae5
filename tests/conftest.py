"""What all tests share: the real parts, started once and only when a test asks for them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from local.parts import EmbeddedEngine, EmbeddedPostgres, EmbeddedValkey, temporary_home
from local.parts.ports import free_port

pytest_plugins = ["tests.aws_actions"]

# The same examples at every run, so that a red build is the change's fault; HYPOTHESIS_PROFILE=search looks for new ones.
# No deadline: a busy machine is no fault of the code.
hypothesis.settings.register_profile("parley", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "parley"))

ROOT = Path(__file__).parent.parent
PARLEY = Path(sys.executable).parent / "parley"


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(home: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(home, durable=False) as part:
        yield part


@pytest.fixture(scope="session")
def valkey(home: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(home) as part:
        yield part


@pytest.fixture(scope="session")
def engine(home: Path) -> Iterator[EmbeddedEngine]:
    """The small real model in the real engine."""
    with EmbeddedEngine(home) as part:
        yield part


@dataclass(frozen=True, slots=True)
class Stack:
    """The whole product, as `parley up --detach` starts it."""

    url: str
    home: Path

    def parley(self, *arguments: str) -> str:
        """What the command prints. Raises: CalledProcessError with its output."""
        return run_parley(self.home, self.url.rpartition(":")[2], *arguments)

    def token(self, user: str, *arguments: str) -> str:
        return self.parley("token", "--user", user, *arguments).strip()


def run_parley(home: Path, port: str, *arguments: str) -> str:
    environment = {**os.environ, "PARLEY_HOME": str(home), "PORT": port}
    done = subprocess.run(
        [PARLEY, *arguments], env=environment, cwd=ROOT, text=True, capture_output=True, timeout=100, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"parley {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A running stack with data of its own, stopped at the end."""
    port = str(free_port())
    with temporary_home() as folder:
        run_parley(folder, port, "up", "--detach")
        try:
            yield Stack(f"http://127.0.0.1:{port}", folder)
        finally:
            run_parley(folder, port, "down")
