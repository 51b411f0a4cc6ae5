"""Shared libraries for Linux: which machine they are for, and the part of them that is loaded."""

from pathlib import Path

from layers.errors import BuildError

# Where a 64-bit ELF file says what: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html and ch5.pheader.html
_HEADER_BYTES = 64
_MACHINE = 18
_SEGMENTS_AT = 32
_SECTIONS_AT = 40
_SEGMENT_BYTES_AND_COUNT = 54
_SECTION_COUNT_AND_NAMES = 60
_SEGMENT_OFFSET = 8
_SEGMENT_FILE_BYTES = 32


def shared_libraries(folder: Path) -> list[Path]:
    """`x.so` and `libx.so.1`."""
    return [path for path in folder.rglob("*.so*") if path.is_file()]


def elf_machine(library: Path) -> int:
    """`e_machine` of a library. Raises: BuildError for any other file."""
    with library.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if head[:6] != b"\x7fELF\x02\x01" or len(head) < _HEADER_BYTES:
        raise BuildError(f"{library} is no shared library for Linux")  # of 64 bits, little-endian
    return _short(head, _MACHINE)


def strip(library: Path) -> None:
    """Cut off what no loader reads: symbols for debuggers and the table of sections, which stand behind the segments.

    A third of what the wheels' libraries weigh, nine tenths of uvloop's. Exceptions and panics unwind by segments, and still do.
    No command `strip` is asked, for it knows only its own machine's files. The file must be one that has an `elf_machine`.
    """
    content = bytearray(library.read_bytes())
    segments_at, each = _long(content, _SEGMENTS_AT), _short(content, _SEGMENT_BYTES_AND_COUNT)
    segments = range(segments_at, segments_at + each * _short(content, _SEGMENT_BYTES_AND_COUNT + 2), each)
    ends = [_long(content, at + _SEGMENT_OFFSET) + _long(content, at + _SEGMENT_FILE_BYTES) for at in segments]
    content[_SECTIONS_AT : _SECTIONS_AT + 8] = bytes(8)
    content[_SECTION_COUNT_AND_NAMES:_HEADER_BYTES] = bytes(4)
    library.write_bytes(content[: max(*ends, segments.stop)])


def _short(content: bytes | bytearray, at: int) -> int:
    return int.from_bytes(content[at : at + 2], "little")


def _long(content: bytes | bytearray, at: int) -> int:
    return int.from_bytes(content[at : at + 8], "little")
