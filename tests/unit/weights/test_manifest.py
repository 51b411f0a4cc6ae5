"""The manifest that makes a revision whole."""

import dataclasses
import json

from gpu_workers.weights.model import FileEntry, Manifest
from gpu_workers.weights.push import catalogue_line, find_whole, make_manifest
from tests.unit.weights import make


def _manifest() -> Manifest:
    return make_manifest(
        make.repository(), {"b.json": make.stored_file("b.json"), "a.json": make.stored_file("a.json")}, None
    )


def test_it_says_where_the_weights_are_from_and_each_file_s_checksum() -> None:
    document = json.loads(json.dumps(_manifest().to_json()))

    assert document.pop("pushed_at").endswith("+00:00")
    assert document == {
        "repo": "org/model",
        "revision": "c" * 40,
        "licence": "apache-2.0",
        "quantisation": None,
        "files": {name: {"size_bytes": 10, "sha256": "b" * 64} for name in ("a.json", "b.json")},
    }
    assert list(document["files"]) == ["a.json", "b.json"]


def test_it_reads_back_as_it_was_written() -> None:
    manifest = _manifest()

    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


def test_two_say_the_same_whenever_they_were_written() -> None:
    manifest = _manifest()

    assert manifest.says_the_same(dataclasses.replace(manifest, pushed_at="2020-01-01T00:00:00+00:00"))
    assert not manifest.says_the_same(dataclasses.replace(manifest, quantisation="fp8"))
    assert not manifest.says_the_same(dataclasses.replace(manifest, files={"a.json": FileEntry(10, "b" * 64)}))


def test_what_a_manifest_names_is_whole_only_when_all_of_it_is_in_the_store() -> None:
    manifest = _manifest()
    there = {name: make.stored_file(name) for name in ("a.json", "b.json")}

    assert find_whole(manifest, there.get) == there
    assert find_whole(manifest, {"a.json": there["a.json"]}.get) is None
    assert find_whole(manifest, {**there, "b.json": make.stored_file("b.json", size_bytes=9)}.get) is None
    assert find_whole(None, there.get) is None


def test_the_catalogue_s_line_is_toml() -> None:
    assert catalogue_line("c" * 40) == f'revision = "{"c" * 40}"'
