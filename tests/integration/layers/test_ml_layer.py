"""The real layer, for this machine and for the one that a stage runs on."""

import json
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from layers.build import SIZE_LIMIT_BYTES, build, layers_of
from layers.elf import elf_machine, shared_libraries
from layers.folders import size_bytes
from layers.target import Target, host_target

ROOT = Path(__file__).parents[3]
PACKAGES = {"numpy", "onnxruntime", "tokenizers"}


@pytest.fixture(scope="module", params=[host_target(), Target("arm64", "3.14")], ids=str)
def target(request: pytest.FixtureRequest) -> Target:
    return request.param


@pytest.fixture(scope="module")
def built(target: Target) -> Path:
    return build(target, ROOT / "build", say=lambda _: None)


def _names(layer: Path) -> set[str]:
    return {each.name.lower() for each in distributions(path=[str(layer / "python")])}


def test_it_has_three_packages_that_no_other_layer_has(built: Path) -> None:
    assert _names(built / "layers/ml") == PACKAGES
    assert not _names(built / "layers/deps") & PACKAGES


def test_its_libraries_are_for_the_target(built: Path, target: Target) -> None:
    libraries = shared_libraries(built / "layers/ml")

    assert len(libraries) > 10
    assert {elf_machine(each) for each in libraries} == {target.elf_machine}


def test_the_classifier_is_ours_without_notes_of_how_it_was_made(built: Path) -> None:
    files = {each.name for each in (built / "layers/ml/classifier").iterdir()}

    assert files == {"classifier.toml", "encoder.onnx", "heads.npz", "tokenizer.json"}
    heads = ROOT / "layers/ml/heads"
    for name in ("classifier.toml", "heads.npz"):
        assert (built / "layers/ml/classifier" / name).read_bytes() == (heads / name).read_bytes()


def test_the_moderation_function_alone_has_it_and_still_fits(built: Path) -> None:
    functions = json.loads((built / "manifest.json").read_text())["functions"]

    assert [each for each in functions if "ml" in layers_of(each)] == ["moderation"]
    for name in functions:
        parts = [built / "functions" / name, *(built / "layers" / each for each in layers_of(name))]
        assert sum(map(size_bytes, parts)) < SIZE_LIMIT_BYTES, name


def test_it_scores_a_text_with_nothing_but_the_layers_and_without_complaint() -> None:
    built = build(host_target(), ROOT / "build", say=lambda _: None)
    packages = [str(built / "layers" / each / "python") for each in layers_of("moderation")]
    script = (
        "import sys; from pathlib import Path; from parley.moderation.onnx.classifier import open_classifier\n"
        "with open_classifier(Path(sys.argv[1])) as classifier: print(len(classifier.score(['Good morning.'])[0]))"
    )
    python = getattr(sys, "_base_executable", sys.executable)

    run = subprocess.run(
        [python, "-S", "-c", script, str(built / "layers/ml/classifier")],
        env={"PYTHONPATH": os.pathsep.join(packages), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, "13\n", "")
