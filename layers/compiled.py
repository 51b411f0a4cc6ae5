"""Byte code beside the sources. A layer is read-only at run time: without it every cold start compiles every module again."""

import shutil
import subprocess
import sys
from pathlib import Path

from layers.errors import BuildError


def find_compiler(python: str) -> str | None:
    """An interpreter whose byte code Python `python` reads: this one or one on the PATH. Any other's would be ignored."""
    found = shutil.which(f"python{python}")
    candidates = [sys.executable, *([found] if found else [])]
    return next((each for each in candidates if _version_of(each) == python), None)


def _version_of(interpreter: str) -> str:
    """`3.13`; nothing where the command does not work, as a shim of an interpreter that is not installed."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([interpreter, "-I", "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() if done.returncode == 0 else ""


def compile_sources(compiler: str, folder: Path, mounted_at: str) -> None:
    """Compile all modules of `folder`, which Lambda will show at `mounted_at`. Raises: BuildError.

    Unchecked: Lambda shows files with times of its own, by which a checked .pyc would count as stale (PEP 552).
    In a process of its own with one job, because what else a process has imported changes the bytes.
    """
    done = subprocess.run(  # noqa: S603 - our own words
        [
            *(compiler, "-I", "-m", "compileall", "-q", "-j1", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(folder), "-p", mounted_at, str(folder)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"some modules do not compile:\n{done.stdout}{done.stderr}")
