"""What is left to bring in, and how much of it at once."""

import errno
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gpu_workers.weights.bring import FILES_AT_ONCE, SPARE_BYTES, Bringer, find_present, fit_to_disk
from gpu_workers.weights.errors import PushError
from tests.unit.weights import make

GB = 1_000_000_000


def test_a_file_is_present_when_it_is_what_the_hub_has() -> None:
    files = [make.hub_file(name) for name in ("same", "changed", "cut", "missing")]
    there = {
        "same": make.stored_file("same"),
        "changed": make.stored_file("changed", hub_id="d" * 64),
        "cut": make.stored_file("cut", size_bytes=9),
    }

    assert find_present(files, there.get).keys() == {"same"}


@pytest.mark.parametrize(
    ("sizes_gb", "free_gb", "at_once"),
    [
        ([5, 5, 5, 5, 5], 100, FILES_AT_ONCE),
        ([5, 5, 5, 5, 5], 11, 2),
        ([1, 1, 9], 10, 1),
        ([5, 1, 1], 8, 3),
        ([], 0, 1),
    ],
)
def test_as_many_files_as_fit_are_on_the_disk_whichever_they_are(
    sizes_gb: list[int], free_gb: int, at_once: int
) -> None:
    assert fit_to_disk([size * GB for size in sizes_gb], free_gb * GB) == at_once


def test_a_disk_too_small_for_the_largest_is_said_before_anything_is_downloaded() -> None:
    with pytest.raises(PushError, match=r"5\.5 GB are needed and 5\.0 GB are free") as caught:
        fit_to_disk([5 * GB, 1], 5 * GB)

    assert caught.value.code == "disk_full"
    assert fit_to_disk([5 * GB], 5 * GB + SPARE_BYTES) == 1


def _say_nothing(event: str, **fields: object) -> None:
    """To nobody."""


class _FullDisk:
    """Is the hub and the store of a machine whose disk fills while it downloads."""

    def download(self, *_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_meanwhile_is_said(tmp_path: Path) -> None:
    full: Any = _FullDisk()
    bringer = Bringer(make.repository(), full, full, tmp_path, _say_nothing)

    with pytest.raises(PushError, match="continued by the next push") as caught:
        bringer.bring([make.hub_file()], {})

    assert caught.value.code == "disk_full"
