"""A classifier's folder of one's own: a copy of ours under another name."""

import shutil
from pathlib import Path

import pytest

from layers.ml.encoder import make_classifier

ROOT = Path(__file__).parents[3]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    ours = make_classifier(say=lambda _: None)
    folder = Path(shutil.copytree(ours, tmp_path / "own", ignore=shutil.ignore_patterns(".*")))
    manifest = folder / "classifier.toml"
    manifest.write_text(manifest.read_text().replace('version = "', 'version = "own-'))
    return folder
