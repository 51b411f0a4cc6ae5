"""What one push does, and what it leaves when it does not."""

import base64
import hashlib
import json
import logging
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from gpu_workers.weights.model import MANIFEST
from tests.integration.weights.conftest import World, aws_session, safetensors, small_model
from tests.integration.weights.hub import PIECE_BYTES, HubRepository

PART_BYTES = 64 * 1024 * 1024
WANTED = {"config.json", "tokenizer.json", "model.safetensors", "LICENSE"}


def test_what_vllm_needs_is_in_the_store_as_the_hub_has_it(world: World) -> None:
    # Over the 64 MiB from which S3 gets it in parts.
    files = small_model(**{"model-2.safetensors": safetensors(68 * 1024 * 1024)})
    repository = world.hub.repositories["org/large"] = HubRepository(files)

    ended = world.run("org/large")

    folder = repository.revision
    assert ended.code == 0, ended.events
    assert world.list_keys() == {f"{folder}/{name}" for name in {*WANTED, "model-2.safetensors", MANIFEST}}
    manifest = json.loads(world.read(f"{folder}/{MANIFEST}"))
    assert (manifest["repo"], manifest["revision"], manifest["licence"]) == ("org/large", folder, "apache-2.0")
    for name, entry in manifest["files"].items():
        stored = world.read(f"{folder}/{name}")
        assert stored == files[name]
        assert entry == {"size_bytes": len(stored), "sha256": hashlib.sha256(stored).hexdigest()}
        assert world.checksum(f"{folder}/{name}") == _of_parts(stored)
    assert ended.of("done")[0]["line"] == f'revision = "{folder}"'
    assert not world.scratch.joinpath(folder).exists()


def test_pickles_and_code_are_left_where_they_are(world: World) -> None:
    ended = world.push("org/small")

    assert ended.of("plan")[0]["left_out"] == ["pytorch_model.bin", "modeling.py", "README.md"]
    assert {name for name, _ in world.hub.downloads} == WANTED
    assert not any(key.endswith((".bin", ".py")) for key in world.list_keys())


def test_the_manifest_is_written_when_all_else_is_there(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "werkzeug"):  # the stand-in S3's log
        world.push("org/small")

    written = [message for message in caplog.messages if '"PUT ' in message and world.bucket in message]
    assert len(written) == len(WANTED) + 1
    assert MANIFEST in written[-1]


def test_progress_only_grows_and_ends_at_all_of_it(world: World) -> None:
    progress = world.push("org/small").of("progress")

    percents = [each["percent"] for each in progress]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert progress[-1]["bytes"] == progress[-1]["total_bytes"]


def test_a_second_push_changes_and_downloads_nothing(world: World) -> None:
    world.push("org/small")
    before = world.versions()
    world.hub.downloads.clear()

    ended = world.push("org/small")

    assert (ended.code, ended.of("plan")[0]["present"]) == (0, len(WANTED))
    assert (world.versions(), world.hub.downloads) == (before, [])
    assert ended.of("done")


def test_what_someone_deleted_comes_back(world: World) -> None:
    world.push("org/small")
    revision = world.hub.repositories["org/small"].revision
    world.client.delete_object(Bucket=world.bucket, Key=f"models/m/{revision}/tokenizer.json")
    world.hub.downloads.clear()

    world.push("org/small")

    assert world.hub.downloads == [("tokenizer.json", 0)]
    assert f"{revision}/tokenizer.json" in world.list_keys()


def test_a_killed_push_is_continued_where_it_was(world: World) -> None:
    files = small_model(**{"model.safetensors": safetensors(PIECE_BYTES + 5_000_000)})
    revision = (repository := HubRepository(files)).revision
    world.hub.repositories["org/large"] = repository
    world.hub.held = "model.safetensors"
    rest = {f"{revision}/{name}" for name in WANTED - {"model.safetensors"}}

    with world.start("org/large") as job:
        _wait_for(lambda: world.list_keys() == rest, job)
        part = world.scratch / revision / "model.safetensors"
        _wait_for(lambda: part.exists() and part.stat().st_size >= PIECE_BYTES, job)
        job.send_signal(signal.SIGKILL)
    assert job.returncode == -signal.SIGKILL
    world.hub.released.set()
    world.hub.downloads.clear()
    written = world.versions()

    ended = world.push("org/large")

    assert ended.code == 0
    assert world.hub.downloads == [("model.safetensors", PIECE_BYTES)]
    assert world.versions() == written + 2  # the file and the manifest
    assert world.read(f"{revision}/model.safetensors") == files["model.safetensors"]
    assert f"{revision}/{MANIFEST}" in world.list_keys()


