"""The real router, Valkey, and moto's Cloud Map for pools of stand-in workers."""

import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from moto.server import ThreadedMotoServer

from local.parts import EmbeddedValkey
from local.parts.home import secret_in
from tests.integration.router.pool import CloudMap, Pool, Router, running_pool, running_router

# vllm-router has wheels for Linux alone, and the workers' addresses 127.0.x.y answer there alone.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture(scope="session", autouse=True)
def role() -> Iterator[None]:
    """What boto3 finds in a task."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIDTESTS")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
        yield


@pytest.fixture(scope="session")
def moto_server() -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def cloud_map(moto_server: ThreadedMotoServer) -> Iterator[CloudMap]:
    host, port = moto_server.get_host_and_port()
    cloud_map = CloudMap(f"http://{host}:{port}")
    yield cloud_map
    cloud_map.close()


@pytest.fixture(scope="session")
async def router(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Router]:
    async with running_router(tmp_path_factory.mktemp("router") / "router.log") as router:
        yield router


@pytest.fixture
async def pool(cloud_map: CloudMap, valkey: EmbeddedValkey, router: Router) -> AsyncIterator[Pool]:
    async with running_pool(cloud_map, url_of(valkey), router) as pool:
        yield pool


def url_of(valkey: EmbeddedValkey) -> str:
    """With its password, as an environment would have it."""
    return f"redis://:{secret_in(valkey.password_file)}@127.0.0.1:{valkey.port}/0"
