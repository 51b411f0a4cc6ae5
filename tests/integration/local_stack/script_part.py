"""A part whose program is a few lines of Python: starts in milliseconds, fails as told."""

import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from local.parts.home import make_private
from local.parts.ports import LOOPBACK, free_port
from local.parts.process import Launch, NotReadyError

SERVES = """\
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("serving", flush=True)
while True:
    server.accept()[0].close()
"""
DIES = "print('the disk is full', flush=True); raise SystemExit(3)"
NEVER_ANSWERS = "import time; time.sleep(600)"


@dataclass(frozen=True, slots=True)
class ScriptPart:
    home: Path
    name: str
    script: str = SERVES
    healthy_within_s: float = 20.0
    port: int = field(default_factory=free_port)

    def doing(self) -> str:
        return "starting"

    def prepare(self) -> None:
        make_private(self.home / self.name)

    def launch(self) -> Launch:
        return Launch(
            argv=(sys.executable, "-c", self.script, str(self.port)),
            cwd=self.home / self.name,
            log=self.home / "logs" / f"{self.name}.log",
        )

    def probe(self) -> None:
        try:
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()
        except OSError as error:
            raise NotReadyError(str(error)) from error

    def finish(self) -> None:
        pass