def test_a_connection_that_breaks_is_taken_up_again_in_the_same_push(world: World) -> None:
    files = small_model(**{"model.safetensors": safetensors(PIECE_BYTES + 5_000_000)})
    world.hub.repositories["org/large"] = HubRepository(files)
    world.hub.held = "model.safetensors"

    with world.start("org/large") as job:
        assert world.hub.holding.wait(30)
        world.hub.released.set()
        assert job.wait(30) == 0

    assert ("model.safetensors", PIECE_BYTES) in world.hub.downloads


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_is_not_what_the_hub_says_is_refused_and_there_is_no_manifest(world: World, name: str) -> None:
    world.hub.corrupted = {name}

    ended = world.push("org/small")

    assert (ended.code, ended.error[0]) == (1, "checksum")
    assert name in ended.error[1]
    assert not any(key.endswith((name, MANIFEST)) for key in world.list_keys())


def test_after_a_corrupted_file_the_next_push_has_it_anew(world: World) -> None:
    world.hub.corrupted = {"model.safetensors"}
    world.push("org/small")
    world.hub.corrupted = set()

    assert world.push("org/small").code == 0


def test_a_pickle_under_the_name_of_safetensors_is_refused(world: World) -> None:
    body = b"\x80\x04" + b"pickle" * 500
    world.hub.repositories["org/sly"] = HubRepository(small_model(**{"model.safetensors": body}))

    ended = world.push("org/sly")

    assert ended.error[0] == "not_safetensors"
    assert not any(key.endswith("model.safetensors") for key in world.list_keys())


def test_a_model_of_pickles_only_is_refused(world: World) -> None:
    world.hub.repositories["org/old"] = HubRepository({"config.json": b"{}", "pytorch_model.bin": b"\x80"})

    assert world.push("org/old").error[0] == "no_weights"
    assert world.hub.downloads == []


@pytest.mark.parametrize(("licence", "name"), [(None, "none"), ("llama3.1", "llama3.1")])
def test_a_licence_that_is_not_open_is_accepted_by_its_name(world: World, licence: str | None, name: str) -> None:
    world.hub.repositories["org/theirs"] = HubRepository(small_model(), licence=licence)

    refused = world.push("org/theirs")
    accepted = world.push("org/theirs", accept=name)

    assert refused.of("resolved")[0]["licence"] == name
    assert (refused.error[0], f"--accept-licence {name}" in refused.error[1]) == ("licence", True)
    assert accepted.code == 0


def test_a_gated_model_needs_its_licence_s_name_and_a_token_that_the_author_lets_in(world: World) -> None:
    world.hub.repositories["org/gated"] = HubRepository(small_model(), licence="llama3.1", gated=True)

    unnamed = world.push("org/gated")
    stranger = world.push("org/gated", accept="llama3.1")
    guest = world.push("org/gated", accept="llama3.1", token="hf_let_me_in")

    assert (unnamed.error[0], stranger.error[0], guest.code) == ("licence", "gated", 0)


def test_in_the_cloud_the_token_is_a_secret_that_need_not_exist(world: World, moto_url: str) -> None:
    world.hub.repositories["org/gated"] = HubRepository(small_model(), licence="mit", gated=True)
    arguments = ("--accept-licence", "mit", "--token-secret", f"{world.bucket}/token")

    without = world.run("org/gated", *arguments)
    aws_session().client("secretsmanager", endpoint_url=moto_url).create_secret(
        Name=f"{world.bucket}/token", SecretString="hf_let_me_in\n"
    )
    with_token = world.run("org/gated", *arguments)

    assert (without.error[0], with_token.code) == ("gated", 0)
    assert "hf_let_me_in" not in json.dumps(with_token.events)


@pytest.mark.parametrize(
    ("repo", "revision", "code"),
    [
        ("org/nobody", "main", "no_repository"),
        ("not a name", "main", "no_repository"),
        ("org/small", "v9", "no_revision"),
    ],
)
def test_what_the_hub_does_not_have_is_said(world: World, repo: str, revision: str, code: str) -> None:
    assert world.push(repo, revision).error[0] == code


def test_a_hub_bucket_or_credentials_that_are_not_there_are_said(world: World) -> None:
    gone = "http://127.0.0.1:9"

    assert world.run("org/small", HF_ENDPOINT=gone).error[0] == "hub_unreachable"
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    assert world.run("org/small", **nobody).error[0] == "no_credentials"
    world.bucket = "no-such-bucket"
    assert world.push("org/small").error[0] == "store"


def _of_parts(body: bytes) -> str:
    """What S3 calls an object's SHA-256: that of its parts' ones, when it came in parts of 64 MiB."""
    parts = [body[begin : begin + PART_BYTES] for begin in range(0, len(body), PART_BYTES)]
    digests = [hashlib.sha256(part).digest() for part in parts]
    whole = digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()
    return base64.b64encode(whole).decode()


def _wait_for(condition: Callable[[], bool], job: subprocess.Popen[str], within_s: float = 30.0) -> None:
    """Until it holds; what it waits for is in another process and tells nobody."""
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it never came to that"
        assert job.poll() is None, "the job ended too early"
        time.sleep(0.02)
