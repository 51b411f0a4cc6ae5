"""What a stage wants in its store, and what it has."""

from pathlib import Path

import pytest

from cdk.config import STAGES
from local.model_store.aws import Revision
from local.model_store.catalogue import STAGES as FOLDER
from local.model_store.catalogue import Wanted, find_wanted, read_wanted
from local.model_store.errors import StoreError
from local.model_store.listing import compare

PIN = "1" * 40
CATALOGUE = f"""
default = "small"

[[models]]
name = "small"
source = "org/small"
revision = "{"0" * 40}"

[[models]]
name = "theirs"

[[models]]
name = "custom"
source = "org/custom"
revision = "{PIN}"

[models.adapters]
tone = {{ source = "org/tone", revision = "{PIN}" }}
own = {{ revision = "{PIN}" }}
"""


@pytest.fixture
def wanted(tmp_path: Path) -> tuple[Wanted, ...]:
    (tmp_path / "dev.models.toml").write_text(CATALOGUE)
    return read_wanted("dev", tmp_path)


def test_models_and_adapters_with_a_source_are_wanted(wanted: tuple[Wanted, ...]) -> None:
    assert [(each.folder, each.source) for each in wanted] == [
        ("models/small", "org/small"),
        ("models/custom", "org/custom"),
        ("adapters/tone", "org/tone"),
    ]


def test_forty_zeros_are_no_revision(wanted: tuple[Wanted, ...]) -> None:
    assert [each.pinned_revision for each in wanted] == [None, PIN, PIN]


def test_an_unknown_model_is_told_which_there_are(wanted: tuple[Wanted, ...]) -> None:
    with pytest.raises(StoreError, match=r"'smal' to bring in\. There are: small, custom, tone"):
        find_wanted(wanted, "smal", "dev")


def test_a_catalogue_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"prod\.models\.toml is not there"):
        read_wanted("prod", tmp_path)
    (tmp_path / "prod.models.toml").write_text("default =")
    with pytest.raises(StoreError, match=r"prod\.models\.toml"):
        read_wanted("prod", tmp_path)


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_s_own_catalogue_is_read(stage: str) -> None:
    wanted = read_wanted(stage, FOLDER)

    assert wanted
    assert all("/" in each.source for each in wanted)


def test_the_list_says_what_is_present_missing_unpinned_and_of_no_use(wanted: tuple[Wanted, ...]) -> None:
    old = "2" * 40
    stored = [
        Revision("models/custom", PIN, 100, whole=True),
        Revision("models/custom", old, 90, whole=True),
        Revision("adapters/tone", PIN, 5, whole=False),
    ]

    rows = compare(wanted, stored)

    assert [(row.folder, row.revision, row.state, row.size_bytes, row.begun) for row in rows] == [
        ("models/small", "", "unpinned", 0, False),
        ("models/custom", PIN, "present", 100, False),
        ("adapters/tone", PIN, "missing", 5, True),
        ("models/custom", old, "unused", 90, False),
    ]
