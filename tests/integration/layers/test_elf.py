"""Libraries keep what is loaded of them, and nothing else."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from layers.elf import elf_machine, shared_libraries, strip
from layers.errors import BuildError
from layers.target import host_target

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="wheels for Linux are unpacked here")
# Written in C, in C++ and in Rust: each finds its exceptions or panics in another way.
PACKAGES = {
    "uvloop": "import uvloop; uvloop.run(__import__('asyncio').sleep(0))",
    "ahocorasick_rs": "import ahocorasick_rs; assert ahocorasick_rs.AhoCorasick(['b']).find_matches_as_indexes('abc')",
    "tokenizers": "import tokenizers\ntry: tokenizers.Tokenizer.from_str('x')\nexcept Exception: pass\nelse: raise SystemExit(1)",
}


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an installed package."""
    found = importlib.util.find_spec(request.param)
    assert found is not None
    assert found.origin is not None
    return Path(shutil.copytree(Path(found.origin).parent, tmp_path / request.param))


def test_a_stripped_library_does_what_it_did(package: Path) -> None:
    libraries = shared_libraries(package)
    size_bytes = sum(each.stat().st_size for each in libraries)

    for library in libraries:
        strip(library)

    assert libraries
    assert sum(each.stat().st_size for each in libraries) < size_bytes
    assert {elf_machine(each) for each in libraries} == {host_target().elf_machine}
    script = f"{PACKAGES[package.name]}\nassert {package.name}.__file__.startswith({str(package)!r})"
    environment = {"PYTHONPATH": str(package.parent)}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_stripping_twice_is_stripping_once(package: Path) -> None:
    (library, *_) = shared_libraries(package)
    strip(library)
    once = library.read_bytes()

    strip(library)

    assert library.read_bytes() == once


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF\x01\x01" + bytes(100), b"MZ" + bytes(100)])
def test_what_is_no_library_of_64_bits_for_linux_stops_the_build(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.so"
    file.write_bytes(content)

    with pytest.raises(BuildError, match=r"x\.so is no shared library"):
        elf_machine(file)
