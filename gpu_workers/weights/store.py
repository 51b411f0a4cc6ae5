"""One revision's folder in the model store."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from gpu_workers.weights.errors import PushError
from gpu_workers.weights.model import MANIFEST, HubFile, Manifest, StoredFile

# S3 takes 10,000 parts of an object: 640 GB at this size. Four at once fill a build machine's network with four files at once.
_PARTS = TransferConfig(multipart_threshold=64 * 1024**2, multipart_chunksize=64 * 1024**2, max_concurrency=4)
_CLIENT = Config(max_pool_connections=32, retries={"mode": "standard", "max_attempts": 8})


def s3_client() -> Any:
    """Finds credentials, region and endpoint as every AWS tool does; safe to use from several threads."""
    return boto3.client("s3", config=_CLIENT)


def read_token(secret: str) -> str | None:
    """What the team put into the secret, or None while there is none: open models need no token."""
    with _store_errors(f"the secret {secret}"):
        client = boto3.client("secretsmanager", config=_CLIENT)
        try:
            return str(client.get_secret_value(SecretId=secret)["SecretString"]).strip() or None
        except client.exceptions.ResourceNotFoundException:
            return None


class Store:
    """`s3://bucket/folder/…`. An object is there when S3 has checked all of its parts; the manifest, when all objects are."""

    def __init__(self, client: Any, bucket: str, folder: str) -> None:
        self._client = client
        self._bucket = bucket
        self._folder = folder

    @property
    def uri(self) -> str:
        return f"s3://{self._bucket}/{self._folder}/"

    def find(self, name: str) -> StoredFile | None:
        """The file as an earlier push left it. Raises: PushError."""
        with _store_errors(self.uri):
            try:
                head = self._client.head_object(Bucket=self._bucket, Key=self._key(name))
            except ClientError as error:
                if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
                    return None
                raise
        notes = head["Metadata"]
        return StoredFile(name, head["ContentLength"], notes.get("sha256", ""), notes.get("hub-id", ""))

    def list_weights(self) -> list[str]:
        """Names of all safetensors of the folder, whoever left them there: vLLM loads them all. Raises: PushError."""
        with _store_errors(self.uri):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._key(""))
            keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return sorted(key.removeprefix(self._key("")) for key in keys if key.endswith(".safetensors"))

    def upload(self, path: Path, file: HubFile, sha256: str, moved: Callable[[float], None]) -> StoredFile:
        """In parts, each with its SHA-256, which S3 compares. `moved` hears which fraction went. Raises: PushError."""
        stored = StoredFile(file.name, path.stat().st_size, sha256, file.hub_id)
        sent = 0

        def count(size_bytes: int) -> None:
            nonlocal sent
            sent += size_bytes
            moved(sent / max(stored.size_bytes, 1))

        with _store_errors(self.uri):
            self._client.upload_file(
                str(path),
                self._bucket,
                self._key(file.name),
                ExtraArgs={"ChecksumAlgorithm": "SHA256", "Metadata": {"sha256": sha256, "hub-id": file.hub_id}},
                Config=_PARTS,
                Callback=count,
            )
        return stored

    def read_manifest(self) -> Manifest | None:
        """Raises: PushError."""
        with _store_errors(self.uri):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=self._key(MANIFEST))["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None
        return Manifest.from_json(json.loads(body))

    def write_manifest(self, manifest: Manifest) -> None:
        """What makes the revision whole. Raises: PushError."""
        body = json.dumps(manifest.to_json(), indent=2).encode()
        with _store_errors(self.uri):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key(MANIFEST),
                Body=body,
                ContentType="application/json",
                ChecksumAlgorithm="SHA256",
            )

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name}"


@contextmanager
def _store_errors(what: str) -> Iterator[None]:
    """AWS's errors, as what the operator can do about them."""
    try:
        yield
    except NoCredentialsError as error:
        raise PushError(
            "no_credentials", f"No AWS credentials for {what}. Type: aws configure sso, or aws login"
        ) from error
    except (ClientError, S3UploadFailedError) as error:
        raise PushError("store", f"AWS refuses {what}: {error}") from error
    except BotoCoreError as error:
        raise PushError("store", f"AWS cannot be reached for {what}: {error}") from error
