"""Lambda's part: a function from what was built, laid out and started as Lambda does, and nothing else within its reach.

Layers are merged in `opt` (Lambda's /opt), the function is `task` (/var/task), the interpreter is the bare one under the virtual
environment, without site-packages. Run as a program it plays the runtime: a JSON document a line, `{"event"}`, in and out.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = getattr(sys, "_base_executable", sys.executable)
# What Lambda sets in every environment; https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
LAMBDA = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/usr/local/bin:/usr/bin/:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",  # both folders are read-only there
}


@dataclass(frozen=True, slots=True)
class Host:
    """One function laid out in a folder of its own."""

    opt: Path
    task: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **LAMBDA,
            "PYTHONPATH": str(self.opt / "python"),
            "LAMBDA_TASK_ROOT": str(self.task),
        }

    def bare_python(self) -> Path:
        """A command that is Lambda's Python: it knows no packages but those on its path."""
        command = self.opt.parent / "python3"
        command.write_text(f'#!/bin/sh\nexec "{PYTHON}" -S "$@"\n')
        command.chmod(0o755)
        return command


def lay_out(built: Path, name: str, folder: Path) -> Host:
    """The function `name` of the build, in `folder`."""
    from layers.build import layers_of  # here, for this file is Lambda's runtime too, which has no such package

    opt, task = folder / "opt", folder / "task"
    for layer in layers_of(name):
        shutil.copytree(built / "layers" / layer, opt, copy_function=os.link, dirs_exist_ok=True)
    shutil.copytree(built / "functions" / name, task)
    return Host(opt, task)


@dataclass(frozen=True, slots=True)
class Function:
    """A buffered function that has started."""

    process: subprocess.Popen[str]

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """What the handler returns. Raises: AssertionError when it raises."""
        answer = self._exchange({"event": event})
        assert "raised" not in answer, answer
        return answer["returned"]

    def loaded_files(self) -> list[str]:
        """Where the modules come from that the function has imported."""
        return self._exchange({"files": True})["returned"]

    def _exchange(self, document: Mapping[str, Any]) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(document) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or '{"raised": "the process has ended"}')


@contextmanager
def open_function(host: Host, handler: str, environment: Mapping[str, str]) -> Iterator[Function]:
    """The function, imported by its handler's name."""
    process = subprocess.Popen(
        [host.bare_python(), "-c", Path(__file__).read_text(), handler],
        cwd=host.task,
        env={**host.environment, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Function(process)
        process.kill()  # as Lambda ends one


def _serve(handler_name: str) -> None:
    module, _, name = handler_name.rpartition(".")
    # What the function prints is its log.
    answers, sys.stdout = sys.stdout, sys.stderr
    handler = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"returned": _loaded_files() if "files" in asked else handler(asked["event"], None)}
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime does
            answer = {"raised": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _loaded_files() -> list[str]:
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return sorted(os.path.realpath(file) for file in files if file)


if __name__ == "__main__":
    _serve(sys.argv[1])
