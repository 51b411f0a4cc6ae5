"""What a build holds: the right machine's code, small enough, the same bytes each time."""

import hashlib
import json
import os
import struct
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from layers import build as building
from layers.build import SIZE_LIMIT_BYTES, build
from layers.errors import BuildError
from layers.target import host_target

EM_AARCH64 = 183


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _fingerprint(folder: Path) -> dict[str, tuple[str, int, float]]:
    """Digest, mode and time of each file."""
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mode,
            path.stat().st_mtime,
        )
        for path in _files(folder)
    }


def _packages(built: Path) -> list[Distribution]:
    return list(distributions(path=[str(built / "layers/deps/python")]))


def test_every_library_of_the_arm64_build_is_for_arm64(built_arm64: Path) -> None:
    libraries = [path for path in _files(built_arm64) if ".so" in path.suffixes]

    assert len(libraries) > 20
    for library in libraries:
        head = library.read_bytes()[:20]
        assert head[:6] == b"\x7fELF\x02\x01", library  # 64 bits, little-endian
        assert struct.unpack("<H", head[18:20]) == (EM_AARCH64,), library


def test_every_wheel_of_the_arm64_build_runs_on_lambda_s_arm64_python_3_13(built_arm64: Path) -> None:
    for package in _packages(built_arm64):
        tags = [line.removeprefix("Tag: ") for line in _wheel(package).splitlines() if line.startswith("Tag: ")]
        assert any(_runs_on_arm64(tag) for tag in tags), (package.name, tags)


def _wheel(package: Distribution) -> str:
    text = package.read_text("WHEEL")
    assert text is not None, package.name
    return text


def _runs_on_arm64(tag: str) -> bool:
    """Some builders leave the platforms of one file in one tag, with dots between them."""
    python, abi, platforms = tag.split("-")
    if platforms == "any":
        return python.startswith("py") and abi == "none"
    return any(_is_old_enough(each) for each in platforms.split(".")) and abi in {"cp313", "abi3", "none"}


def _is_old_enough(platform: str) -> bool:
    glibc = platform.removeprefix("manylinux_2_").removesuffix("_aarch64")
    return platform == "manylinux2014_aarch64" or (glibc.isdigit() and int(glibc) <= 34)


