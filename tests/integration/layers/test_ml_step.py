"""The build makes the classifier's layer for the function that has it, and only when something of it has changed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from layers import build as building
from layers.build import build
from layers.errors import BuildError
from layers.target import host_target

FILES = {
    # A package of nothing in the place of onnxruntime's 36 MB: what is installed is tested on the real layer.
    "pyproject.toml": (
        '[project]\ndependencies = ["typing-extensions"]\n[project.optional-dependencies]\nml = ["annotated-types"]\n'
    ),
    "constraints.txt": "annotated-types==0.8.0\ntyping-extensions==4.16.0\n",
    "layers/core/python/parley/__init__.py": "",
    "lambdas/__init__.py": "",
    "lambdas/moderation/main.py": "def handler(event, context): ...\n",
    "lambdas/history/main.py": "def handler(event, context): ...\n",
    "web/dist/index.html": "<html>",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with two functions, one of which has the classifier."""
    for name, text in FILES.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return tmp_path / "project"


def _build(project: Path, classifier: Path | None) -> tuple[Path, list[str]]:
    """The build, and which of its parts were made."""
    said: list[str] = []
    where = str(classifier) if classifier else None
    folder = build(host_target(), project / "build", root=project, say=said.append, classifier=where)
    return folder, [line.split()[0] for line in said if "made in" in line]


def test_the_layer_has_the_packages_of_its_extra_and_the_classifier(project: Path, own: Path) -> None:
    folder, made = _build(project, own)

    layer = folder / "layers/ml"
    assert "ml" in made
    assert {each.name for each in layer.iterdir()} == {"python", "classifier"}
    assert (layer / "python/annotated_types/__init__.py").exists()
    assert (layer / "classifier/encoder.onnx").read_bytes() == (own / "encoder.onnx").read_bytes()
    assert json.loads((folder / "manifest.json").read_text())["classifier"] == str(own)


def test_only_another_classifier_makes_it_again(project: Path, own: Path) -> None:
    _build(project, own)

    assert _build(project, own)[1] == []
    (own / "classifier.toml").write_text((own / "classifier.toml").read_text() + "\n")
    assert _build(project, own)[1] == ["ml"]


def test_a_classifier_that_does_not_open_leaves_the_layer_that_was_there(project: Path, own: Path) -> None:
    folder, _ = _build(project, own)
    (own / "tokenizer.json").write_text("{}")

    with pytest.raises(BuildError, match="does not open"):
        _build(project, own)

    assert (folder / "layers/ml/classifier/tokenizer.json").read_text() != "{}"


def test_a_classifier_of_one_s_own_has_a_limit_of_its_own(
    project: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "SIZE_LIMIT_BYTES", 1_000_000)
    _build(project, own)
    monkeypatch.setattr(building, "OWN_CLASSIFIER_LIMIT_BYTES", 20_000_000)

    with pytest.raises(BuildError, match="functions/moderation with its layers is over 20 MB"):
        _build(project, own)


def test_a_project_without_the_function_needs_no_classifier(project: Path) -> None:
    (project / "lambdas/moderation/main.py").unlink()

    folder, made = _build(project, None)

    assert "ml" not in made
    assert not (folder / "layers/ml").exists()


def test_the_command_says_in_one_line_what_is_wrong_with_a_classifier(project: Path) -> None:
    command = [sys.executable, "-m", "layers.build", "--arch", "arm64", "--python", "3.14", "--classifier", "nowhere"]
    output = ["--output", str(project / "build")]
    root = Path(__file__).parents[3]
    run = subprocess.run([*command, *output], cwd=root, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (1, "build: nowhere: no folder with a classifier.toml\n")
