"""Which IAM actions the code uses, collected while the tests run: as botocore sends them, and as our own signer says them.

The whole run's plugin (tests/conftest.py). A test that compares takes the fixture `used_aws_actions`; it is moved to the end of
the run, and skipped in a run that leaves out the tests which use AWS.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.handlers
import pytest

from parley.kit.aws import AUDIT_EVENT

TESTS_OF_AWS = "tests/integration/aws/"
FIXTURE = "used_aws_actions"

_collected: set[str] = set()
_arranging = 0


@contextmanager
def arranging() -> Iterator[None]:
    """A block in which the test itself prepares AWS: what it calls is not what the product calls."""
    global _arranging  # noqa: PLW0603 - botocore's and Python's hooks are the process's
    _arranging += 1
    try:
        yield
    finally:
        _arranging -= 1


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
    if not _arranging:
        _collected.add(f"{model.service_model.signing_name}:{model.name}")


def _note_audit_event(event: str, arguments: tuple[object, ...]) -> None:
    if event == AUDIT_EVENT and not _arranging:
        _collected.add(str(arguments[0]))