@pytest.mark.parametrize("which", ["built", "built_arm64"])
def test_a_function_with_its_layers_is_within_the_limit(which: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(which)
    manifest = json.loads((folder / "manifest.json").read_text())
    sizes = {part: sum(file.stat().st_size for file in _files(folder / part)) for part in manifest["sizes_bytes"]}

    assert manifest["sizes_bytes"] == sizes
    assert {f"functions/{name}" for name in manifest["functions"]} <= set(sizes)
    layers_bytes = sizes["layers/deps"] + sizes["layers/core"]
    assert layers_bytes + max(sizes[f"functions/{name}"] for name in manifest["functions"]) < SIZE_LIMIT_BYTES


def test_what_functions_do_not_need_is_left_out(built: Path, built_arm64: Path) -> None:
    for folder in (built, built_arm64):
        assert not {package.name for package in _packages(folder)} & {"boto3", "botocore", "numpy", "onnxruntime"}
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert not [name for name in names if name.endswith((".pyx", ".c", "/tests", "/RECORD", "/bin"))]
        assert not [name for name in names if name.startswith(("functions/", "web/")) and "__pycache__" in name]


def test_packages_still_know_their_versions_and_entry_points(built: Path) -> None:
    versions = {package.name.lower(): package.version for package in _packages(built)}
    groups = {point.group for package in _packages(built) for point in package.entry_points}

    assert versions["fastapi"]
    assert "opentelemetry_context" in groups  # without it OpenTelemetry's API does not import


def test_byte_code_is_shipped_where_it_fits_and_never_checked(built: Path, built_arm64: Path) -> None:
    assert json.loads((built / "manifest.json").read_text())["ships_pyc"] is True
    cached = [path for path in _files(built / "layers") if path.suffix == ".pyc"]
    assert len(cached) == len([path for path in _files(built / "layers") if path.suffix == ".py"])
    # PEP 552: the second word is 1 for a file that is found by its source's hash, and not compared with it.
    assert {path.read_bytes()[4:8] for path in cached} == {struct.pack("<I", 1)}
    manifest = json.loads((built_arm64 / "manifest.json").read_text())
    assert manifest["ships_pyc"] == any(path.suffix == ".pyc" for path in _files(built_arm64))


def test_run_sh_is_where_the_web_adapter_looks_for_it(built: Path) -> None:
    script = built / "functions/chat/run.sh"

    assert os.access(script, os.X_OK)
    assert script.read_bytes().startswith(b"#!/bin/sh\n")


def test_the_same_sources_give_the_same_bytes_modes_and_times(built: Path, tmp_path: Path) -> None:
    again = build(host_target(), tmp_path, say=lambda _: None)

    for part in ("layers", "functions", "web"):
        assert _fingerprint(again / part) == _fingerprint(built / part)
    assert (again / "manifest.json").read_bytes() == (built / "manifest.json").read_bytes()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with one function that needs one package."""
    files = {
        "pyproject.toml": '[project]\ndependencies = ["annotated-types"]\n',
        "constraints.txt": "annotated-types==0.8.0\n",
        "layers/core/python/parley/__init__.py": "ANSWER = 42\n",
        "lambdas/__init__.py": "",
        "lambdas/hello/__init__.py": "",
        "lambdas/hello/main.py": "def handler(event, context): ...\n",
        "web/dist/index.html": "<html>",
    }
    for name, text in files.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return tmp_path / "project"


def _build(project: Path) -> tuple[Path, list[str]]:
    """The build and what it said."""
    said: list[str] = []
    return build(host_target(), project / "build", root=project, say=said.append), said


def _made(said: list[str]) -> list[str]:
    return [line.split()[0] for line in said if "made in" in line]


def test_only_what_has_changed_is_made_again(project: Path) -> None:
    assert _made(_build(project)[1]) == ["deps", "core", "hello", "web"]
    assert _made(_build(project)[1]) == []
    (project / "layers/core/python/parley/__init__.py").write_text("ANSWER = 43\n")
    folder, said = _build(project)

    assert _made(said) == ["core"]
    assert (folder / "layers/core/python/parley/__init__.py").read_text() == "ANSWER = 43\n"


def test_a_function_that_is_gone_is_gone_from_the_build(project: Path) -> None:
    folder, _ = _build(project)
    (project / "lambdas/hello/main.py").unlink()

    _build(project)

    assert list((folder / "functions").iterdir()) == []


def test_a_function_over_the_limit_stops_the_build(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "SIZE_LIMIT_BYTES", 1000)

    with pytest.raises(BuildError, match="functions/hello with its layers is over"):
        _build(project)


@pytest.mark.parametrize(
    ("requirement", "constraint", "said"),
    [
        ("annotated-types", "annotated-types==0.0.0.1", "pip found no way"),
        ("botocore", "", "botocore must not be in"),
    ],
)
def test_packages_that_cannot_or_must_not_be_there_stop_the_build(
    project: Path, requirement: str, constraint: str, said: str
) -> None:
    (project / "pyproject.toml").write_text(f'[project]\ndependencies = ["{requirement}"]\n')
    (project / "constraints.txt").write_text(constraint)

    with pytest.raises(BuildError, match=said):
        _build(project)


def test_the_command_says_in_one_line_what_is_missing(project: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "layers.build", "--arch", "sparc", "--python", "3.13"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 2
    assert "x86_64" in run.stderr


def test_a_page_that_is_not_built_stops_the_build(project: Path) -> None:
    (project / "web/dist/index.html").unlink()

    with pytest.raises(BuildError, match="make page"):
        _build(project)
