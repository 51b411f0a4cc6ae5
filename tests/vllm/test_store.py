"""The profile for LoRA: weights that vLLM's loader streams from S3 (moto's), adapters that the entrypoint fetches from there."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest

from tests.integration.router.pool import CloudMap
from tests.vllm.conftest import MODEL, READY_WITHIN_S, VENV, Worker, running_worker

pytestmark = pytest.mark.timeout(READY_WITHIN_S + 120)

REGION = "us-east-1"


def push(s3: Any, folder: Path, key: str) -> str:
    """As `parley models push` does."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, data in files.items():
        s3.put_object(Bucket="store", Key=f"{key}/{name}", Body=data)
    entries = {
        name: {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    }
    s3.put_object(Bucket="store", Key=f"{key}/parley-manifest.json", Body=json.dumps({"files": entries}).encode())
    return f"s3://store/{key}"


def environment(endpoint_url: str) -> dict[str, str]:
    """AWS as vLLM's loader finds it in tests: moto has no host of its own for each bucket."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIDTESTS",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_EC2_METADATA_DISABLED": "true",
        "RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING": "0",
    }


@pytest.fixture(scope="module")
async def worker(
    tmp_path_factory: pytest.TempPathFactory, http: aiohttp.ClientSession, cloud_map: CloudMap
) -> AsyncIterator[Worker]:
    """Of the profile `custom`, with all of its options for adapters."""
    tmp = tmp_path_factory.mktemp("store")
    making = await asyncio.create_subprocess_exec(
        VENV / "bin/python", Path(__file__).parent / "tiny_model.py", MODEL, tmp
    )
    assert await making.wait() == 0
    s3 = boto3.client("s3", region_name=REGION, endpoint_url=cloud_map.url)
    s3.create_bucket(Bucket="store")
    changes = {
        "PROFILE": "custom",
        "MODEL_URI": push(s3, tmp / "model", "models/small/1"),
        "ADAPTERS": json.dumps({"tone": push(s3, tmp / "adapter", "adapters/tone/1")}),
        "WEIGHTS_DIR": str(tmp / "weights"),
        "EXTRA_ARGS": "--max-model-len 4096 --enforce-eager --max-num-seqs 2",
    }
    s3.close()
    async with running_worker(tmp / "log", http, **changes, **environment(cloud_map.url)) as worker:
        yield worker


async def ask(worker: Worker, model: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8, "temperature": 0}
    async with worker.http.post(f"{worker.url}/v1/chat/completions", json=body) as response:
        assert response.status == 200, await response.text()
        return (await response.json())["choices"][0]["message"]["content"]


async def test_a_model_and_its_adapter_are_served_from_the_store(worker: Worker) -> None:
    async with worker.http.get(f"{worker.url}/v1/models") as response:
        models = {model["id"]: model["parent"] for model in (await response.json())["data"]}

    assert models == {"small": None, "tone": "small"}
    assert await ask(worker, "small") != await ask(worker, "tone")
