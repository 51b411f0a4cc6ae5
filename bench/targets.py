"""What is measured: the chat function with its real Postgres and Valkey, and the peers, all in front of the same engine."""

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import psutil

from bench import peers, script
from bench.database import Ledger, counting_postgres
from bench.plan import TURNS_PER_CONVERSATION, Kind, Worker
from bench.processes import NotUpError, started
from local.parts import EmbeddedPostgres, EmbeddedValkey
from local.parts.ports import free_port


@dataclass(frozen=True, slots=True)
class Target:
    """A server to load. `ledger` is there for the one that stores its turns.

    `workers` gives so many clients of one load, each of which may ask for so many turns. `kinds`: the loads it is put to.
    """

    name: str
    what: str
    port: int
    process: psutil.Process
    workers: Callable[[int, int], Sequence[Worker]]
    ledger: Ledger | None = None
    kinds: Collection[Kind] = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the targets of a benchmark run: a scratch folder and the engine's port."""

    home: Path
    engine_port: int

    @property
    def engine_url(self) -> str:
        return f"http://127.0.0.1:{self.engine_port}/v1"


@dataclass(frozen=True, slots=True)
class Storage:
    """What processes of the chat function share."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.postgres.owner_url)


@contextmanager
def engine(home: Path, interval_ms: float) -> Iterator[int]:
    """The stand-in engine; its port."""
    port = free_port()
    argv = [sys.executable, "-m", "bench.engine", "--port", str(port), "--interval-ms", str(interval_ms)]
    with started(argv, port=port, log=home / "engine.log"):
        yield port


@contextmanager
def storage(home: Path) -> Iterator[Storage]:
    """The real Postgres and Valkey, durable as in the stack."""
    with counting_postgres(home) as postgres, EmbeddedValkey(home) as valkey:
        yield Storage(postgres, valkey)


@contextmanager
def chat_function(setting: Setting, stored: Storage, name: str = "chat function") -> Iterator[Target]:
    """The chat function alone by its `run.sh`, every worker an authenticated user with conversations of its own."""
    port = free_port()
    ledger = stored.ledger

    def workers(streams: int, turns: int) -> list[Worker]:
        users = [uuid4() for _ in range(streams)]
        made = ledger.make_conversations(users, -(-turns // TURNS_PER_CONVERSATION))
        return [Worker(headers_of(user_id), made[user_id]) for user_id in users]

    log = setting.home / f"chat-{port}.log"
    with started(
        ["/bin/sh", "lambdas/chat/run.sh"], port=port, log=log, env=_chat_environment(setting, stored, port)
    ) as process:
        yield Target(name, "the whole turn, authenticated, stored and logged", port, process, workers, ledger)


def _chat_environment(setting: Setting, stored: Storage, port: int) -> dict[str, str]:
    return {
        "PYTHON": sys.executable,
        "AWS_LWA_PORT": str(port),
        "DATABASE_URL": stored.postgres.url_for("parley_app"),
        "VALKEY_URL": stored.valkey.url,
        "VALKEY_PASSWORD_FILE": str(stored.valkey.password_file),
        "MODELS_FILE": str(_write_catalogue(setting)),
        "LOG_LEVEL": "WARNING",
    }


def _write_catalogue(setting: Setting) -> Path:
    """As a stage has it: a pool of vLLM's dialect, whose state each turn looks at."""
    file = setting.home / "models.toml"
    file.write_text(
        f'default = "{script.MODEL}"\n[pools.fast]\ndialect = "vllm"\nurl = "{setting.engine_url}"\n'
        + "".join(
            f'[[models]]\nname = "{name}"\npool = "fast"\ncontext_tokens = {script.CONTEXT_TOKENS}\n'
            for name in (script.MODEL, script.SCATTERED_MODEL)
        )
    )
    return file


def headers_of(user_id: UUID) -> dict[str, str]:
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
        what = "Starlette and aiohttp, bytes passed on unread"
        yield Target("bare relay", what, port, process, lambda streams, _: [Worker({})] * streams)


@contextmanager
def litellm_proxy(setting: Setting, program: Path) -> Iterator[Target]:
    port = free_port()
    config = peers.write_litellm_config(setting.home, setting.engine_url)
    argv = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    log = setting.home / "litellm.log"
    worker = Worker({"authorization": f"Bearer {peers.LITELLM_KEY}"})
    with started(argv, port=port, log=log, env=peers.LITELLM_ENVIRONMENT, within_s=120) as process:
        yield Target(
            "LiteLLM proxy",
            f"{peers.LITELLM}, relay and key check only",
            port,
            process,
            lambda streams, _: [worker] * streams,
            # It cannot keep up with the first load, and other ones tell nothing new of it.
            kinds=(Kind.SHORT, Kind.LONG),
        )


@contextmanager
def running_peers(setting: Setting) -> Iterator[list[Target]]:
    """A peer that is not there, or does not start, is said so and left out."""
    with ExitStack() as stack:
        targets = [stack.enter_context(bare_relay(setting))]
        program = peers.litellm_program()
        if program is None:
            print(f"LiteLLM proxy: {peers.INSTALL_HINT}")
        else:
            try:
                targets.append(stack.enter_context(litellm_proxy(setting, program)))
            except NotUpError as error:
                print(f"LiteLLM proxy: left out. {error}")
        yield targets
