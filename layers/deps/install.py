"""Install the functions' packages for another machine, without Docker: wheels are unpacked, nothing is run."""

import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from layers.elf import elf_machine, shared_libraries, strip
from layers.errors import BuildError
from layers.target import Target

# Lambda's runtime has boto3, and the chat function must not need it; the others are the ml layer's.
FORBIDDEN = frozenset({"boto3", "botocore", "numpy", "onnxruntime", "tokenizers"})
_FOLDERS_LEFT_OUT = frozenset({"__pycache__", "test", "tests"})
_SUFFIXES_LEFT_OUT = frozenset({".a", ".c", ".cpp", ".h", ".pxd", ".pyi", ".pyx"})
# pip's own notes: paths and scripts of this machine. What importlib.metadata reads, METADATA and entry points, stays.
_NOTES_LEFT_OUT = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "sboms"})


def read_requirements(pyproject: Path, extra: str | None = None) -> list[str]:
    """The requirements of the deployed functions, of no extra; or those of one extra alone."""
    project = tomllib.loads(pyproject.read_text())["project"]
    return project["optional-dependencies"][extra] if extra else project["dependencies"]


def install(requirements: list[str], constraints: Path, target: Target, folder: Path) -> None:
    """Fill `folder` with what the requirements need on `target`. Raises: BuildError."""
    unpack(requirements, constraints, target, folder)
    _check_complete(requirements, target, folder)


def unpack(requirements: list[str], constraints: Path, target: Target, folder: Path, *more: str) -> None:
    """Put wheels for `target` into `folder`, without what no function reads; `more` is for pip. Raises: BuildError."""
    platforms = [word for name in target.platforms for word in ("--platform", name)]
    done = subprocess.run(  # noqa: S603 - our own words
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-compile"),
            *("--disable-pip-version-check", "--target", str(folder), *platforms, "--only-binary=:all:"),
            *("--implementation", "cp", "--python-version", target.python),
            *("--constraint", str(constraints), *more, *requirements),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
        raise BuildError("pip found no way to install the functions' packages:\n" + "\n".join(said[-20:]))
    for library in shared_libraries(folder):
        if elf_machine(library) != target.elf_machine:
            raise BuildError(f"{library.relative_to(folder)} is not for {target.architecture}")
        strip(library)
    _trim(folder)


def _check_complete(requirements: list[str], target: Target, folder: Path) -> None:
    """Raises: BuildError when something is missing, or there that must not be.

    pip judges conditions such as `python_version < "3.13"` by the Python it runs under, and may leave out what the target needs.
    """
    installed = {canonicalize_name(each.name): each for each in distributions(path=[str(folder)])}
    if unwanted := FORBIDDEN & set(installed):
        raise BuildError(f"{', '.join(sorted(unwanted))} must not be in the functions' packages")
    waiting = [Requirement(text) for text in requirements]
    seen = set[str]()
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        found = installed.get(canonicalize_name(wanted.name))
        if found is None:
            raise BuildError(f"{wanted} is needed on {target} and not installed: build with Python {target.python}")
        waiting += _needs_of(found, wanted.extras, target)


def _needs_of(distribution: Distribution, extras: set[str], target: Target) -> list[Requirement]:
    environments = [{**target.markers, "extra": extra} for extra in ("", *extras)]
    needs = [Requirement(text) for text in distribution.requires or ()]
    return [need for need in needs if need.marker is None or any(need.marker.evaluate(each) for each in environments)]


def _trim(folder: Path) -> None:
    """Leave out what no function reads."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for path in sorted(folder.rglob("*")):
        in_notes = path.parent.name.endswith(".dist-info") and path.name in _NOTES_LEFT_OUT
        if path.is_dir() and (in_notes or path.name in _FOLDERS_LEFT_OUT):
            shutil.rmtree(path)
        elif path.is_file() and (in_notes or path.suffix in _SUFFIXES_LEFT_OUT):
            path.unlink()
