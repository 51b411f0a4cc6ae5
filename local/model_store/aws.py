"""The stage's bucket and its job, found by the job's name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from local.model_store.errors import StoreError

MANIFEST = "parley-manifest.json"


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision in the store; `whole` when its manifest is there."""

    folder: str
    revision: str
    size_bytes: int
    whole: bool


class StageStore:
    """What a stage has deployed for its models."""

    def __init__(self, stage: str, region: str) -> None:
        self.stage = stage
        self.region = region
        self._session = _session(region)

    @property
    def project(self) -> str:
        """The name that cdk/stacks/model_store.py gives the job."""
        return f"parley-{self.stage}-push-model"

    def client(self, service: str) -> Any:
        return self._session.client(service)

    def find_bucket(self) -> str:
        """Raises: StoreError when the stage has no model store, or AWS refuses to say so."""
        with aws_errors(self.region):
            found = self.client("codebuild").batch_get_projects(names=[self.project])["projects"]
        if not found:
            raise StoreError(
                f"The stage {self.stage!r} has no model store in {self.region}. Type: make deploy STAGE={self.stage}"
            )
        variables = found[0]["environment"]["environmentVariables"]
        return next(each["value"] for each in variables if each["name"] == "BUCKET")

    def list_revisions(self, bucket: str) -> list[Revision]:
        """All revisions of all models and adapters, by folder. Raises: StoreError."""
        sizes: dict[tuple[str, str], int] = {}
        whole: set[tuple[str, str]] = set()
        with aws_errors(self.region):
            pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
            for item in (item for page in pages for item in page.get("Contents", ())):
                kind, name, revision, file = (*item["Key"].split("/", 3), "", "", "")[:4]
                key = (f"{kind}/{name}", revision)
                sizes[key] = sizes.get(key, 0) + item["Size"]
                if file == MANIFEST:
                    whole.add(key)
        return [Revision(*key, size_bytes, key in whole) for key, size_bytes in sorted(sizes.items())]


@contextmanager
def aws_errors(region: str) -> Iterator[None]:
    """AWS's errors, as what the operator can do about them."""
    from botocore import exceptions

    try:
        yield
    except (exceptions.NoCredentialsError, exceptions.SSOError, exceptions.TokenRetrievalError) as error:
        raise StoreError(f"No AWS credentials ({error}). Type: aws configure sso, or aws sso login") from error
    except exceptions.ClientError as error:
        raise StoreError(f"AWS refuses ({region}): {error}") from error
    except exceptions.BotoCoreError as error:
        raise StoreError(f"AWS cannot be reached ({region}): {error}") from error


def _session(region: str) -> Any:
    try:
        import boto3
    except ImportError as error:
        raise StoreError("boto3 is not installed here. Type: .venv/bin/pip install -e '.[infra]'") from error
    with aws_errors(region):
        return boto3.Session(region_name=region)
