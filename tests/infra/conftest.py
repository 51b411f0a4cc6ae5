"""Each stage, synthesised once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Template

from cdk.application import build_app

FindTemplate = Callable[[str, str], Template]


@pytest.fixture(scope="session")
def find_template(tmp_path_factory: pytest.TempPathFactory) -> FindTemplate:
    """The template of a stage's stack, by the last word of its name."""

    @cache
    def find(stage: str, stack: str) -> Template:
        app = build_app({"stage": stage}, outdir=str(tmp_path_factory.mktemp(stage)))
        found = app.node.find_child(f"parley-{stage}-{stack}")
        assert isinstance(found, Stack)
        return Template.from_stack(found)

    return find


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]
