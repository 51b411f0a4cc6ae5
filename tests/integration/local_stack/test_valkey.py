"""The embedded Valkey: a cluster of one node behind a password."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from redis.cluster import RedisCluster

from local.parts import EmbeddedValkey


@pytest.fixture(scope="module")
def valkey(home: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(home, durable=False) as server:
        yield server


def connect(server: EmbeddedValkey) -> RedisCluster:
    return RedisCluster.from_url(server.url, password=server.password_file.read_text(), decode_responses=True)


def server_process(server: EmbeddedValkey) -> psutil.Process:
    with connect(server) as client:
        return psutil.Process(client.info(target_nodes=RedisCluster.RANDOM)["process_id"])


def test_keys_of_every_slot_are_served(valkey: EmbeddedValkey):
    with connect(valkey) as client:
        for number in range(50):
            client.set(f"key-{number}", number)

        assert [client.get(f"key-{number}") for number in range(50)] == [str(number) for number in range(50)]


def test_a_call_across_two_slots_fails_as_in_the_cloud(valkey: EmbeddedValkey):
    password = valkey.password_file.read_text()

    with (
        redis.Redis.from_url(valkey.url, password=password) as client,
        pytest.raises(redis.ResponseError, match="same slot"),
    ):
        client.mget("{a}x", "{b}y")


def test_without_the_password_it_says_nothing(valkey: EmbeddedValkey):
    with redis.Redis.from_url(valkey.url) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_it_listens_on_loopback_only(valkey: EmbeddedValkey):
    listening = {each.laddr.ip for each in server_process(valkey).net_connections("tcp") if each.status == "LISTEN"}

    assert listening == {"127.0.0.1"}


def test_the_password_is_in_a_private_file_and_nowhere_else(valkey: EmbeddedValkey):
    password = valkey.password_file.read_text()

    assert password not in valkey.url
    assert password not in " ".join(server_process(valkey).cmdline())
    for file in (valkey.password_file, valkey.folder / "valkey.conf"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert valkey.folder.stat().st_mode & 0o077 == 0


def test_data_survives_kill_9_and_another_port(own_home: Path):
    with EmbeddedValkey(own_home) as server:
        with connect(server) as client:
            client.set("kept", "yes")
        os.kill(server_process(server).pid, signal.SIGKILL)

    with EmbeddedValkey(own_home) as again, connect(again) as client:
        assert again.port != server.port
        assert client.get("kept") == "yes"
