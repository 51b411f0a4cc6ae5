"""The job with the real hub library and boto3, against stand-ins on loopback."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from gpu_workers.weights.errors import PushError
from gpu_workers.weights.hub import Hub
from gpu_workers.weights.push import Order, push
from gpu_workers.weights.quantise import Quantiser
from gpu_workers.weights.store import Store
from tests.integration.weights.hub import HubRepository, StandInHub, serve_hub

ROOT = Path(__file__).parents[3]
REGION = "us-east-1"


def safetensors(size_bytes: int, fill: bytes = b"\1") -> bytes:
    """A file that begins as safetensors do."""
    header = b"{}"
    return len(header).to_bytes(8, "little") + header + fill * (size_bytes - 8 - len(header))


def small_model(**more: bytes) -> dict[str, bytes]:
    """What a small repository holds; with a pickle and code, which are never brought in."""
    return {
        "config.json": b'{"model_type": "qwen3"}',
        "tokenizer.json": b'{"version": "1.0"}' + b" " * 2000,
        "model.safetensors": safetensors(5000),
        "pytorch_model.bin": b"\x80\x04" + b"pickle" * 500,
        "modeling.py": b"import os\n",
        "LICENSE": b"Apache License\n",
        "README.md": b"# A model\n",
        **more,
    }


def aws_session() -> boto3.Session:
    """Who puts things into the stand-in, and looks at them."""
    return boto3.Session(aws_access_key_id="AKIDTESTS", aws_secret_access_key="tests", region_name=REGION)


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that has ended, and what it said."""

    code: int
    events: list[dict[str, Any]]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]

    @property
    def error(self) -> tuple[str, str]:
        (error,) = self.of("error")
        return error["code"], error["message"]


@dataclass(slots=True)
class World:
    """A hub, a bucket and the machine that the job runs on."""

    hub: StandInHub
    client: Any
    bucket: str
    environ: dict[str, str] = field(repr=False)
    scratch: Path = field(default_factory=Path)

    def start(self, repo: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "gpu_workers.weights", repo, "--bucket", self.bucket, "--folder", "models/m"]
        return subprocess.Popen(
            [*command, "--scratch", str(self.scratch), *arguments],
            cwd=ROOT,
            env={**self.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def push(
        self,
        repo: str,
        revision: str = "main",
        accept: str | None = None,
        token: str | None = None,
        quantiser: Quantiser | None = None,
    ) -> Ended:
        """The job in this process: a second less than a Python of its own."""
        said: list[dict[str, Any]] = []

        def say(event: str, **fields: object) -> None:
            said.append(json.loads(json.dumps({"event": event, **fields})))

        order = Order(repo, revision, "models/m", self.scratch, accept, quantiser)
        try:
            push(order, Hub(token, self.hub.url), lambda folder: Store(self.client, self.bucket, folder), say)
        except PushError as error:
            say("error", code=error.code, message=str(error))
            return Ended(1, said)
        return Ended(0, said)

    def run(self, repo: str, *arguments: str, **more: str) -> Ended:
        """The job as a process, to its end."""
        with self.start(repo, *arguments, **more) as process:
            out, complaints = process.communicate(timeout=60)
        assert "Traceback" not in complaints, complaints
        return Ended(process.returncode, [json.loads(line) for line in out.splitlines()])

    def list_keys(self) -> set[str]:
        """Below the model's folder."""
        listed = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ())
        return {each["Key"].removeprefix("models/m/") for each in listed}

    def versions(self) -> int:
        """How many writes of whole objects there were: the bucket keeps each."""
        return len(self.client.list_object_versions(Bucket=self.bucket).get("Versions", ()))

    def checksum(self, key: str) -> str:
        """The SHA-256 that S3 has for the object."""
        head = self.client.head_object(Bucket=self.bucket, Key=f"models/m/{key}", ChecksumMode="ENABLED")
        return head["ChecksumSHA256"]

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=f"models/m/{key}")["Body"].read()


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with serve_hub() as hub:
        hub.repositories["org/small"] = HubRepository(small_model())
        yield hub


@pytest.fixture
def environ(tmp_path: Path, moto_url: str, hub: StandInHub) -> dict[str, str]:
    """A machine that knows nobody but the stand-ins."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HF_"))}
    aws = {"AWS_ACCESS_KEY_ID": "AKIDTESTS", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": REGION}
    files = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    return {
        **kept,
        **aws,
        **files,
        "AWS_ENDPOINT_URL": moto_url,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
    }


@pytest.fixture
def world(tmp_path: Path, moto_url: str, hub: StandInHub, environ: dict[str, str]) -> World:
    client, bucket = aws_session().client("s3", endpoint_url=moto_url), f"models-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return World(hub, client, bucket, environ, tmp_path / "scratch")
