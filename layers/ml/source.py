"""Where the ml layer's classifier comes from: it is made here, or copied from a folder, or fetched from S3."""

# pyright: basic, reportMissingTypeStubs=false
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layers.errors import BuildError
from layers.folders import copy_sources, digest
from layers.ml.encoder import make_classifier

MANIFEST = "classifier.toml"
# With onnxruntime and numpy in the same layers nothing larger would fit into a function.
_MOST_BYTES = 100 * 1000 * 1000

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class ClassifierSource:
    """`inputs` changes with the classifier's files; `fill` puts them into an empty folder. Raises: BuildError."""

    inputs: str
    fill: Callable[[Path], None]


def find_classifier(where: str | None, ml: Path, say: Say) -> ClassifierSource:
    """The classifier at `where`, a folder or `s3://bucket/prefix`; without it the one that `ml/heads` are for.

    Raises: BuildError.
    """
    if where is None:
        return _own(ml, say)
    return _in_bucket(where) if where.startswith("s3://") else _in_folder(Path(where))


def check_classifier(folder: Path) -> str:
    """The version of a classifier that opens and scores a text. Raises: BuildError that says what is wrong with it."""
    from parley.moderation.onnx.classifier import open_classifier
    from parley.settings import SettingsError

    try:
        with open_classifier(folder) as classifier:
            classifier.score(["Good morning."])
            return classifier.version
    except SettingsError as error:
        raise BuildError(f"the classifier does not open:\n{error}") from error
    except Exception as error:  # a model whose outputs are not what its manifest says fails as its runtime likes to
        raise BuildError(f"the classifier opens, and scores nothing: {error}") from error


def _own(ml: Path, say: Say) -> ClassifierSource:
    heads = ml / "heads"

    def fill(folder: Path) -> None:
        copy_sources(make_classifier(ml / "classifier", heads, lambda line: say(f"  {line}")), folder)

    return ClassifierSource(digest([heads, ml / "encoder.py"]), fill)


def _in_folder(source: Path) -> ClassifierSource:
    if not (source / MANIFEST).is_file():
        raise BuildError(f"{source}: no folder with a {MANIFEST}")
    return ClassifierSource(digest([source]), lambda folder: copy_sources(source, folder))


def _in_bucket(url: str) -> ClassifierSource:
    """The files right below the prefix, by the AWS credentials of whoever builds."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = url.removeprefix("s3://").rstrip("/").partition("/")
    try:
        client = boto3.client("s3")
        tags = _list(client, bucket, f"{prefix}/" if prefix else "")
    except (BotoCoreError, ClientError) as error:
        raise BuildError(f"{url}: {error}") from error
    names = {key.rpartition("/")[2]: key for key in tags}
    if MANIFEST not in names:
        raise BuildError(f"{url}: there is no {MANIFEST}")

    def fill(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, key in names.items():
                client.download_file(bucket, key, str(folder / name))
        except (BotoCoreError, ClientError) as error:
            raise BuildError(f"{url}: {error}") from error

    return ClassifierSource(digest([], url, *(f"{key} {tag}" for key, tag in sorted(tags.items()))), fill)


def _list(client: Any, bucket: str, prefix: str) -> dict[str, str]:
    """The ETag of each file by its key. Raises: BuildError when together they are too large for a layer."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    files = [each for page in pages for each in page.get("Contents", ()) if not each["Key"].endswith("/")]
    size_bytes = sum(each["Size"] for each in files)
    if size_bytes > _MOST_BYTES:
        raise BuildError(
            f"{bucket}/{prefix} has {size_bytes / 1e6:.0f} MB; {_MOST_BYTES / 1e6:.0f} MB fit into a layer"
        )
    return {each["Key"]: each["ETag"] for each in files}
