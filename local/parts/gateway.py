"""The gateway as a part: `python -m local.gateway`, configured by its environment alone."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.parts.home import make_private
from local.parts.ports import LOOPBACK, holder_of, is_free
from local.parts.process import Launch, NotReadyError, PartError


@dataclass(frozen=True, slots=True)
class Gateway:
    """The process that plays API Gateway, runs the functions and serves the page on the one port users see."""

    home: Path
    port: int
    env: Mapping[str, str] = field(repr=False)
    module: str = "local.gateway"
    name: str = "gateway"
    healthy_within_s: float = 60.0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def doing(self) -> str:
        return "starting the functions"

    def prepare(self) -> None:
        require_free(self.port)
        make_private(self.home / "gateway")

    def launch(self) -> Launch:
        return Launch(
            argv=(sys.executable, "-P", "-m", self.module),
            cwd=self.home / "gateway",
            log=make_private(self.home / "logs") / "gateway.log",
            env=self.env,
            stop_within_s=8.0,  # turns under way settle first
        )

    def probe(self) -> None:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):  # noqa: S310 a loopback address
                return
        except urllib.error.HTTPError as error:
            raise NotReadyError(_unready_parts(error.read())) from error
        except (urllib.error.URLError, OSError) as error:
            raise NotReadyError(str(error)) from error

    def finish(self) -> None:
        pass


def require_free(port: int) -> None:
    """Raises: PartError that names who holds the port."""
    if not is_free(port):
        raise PartError(
            f"Port {port} is taken by {holder_of(port)}.\n"
            f"Stop that, or choose another port, for example: PORT={port + 1} make run"
        )


def _unready_parts(body: bytes) -> str:
    """`/healthz` says in JSON what is not ready; the first 300 characters of it do for a message."""
    try:
        return json.dumps(json.loads(body))[:300]
    except ValueError:
        return "it answers /healthz with an error"
