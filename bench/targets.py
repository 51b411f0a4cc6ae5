"""What is measured: the chat function with its real Postgres and Valkey, and the peers, all in front of the same engine."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import psutil

from bench import peers
from bench.database import Ledger, counting_postgres
from bench.plan import TURNS_PER_CONVERSATION, Worker
from bench.processes import NotUpError, started
from local.parts import EmbeddedPostgres, EmbeddedValkey
from local.parts.ports import free_port


@dataclass(frozen=True, slots=True)
class Target:
    """A server to load. `ledger` is there for the one that stores its turns.

    `workers` gives the clients of one load, each of which may ask for so many turns.
    """

    name: str
    what: str
    port: int
    process: psutil.Process
    streams: int
    workers: Callable[[int], Sequence[Worker]]
    ledger: Ledger | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the targets of a benchmark run: a scratch folder, the engine's port, and how many clients there will be."""

    home: Path
    engine_port: int
    streams: int

    @property
    def engine_url(self) -> str:
        return f"http://127.0.0.1:{self.engine_port}/v1"


@contextmanager
def engine(home: Path, interval_ms: float) -> Iterator[int]:
    """The stand-in engine; its port."""
    port = free_port()
    argv = [sys.executable, "-m", "bench.engine", "--port", str(port), "--interval-ms", str(interval_ms)]
    with started(argv, port=port, log=home / "engine.log"):
        yield port


@contextmanager
def chat_function(setting: Setting) -> Iterator[Target]:
    """The chat function alone by its `run.sh`, every worker an authenticated user with conversations of its own."""
    with (
        counting_postgres(setting.home) as postgres,
        EmbeddedValkey(setting.home) as valkey,
        started(
            ["/bin/sh", "lambdas/chat/run.sh"],
            port=(port := free_port()),
            log=setting.home / "chat.log",
            env=_chat_environment(setting, postgres, valkey, port),
        ) as process,
    ):
        ledger = Ledger(postgres.owner_url)
        users = [uuid4() for _ in range(setting.streams)]

        def workers(turns: int) -> list[Worker]:
            made = ledger.make_conversations(users, -(-turns // TURNS_PER_CONVERSATION))
            return [Worker(_headers(user_id), made[user_id]) for user_id in users]

        yield Target(
            "chat function", "the whole turn, authenticated and stored", port, process, setting.streams, workers, ledger
        )


def _chat_environment(
    setting: Setting, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, port: int
) -> dict[str, str]:
    return {
        "PYTHON": sys.executable,
        "AWS_LWA_PORT": str(port),
        "DATABASE_URL": postgres.url_for("parley_app"),
        "VALKEY_URL": valkey.url,
        "VALKEY_PASSWORD_FILE": str(valkey.password_file),
        "ENGINE_URL": setting.engine_url,
        "LOG_LEVEL": "WARNING",
    }


def _headers(user_id: UUID) -> dict[str, str]:
    """What API Gateway and Lambda Web Adapter put beside the request once the authorizer has let it in."""
    authorizer = {"principalId": str(user_id), "user_id": str(user_id), "tier": "pro", "roles": ""}
    context = {"requestId": str(uuid4()), "authorizer": authorizer}
    return {"x-amzn-request-context": orjson.dumps(context).decode()}


@contextmanager
def bare_relay(setting: Setting) -> Iterator[Target]:
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", "--factory", "bench.relay:app", "--port", str(port)]
    argv += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    log = setting.home / "relay.log"
    with started(argv, port=port, log=log, env={"ENGINE_URL": setting.engine_url}) as process:
        workers = [Worker({})] * setting.streams
        yield Target(
            "bare relay",
            "Starlette and aiohttp, bytes passed on unread",
            port,
            process,
            setting.streams,
            lambda _: workers,
        )


@contextmanager
def litellm_proxy(setting: Setting, program: Path) -> Iterator[Target]:
    port = free_port()
    config = peers.write_litellm_config(setting.home, setting.engine_url)
    argv = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    log = setting.home / "litellm.log"
    with started(argv, port=port, log=log, env=peers.LITELLM_ENVIRONMENT, within_s=120) as process:
        workers = [Worker({"authorization": f"Bearer {peers.LITELLM_KEY}"})] * setting.streams
        yield Target(
            "LiteLLM proxy",
            f"{peers.LITELLM}, relay and key check only",
            port,
            process,
            setting.streams,
            lambda _: workers,
        )


@contextmanager
def all_targets(setting: Setting, *, with_peers: bool = True) -> Iterator[list[Target]]:
    """The chat function first. A peer that is not there, or does not start, is said so and left out."""
    with ExitStack() as stack:
        targets = [stack.enter_context(chat_function(setting))]
        if with_peers:
            targets.append(stack.enter_context(bare_relay(setting)))
            program = peers.litellm_program()
            if program is None:
                print(f"LiteLLM proxy: {peers.INSTALL_HINT}")
            else:
                try:
                    targets.append(stack.enter_context(litellm_proxy(setting, program)))
                except NotUpError as error:
                    print(f"LiteLLM proxy: left out. {error}")
        yield targets
