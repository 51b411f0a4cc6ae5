"""The access that Valkey's users have on AWS, tried on a real Valkey in cluster mode."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from redis import Redis

from local.parts import EmbeddedValkey
from parley.kit.valkey import RedisCluster
from tests.infra.conftest import FindResources

_FIND_SHARDS = [["PING"], ["CLUSTER", "SLOTS"], ["CLUSTER", "SHARDS"]]
_NEEDED = [
    *_FIND_SHARDS,
    ["SET", "{user}:stop", "1", "EX", "60"],
    ["EXISTS", "{user}:alive"],
    ["EXPIRE", "{user}:alive", "60"],
    ["XADD", "{user}:log", "*", "text", "hi"],
    ["XRANGE", "{user}:log", "-", "+"],
    ["XREAD", "COUNT", "1", "STREAMS", "{user}:log", "0"],
    ["DEL", "{user}:log"],
    ["EVAL", "return 1", "1", "{user}:log"],
    ["GET", "pool:fast"],
]
_NEEDED_OF_POOLS = [*_FIND_SHARDS, ["GET", "pool:fast"], ["SET", "pool:fast", "{}", "PX", "10000"]]
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
_REFUSED_OF_POOLS = [
    *_REFUSED,
    ["GET", "{user}:log"],
    ["SET", "{user}:stop", "1"],
    ["XRANGE", "{user}:log", "-", "+"],
    ["DEL", "pool:fast"],
    ["SCAN", "0"],
    ["EVAL", "return 1", "1", "pool:fast"],
    ["PUBLISH", "anything", "hi"],
]


@pytest.fixture
def owner(valkey: EmbeddedValkey, find_resources: FindResources) -> Iterator[Any]:
    """Of a Valkey that has the users of production, by the last word of their names."""
    access = {
        each["Properties"]["UserId"].removeprefix("parley-prod-"): each["Properties"]["AccessString"]
        for each in find_resources("prod", "ElastiCache::User").values()
    }
    with closing(Redis(port=valkey.port, password=valkey.password_file.read_text().strip())) as client:
        for name, words in access.items():
            client.execute_command("ACL", "SETUSER", name, "reset", ">secret", *words.split())
        yield client
        client.execute_command("ACL", "DELUSER", *access)


def _dry_run(owner: Any, user: str, command: list[str]) -> str:
    return owner.execute_command("ACL", "DRYRUN", user, *command).decode()


@pytest.mark.parametrize("user", ["chat", "jobs"])
@pytest.mark.parametrize("command", _NEEDED, ids=" ".join)
def test_what_the_code_asks_of_valkey_is_allowed(owner: Any, user: str, command: list[str]) -> None:
    assert _dry_run(owner, user, command) == "OK"


@pytest.mark.parametrize("user", ["chat", "jobs"])
@pytest.mark.parametrize("command", _REFUSED, ids=" ".join)
def test_what_could_hurt_others_is_refused(owner: Any, user: str, command: list[str]) -> None:
    assert "no permissions" in _dry_run(owner, user, command)


@pytest.mark.parametrize("command", _NEEDED_OF_POOLS, ids=" ".join)
def test_a_registrar_may_keep_the_state_of_pools(owner: Any, command: list[str]) -> None:
    assert _dry_run(owner, "registrar", command) == "OK"


@pytest.mark.parametrize("command", _REFUSED_OF_POOLS, ids=" ".join)
def test_a_registrar_may_not_touch_anything_else(owner: Any, command: list[str]) -> None:
    assert "no permissions" in _dry_run(owner, "registrar", command)


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(("user", "key"), [("chat", "{user}:infra"), ("registrar", "pool:infra")])
async def test_the_cluster_client_works_as_that_user(valkey: EmbeddedValkey, user: str, key: str) -> None:
    async with RedisCluster.from_url(valkey.url, username=user, password="secret") as client:
        assert await client.set(key, "1", ex=1)
