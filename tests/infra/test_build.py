"""The stacks deploy what was built, for the machine it was built for."""

import json
import shutil
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
    assert len(layers) == 3
    for layer in layers.values():
        assert layer["Properties"]["CompatibleRuntimes"] == [f"python{build.python}"]
        assert layer["Properties"]["CompatibleArchitectures"] == [build.architecture]


def test_the_functions_of_the_stacks_are_those_of_the_repository(root: Path) -> None:
    assert {main.parent.name for main in (root / "lambdas").glob("*/main.py")} == set(FUNCTIONS)
