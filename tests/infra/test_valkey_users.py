"""The access that Valkey's users have on AWS, tried on a real Valkey in cluster mode."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from redis import Redis

from local.parts import EmbeddedValkey
from parley.kit.valkey import RedisCluster
from tests.infra.conftest import FindResources

_NEEDED = [
    ["PING"],
    ["CLUSTER", "SLOTS"],
    ["CLUSTER", "SHARDS"],
    ["SET", "{user}:stop", "1", "EX", "60"],
    ["EXISTS", "{user}:alive"],
    ["EXPIRE", "{user}:alive", "60"],
    ["XADD", "{user}:log", "*", "text", "hi"],
    ["XRANGE", "{user}:log", "-", "+"],
    ["XREAD", "COUNT", "1", "STREAMS", "{user}:log", "0"],
    ["DEL", "{user}:log"],
    ["EVAL", "return 1", "1", "{user}:log"],
]
_REFUSED = [
    ["FLUSHALL"],
    ["KEYS", "*"],
    ["CONFIG", "GET", "*"],
    ["ACL", "LIST"],
    ["CLUSTER", "RESET"],
    ["SHUTDOWN"],
    ["MONITOR"],
    ["DEBUG", "SLEEP", "0"],
]


@pytest.fixture
def access(find_resources: FindResources) -> str:
    (access,) = {each["Properties"]["AccessString"] for each in find_resources("prod", "ElastiCache::User").values()}
    return access


@pytest.fixture
def owner(valkey: EmbeddedValkey, access: str) -> Iterator[Any]:
    with closing(Redis(port=valkey.port, password=valkey.password_file.read_text().strip())) as client:
        client.execute_command("ACL", "SETUSER", "deployed", "reset", ">secret", *access.split())
        yield client
        client.execute_command("ACL", "DELUSER", "deployed")


def _dry_run(owner: Any, command: list[str]) -> str:
    return owner.execute_command("ACL", "DRYRUN", "deployed", *command).decode()


@pytest.mark.parametrize("command", _NEEDED, ids=" ".join)
def test_what_the_code_asks_of_valkey_is_allowed(owner: Any, command: list[str]) -> None:
    assert _dry_run(owner, command) == "OK"


@pytest.mark.parametrize("command", _REFUSED, ids=" ".join)
def test_what_could_hurt_others_is_refused(owner: Any, command: list[str]) -> None:
    assert "no permissions" in _dry_run(owner, command)


@pytest.mark.usefixtures("owner")
async def test_the_cluster_client_works_as_that_user(valkey: EmbeddedValkey) -> None:
    async with RedisCluster.from_url(valkey.url, username="deployed", password="secret") as client:
        assert await client.set("{user}:infra", "1", ex=1)
