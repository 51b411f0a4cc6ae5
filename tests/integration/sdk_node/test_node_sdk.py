"""The official Node SDK, unchanged, against the whole running product. The tests are Node's own, a file each (`*.test.mjs`)."""

import asyncio
import re

import pytest

from tests.conftest import Stack
from tests.doubles import engine
from tests.integration.sdk_node.conftest import HERE, ToldStack, run_node

MODEL = "smollm2-135m-instruct"


def names(folder: str) -> list[str]:
    return sorted(path.name.removesuffix(".test.mjs") for path in (HERE / folder).glob("*.test.mjs"))


async def passes(stack: Stack, model: str, path: str) -> None:
    """Every test in the file does, and none is left out."""
    ada, bob = [await asyncio.to_thread(stack.token, f"{user}-of-node") for user in ("ada", "bob")]
    output = await run_node(
        "--throw-deprecation",
        "--import=./strict.mjs",
        "--test-reporter=tap",
        f"{path}.test.mjs",
        PARLEY_URL=stack.url,
        PARLEY_MODEL=model,
        PARLEY_ADA=ada,
        PARLEY_BOB=bob,
    )
    counts = {name: int(count) for name, count in re.findall(r"^# (tests|pass) (\d+)$", output, re.MULTILINE)}
    assert counts["pass"] == counts["tests"] > 0, output


@pytest.mark.usefixtures("sdk")
@pytest.mark.parametrize("name", names("real"))
async def test_with_the_real_engine(stack: Stack, name: str) -> None:
    await passes(stack, MODEL, f"real/{name}")


@pytest.mark.usefixtures("sdk")
@pytest.mark.parametrize("name", names("told"))
async def test_with_an_engine_that_does_as_it_is_told(told: ToldStack, name: str) -> None:
    await passes(told.stack, engine.MODEL, f"told/{name}")


@pytest.mark.usefixtures("sdk")
async def test_the_engine_is_left_alone_when_the_client_leaves_what_is_not_stored(told: ToldStack) -> None:
    before = told.engine.aborted

    await passes(told.stack, engine.MODEL, "left/unstored")

    async with asyncio.timeout(10):
        while told.engine.aborted < before + 2:
            told.engine.aborted_changed.clear()
            await told.engine.aborted_changed.wait()
