"""A stage may bring a classifier of its own: out of a folder, or out of a bucket."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from layers.errors import BuildError
from layers.ml import source as sources
from layers.ml.source import ClassifierSource, check_classifier, find_classifier
from parley.moderation.onnx.manifest import load_manifest

URL = "s3://classifiers/own/7"


def _quiet(_: str) -> None: ...


def _find(where: str | None, tmp_path: Path) -> ClassifierSource:
    return find_classifier(where, tmp_path / "ml", _quiet)


def _files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(aws: str, own: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket with the classifier, and the operator's credentials in the environment, as the AWS CLI has them."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "AKIDTESTS",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3: Any = boto3.resource("s3")
    bucket = s3.create_bucket(Bucket="classifiers")
    for file in own.iterdir():
        bucket.upload_file(str(file), f"own/7/{file.name}")
    bucket.put_object(Key="own/7/training/data.csv", Body=b"not for the layer")
    yield bucket
    bucket.objects.delete()
    bucket.delete()


def test_a_folder_is_copied_without_hidden_files(own: Path, tmp_path: Path) -> None:
    (own / ".DS_Store").touch()

    _find(str(own), tmp_path).fill(tmp_path / "layer")

    assert _files(tmp_path / "layer").keys() == {"classifier.toml", "encoder.onnx", "heads.npz", "tokenizer.json"}
    assert check_classifier(tmp_path / "layer").startswith("own-")


def test_a_bucket_s_files_are_fetched_as_they_are(bucket: Any, own: Path, tmp_path: Path) -> None:
    _find(f"{URL}/", tmp_path).fill(tmp_path / "layer")

    assert _files(tmp_path / "layer") == _files(own)


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_it_is_another_classifier_once_a_file_has_changed(where: str, bucket: Any, own: Path, tmp_path: Path) -> None:
    name = str(own) if where == "folder" else URL
    before, again = _find(name, tmp_path).inputs, _find(name, tmp_path).inputs
    (own / "classifier.toml").write_text((own / "classifier.toml").read_text() + "\n")
    bucket.upload_file(str(own / "classifier.toml"), "own/7/classifier.toml")

    assert before == again
    assert _find(name, tmp_path).inputs != before


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://classifiers/own", "there is no classifier.toml"),
        ("s3://classifiers/own/70", "there is no classifier.toml"),
        ("s3://elsewhere/own/7", "s3://elsewhere/own/7: .*NoSuchBucket"),
    ],
)
def test_a_place_without_a_classifier_stops_the_build(bucket: Any, tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        _find(url, tmp_path)


def test_a_folder_without_a_manifest_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no folder with a classifier\.toml"):
        _find(str(tmp_path), tmp_path)


def test_what_is_too_large_for_a_layer_is_not_fetched(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_MOST_BYTES", 20_000_000)

    with pytest.raises(BuildError, match=r"classifiers/own/7/ has 24 MB; 20 MB fit"):
        _find(URL, tmp_path)


def test_a_classifier_that_does_not_open_stops_the_build(own: Path) -> None:
    (own / "encoder.onnx").write_bytes((own / "encoder.onnx").read_bytes()[:1000])

    with pytest.raises(BuildError, match="the classifier does not open:"):
        check_classifier(own)


def test_a_manifest_with_a_wrong_key_is_named(own: Path) -> None:
    manifest = own / "classifier.toml"
    manifest.write_text(manifest.read_text().replace("version", "verzion"))

    with pytest.raises(BuildError, match=r"classifier\.toml: verzion"):
        check_classifier(own)


def test_a_model_whose_outputs_are_not_what_its_manifest_says_stops_the_build(own: Path) -> None:
    label = '[[labels]]\nname = "threat"\ncategories = ["violence"]\n'
    (own / "classifier.toml").write_text(f'kind = "labels"\nversion = "wrong-1"\nmodel = "encoder.onnx"\n{label}')

    with pytest.raises(BuildError, match="the classifier opens, and scores nothing: the model has 5 labels"):
        check_classifier(own)


def test_the_example_that_operators_are_given_is_a_manifest(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs/operations/moderation.md"
    (example,) = re.findall(r"```toml\n(kind = .*?)```", page.read_text(), re.DOTALL)
    (tmp_path / "classifier.toml").write_text(example)

    manifest = load_manifest(tmp_path)

    assert [each.name for each in manifest.labels] == ["toxic", "neutral"]
