"""Each stage, synthesised once."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from cdk.application import build_app
from cdk.config import STAGES, load_config

FindBuild = Callable[[str], Path]
FindAssembly = Callable[[str], Path]
FUNCTIONS = ("accounts", "authorizer", "chat", "history", "jobs", "migrate", "moderation")
FindResources = Callable[[str, str], dict[str, dict[str, Any]]]
FindTemplate = Callable[[str, str], Template]


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def fake_build(tmp_path_factory: pytest.TempPathFactory, root: Path) -> FindBuild:
    """A folder laid out as `make build` does it for a stage, with hardly anything in it: synth does not look inside."""

    @cache
    def make(stage: str) -> Path:
        folder, config = tmp_path_factory.mktemp("build"), load_config(stage).build
        for name in FUNCTIONS:
            _write(folder / "functions" / name / "lambdas" / name / "main.py", f"# {name}\n")
        _write(folder / "layers/deps/python/package.py", "")
        _write(folder / "layers/ml/classifier/classifier.toml", "")
        migrations = "layers/core/python/parley/migrations"
        shutil.copytree(root / migrations, folder / migrations, ignore=shutil.ignore_patterns("__pycache__"))
        _write(folder / "web/index.html", "<!doctype html>\n")
        _write(folder / "web/assets/page-0123abcd.js", "")
        _write(folder / "manifest.json", json.dumps({"arch": config.architecture, "python": config.python}))
        return folder

    return make


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture(scope="session")
def find_assembly(tmp_path_factory: pytest.TempPathFactory, fake_build: FindBuild) -> FindAssembly:
    """The folder with what a stage synthesises to."""

    @cache
    def find(stage: str) -> Path:
        outdir = tmp_path_factory.mktemp(stage)
        build_app({"stage": stage, "build": str(fake_build(stage))}, outdir=str(outdir)).synth()
        return outdir

    return find


@pytest.fixture(scope="session")
def find_resources(find_assembly: FindAssembly) -> FindResources:
    """All resources of a type in a stage, whichever stack they are in, by their ids."""

    @cache
    def read(stage: str) -> dict[str, dict[str, Any]]:
        files = sorted(find_assembly(stage).glob("*.template.json"))
        return {
            f"{file.name.removesuffix('.template.json')}/{name}": resource
            for file in files
            for name, resource in json.loads(file.read_text())["Resources"].items()
        }

    def find(stage: str, kind: str) -> dict[str, dict[str, Any]]:
        return {name: resource for name, resource in read(stage).items() if resource["Type"] == f"AWS::{kind}"}

    return find


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def find_template(find_assembly: FindAssembly) -> FindTemplate:
    """The template of a stage's stack, by the last word of its name."""

    @cache
    def find(stage: str, stack: str) -> Template:
        file = find_assembly(stage) / f"parley-{stage}-{stack}.template.json"
        return Template.from_json(json.loads(file.read_text()))

    return find
