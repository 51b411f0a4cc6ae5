"""LoRA adapters come from S3 (moto's) to disk before vLLM starts, and are what their manifest says."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from gpu_workers.vllm.adapters import fetch_adapters, parse_adapters
from gpu_workers.vllm.errors import StartError

FILES = {"adapter_config.json": b"{}", "weights/adapter_model.safetensors": b"w" * 3_000_000}


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="AKIDTESTS",
        aws_secret_access_key="tests",
    )
    server.stop()


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"store-{uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


def manifest_of(files: dict[str, bytes]) -> bytes:
    """As `parley models push` writes it."""
    entries = {
        name: {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    }
    return json.dumps({"repo": "org/tone", "revision": "1", "files": entries}).encode()


def push(s3: Any, bucket: str, files: dict[str, bytes], manifest: bytes | None) -> dict[str, str]:
    for name, data in files.items():
        s3.put_object(Bucket=bucket, Key=f"adapters/tone/1/{name}", Body=data)
    if manifest is not None:
        s3.put_object(Bucket=bucket, Key="adapters/tone/1/parley-manifest.json", Body=manifest)
    return {"tone": f"s3://{bucket}/adapters/tone/1"}


def test_an_adapter_is_on_disk_whole(s3: Any, bucket: str, tmp_path: Path) -> None:
    uris = push(s3, bucket, FILES, manifest_of(FILES))

    folders = fetch_adapters(parse_adapters(uris), s3, tmp_path)

    assert folders == {"tone": tmp_path / "adapters/tone/1"}
    assert {name: (folders["tone"] / name).read_bytes() for name in FILES} == FILES
    assert [path.name for path in (tmp_path / "adapters/tone").iterdir()] == ["1"]


def test_what_is_there_is_not_fetched_again(s3: Any, bucket: str, tmp_path: Path) -> None:
    adapters = parse_adapters(push(s3, bucket, FILES, manifest_of(FILES)))
    first = fetch_adapters(adapters, s3, tmp_path)
    s3.delete_object(Bucket=bucket, Key="adapters/tone/1/parley-manifest.json")

    assert fetch_adapters(adapters, s3, tmp_path) == first


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (None, "Is the adapter pushed"),
        (b"<html>", "is no JSON"),
        (manifest_of({"adapter_config.json": b"another"}), "is not what its manifest says"),
        (manifest_of({"missing": b""}), "Is the adapter pushed"),
        (manifest_of({"../../outside": b""}), "outside of its folder"),
    ],
)
def test_a_damaged_adapter_leaves_nothing_behind(
    s3: Any, bucket: str, tmp_path: Path, manifest: bytes | None, says: str
) -> None:
    uris = push(s3, bucket, FILES, manifest)

    with pytest.raises(StartError, match=says):
        fetch_adapters(parse_adapters(uris), s3, tmp_path)

    assert list((tmp_path / "adapters/tone").iterdir()) == []
