"""Which IAM actions the product uses, collected while the tests run: as botocore sends them, and as our own signer says them.

The whole run's plugin (tests/conftest.py). What a test calls by itself, to put something there, does not count. A test that
compares takes the fixture `used_aws_actions`; it is moved to the end of the run, and skipped in a run that leaves out the
tests which use AWS.
"""

import sys
from pathlib import Path
from typing import Any

import botocore.handlers
import pytest

from parley.kit.aws import AUDIT_EVENT

TESTS_OF_AWS = "tests/integration/aws/"
FIXTURE = "used_aws_actions"

_ROOT = Path(__file__).parents[1]
PRODUCT = (str(_ROOT / "layers/core"), str(_ROOT / "lambdas"))

_collected: set[str] = set()


@pytest.fixture
def used_aws_actions() -> frozenset[str]:
    """`service:Action` of all that was called until now."""
    return frozenset(_collected)


def pytest_configure() -> None:
    # In every session that is opened from now on; moto hooks itself in at the same place.
    botocore.handlers.BUILTIN_HANDLERS.append(("before-call", _note_botocore_call))
    sys.addaudithook(_note_audit_event)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    comparing = [item for item in items if FIXTURE in getattr(item, "fixturenames", ())]
    rest = [item for item in items if item not in comparing]
    if not any(item.nodeid.startswith(TESTS_OF_AWS) for item in rest):
        for item in comparing:
            item.add_marker(pytest.mark.skip(f"needs {TESTS_OF_AWS} in the same run"))
    items[:] = [*rest, *comparing]


def _note_botocore_call(model: Any, **_: object) -> None:
    if _is_called_by_product():
        _collected.add(f"{model.service_model.signing_name}:{model.name}")


def _note_audit_event(event: str, arguments: tuple[object, ...]) -> None:
    if event == AUDIT_EVENT:
        _collected.add(str(arguments[0]))


def _is_called_by_product() -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(PRODUCT):
            return True
        frame = frame.f_back
    return False
