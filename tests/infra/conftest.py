"""Each stage, synthesised once."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from cdk.application import build_app

FindAssembly = Callable[[str], Path]
FindTemplate = Callable[[str, str], Template]


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def find_assembly(tmp_path_factory: pytest.TempPathFactory) -> FindAssembly:
    """The folder with what a stage synthesises to."""

    @cache
    def find(stage: str) -> Path:
        outdir = tmp_path_factory.mktemp(stage)
        build_app({"stage": stage}, outdir=str(outdir)).synth()
        return outdir

    return find


@pytest.fixture(scope="session")
def find_template(find_assembly: FindAssembly) -> FindTemplate:
    """The template of a stage's stack, by the last word of its name."""

    @cache
    def find(stage: str, stack: str) -> Template:
        file = find_assembly(stage) / f"parley-{stage}-{stack}.template.json"
        return Template.from_json(json.loads(file.read_text()))

    return find
