"""The stacks deploy what was built, for the machine it was built for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cdk.build import find_build
from cdk.config import ConfigError, load_config
from tests.infra.conftest import FUNCTIONS, FindBuild, FindResources


def test_what_was_not_built_is_refused_with_what_to_type(tmp_path: Path) -> None:
    config = load_config("dev").build

    with pytest.raises(ConfigError, match=rf"type: make build ARCH={config.architecture} PY={config.python}"):
        find_build(config, str(tmp_path))


@pytest.mark.parametrize("built", [{"arch": "x86_64"}, {"python": "3.11"}])
def test_a_build_for_another_machine_is_refused_with_what_to_type(
    tmp_path: Path, fake_build: FindBuild, built: dict[str, str]
) -> None:
    config = load_config("dev").build
    folder = Path(shutil.copytree(fake_build("dev"), tmp_path / "build"))
    manifest = {"arch": config.architecture, "python": config.python, **built}
    (folder / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(ConfigError, match=rf"type: make build ARCH={config.architecture} PY={config.python}"):
        find_build(config, str(folder))


def test_a_build_with_another_classifier_than_the_stage_s_is_refused_with_what_to_type(
    tmp_path: Path, fake_build: FindBuild
) -> None:
    config = load_config("dev").build.model_copy(update={"classifier": "s3://models/toxicity/7"})

    with pytest.raises(ConfigError, match=r"type: make build ARCH=\w+ PY=\S+ CLASSIFIER=s3://models/toxicity/7$"):
        find_build(config, str(fake_build("dev")))
    folder = Path(shutil.copytree(fake_build("dev"), tmp_path / "build"))
    manifest = {"arch": config.architecture, "python": config.python, "classifier": config.classifier}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert find_build(config, str(folder)).config == config
    with pytest.raises(ConfigError, match="another classifier"):
        find_build(load_config("dev").build, str(folder))


def test_make_builds_what_the_stage_says(root: Path) -> None:
    config = load_config("dev").build.model_copy(update={"classifier": "my/classifier"})
    run = subprocess.run(
        [sys.executable, "-m", "cdk.config", "dev"], cwd=root, capture_output=True, text=True, check=True
    )

    assert run.stdout == f"--arch {config.architecture} --python {config.python}\n"
    assert config.flags == f"{run.stdout.strip()} --classifier my/classifier"


def test_every_function_and_layer_is_for_the_machine_it_was_built_for(
    find_resources: FindResources, stage: str
) -> None:
    build = load_config(stage).build
    functions = [each["Properties"] for each in find_resources(stage, "Lambda::Function").values()]
    ours = [each for each in functions if "FunctionName" in each]

    assert {each["FunctionName"] for each in ours} == {f"parley-{stage}-{name}" for name in FUNCTIONS}
    assert {each["Runtime"] for each in ours} == {f"python{build.python}"}
    assert {each["Architectures"][0] for each in ours} == {build.architecture}
    layers = {name: each for name, each in find_resources(stage, "Lambda::LayerVersion").items() if "-api/" in name}
    assert len(layers) == 4
    for layer in layers.values():
        assert layer["Properties"]["CompatibleRuntimes"] == [f"python{build.python}"]
        assert layer["Properties"]["CompatibleArchitectures"] == [build.architecture]


def test_the_functions_of_the_stacks_are_those_of_the_repository(root: Path) -> None:
    assert {main.parent.name for main in (root / "lambdas").glob("*/main.py")} == set(FUNCTIONS)
