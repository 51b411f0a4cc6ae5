"""`parley models`, as an operator types it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.model_store.catalogue import read_wanted
from tests.integration.weights.codebuild import StandInCodeBuild, serve_codebuild
from tests.integration.weights.conftest import ROOT, World, safetensors, small_model
from tests.integration.weights.hub import PIECE_BYTES, HubRepository

PARLEY = Path(sys.executable).parent / "parley"
(MODEL, *_) = read_wanted("dev")


@pytest.fixture
def codebuild(world: World, tmp_path: Path) -> Iterator[StandInCodeBuild]:
    """The stage is deployed: its job is there, and knows its bucket."""
    with serve_codebuild(tmp_path, world.environ) as codebuild:
        codebuild.project, codebuild.bucket = "parley-dev-push-model", world.bucket
        world.hub.repositories[MODEL.source] = HubRepository(small_model())
        world.environ |= {
            "AWS_ENDPOINT_URL_CODEBUILD": codebuild.url,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": codebuild.url,
        }
        world.environ["PARLEY_HOME"] = str(tmp_path / "home")
        yield codebuild


def _start(world: World, *arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PARLEY, "models", *arguments],
        cwd=ROOT,
        env={**world.environ, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _parley(world: World, *arguments: str, **more: str) -> tuple[int, str]:
    with _start(world, *arguments, **more) as process:
        out, _ = process.communicate(timeout=60)
    return process.returncode, out


def test_a_push_runs_in_codebuild_and_ends_with_the_catalogue_s_line(world: World, codebuild: StandInCodeBuild) -> None:
    revision = world.hub.repositories[MODEL.source].revision

    code, out = _parley(
        world, "push", MODEL.name, "--stage", "dev", "--revision", revision, "--accept-licence", "apache-2.0"
    )

    assert code == 0, out
    assert f"{MODEL.source} at {revision}, licence: apache-2.0" in out
    assert "100.0 %" in out
    assert out.splitlines()[-1] == f'revision = "{revision}"'
    assert (build := codebuild.builds["parley-dev-push-model:0"]).given == {
        "SOURCE": MODEL.source,
        "FOLDER": MODEL.folder,
        "REVISION": revision,
        "ACCEPT_LICENCE": "apache-2.0",
    }
    assert build.machine == "the project's"
    assert f"{MODEL.folder}/{revision}/parley-manifest.json" in world.list_keys()


def test_here_the_same_job_runs_on_this_machine_and_list_shows_what_it_brought(
    world: World, codebuild: StandInCodeBuild, tmp_path: Path
) -> None:
    revision = world.hub.repositories[MODEL.source].revision

    code, out = _parley(world, "push", MODEL.name, "--stage", "dev", "--revision", "main", "--here")
    listed_code, listed = _parley(world, "list", "--stage", "dev")

    assert code == 0, out
    assert out.splitlines()[-1] == f'revision = "{revision}"'
    assert codebuild.builds == {}
    assert not list((tmp_path / "home" / "weights").iterdir())
    assert listed_code == 1  # what the catalogue wants is another revision, or none yet
    assert any({MODEL.folder, revision, "unused"} <= set(line.split()) for line in listed.splitlines()), listed


def test_the_end_of_a_log_that_comes_late_is_waited_for(world: World, codebuild: StandInCodeBuild) -> None:
    codebuild.lag = 2

    code, out = _parley(world, "push", MODEL.name, "--stage", "dev", "--revision", "main")

    assert (code, codebuild.lag) == (0, 0), out


def test_who_leaves_a_push_here_leaves_nothing_running(world: World, codebuild: StandInCodeBuild) -> None:
    files = small_model(**{"model.safetensors": safetensors(PIECE_BYTES + 1_000_000)})
    world.hub.repositories[MODEL.source] = HubRepository(files)
    world.hub.held = "model.safetensors"

    with _start(world, "push", MODEL.name, "--stage", "dev", "--revision", "main", "--here") as process:
        assert world.hub.holding.wait(30)
        (job,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    assert (process.returncode, "The same command continues it" in out) == (130, True), out
    assert not job.is_running()


def test_who_leaves_is_told_how_to_come_back(world: World, codebuild: StandInCodeBuild) -> None:
    files = small_model(**{"model.safetensors": safetensors(PIECE_BYTES + 1_000_000)})
    world.hub.repositories[MODEL.source] = HubRepository(files)
    world.hub.held = "model.safetensors"

    with _start(world, "push", MODEL.name, "--stage", "dev", "--revision", "main") as process:
        assert world.hub.holding.wait(30)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130, out
    assert "parley models follow parley-dev-push-model:0" in out
    world.hub.released.set()
    code, followed = _parley(world, "follow", "parley-dev-push-model:0")

    assert code == 0, followed
    assert "licence: apache-2.0" in followed  # from the beginning
    assert followed.splitlines()[-1].startswith('revision = "')


def test_a_push_that_fails_says_why_and_nothing_else(world: World, codebuild: StandInCodeBuild) -> None:
    world.hub.repositories[MODEL.source] = HubRepository(small_model(), licence="llama3.1")

    code, out = _parley(world, "push", MODEL.name, "--stage", "dev", "--revision", "main")

    assert code == 1
    assert out.splitlines()[-1].startswith("Error: The licence 'llama3.1'")
    assert "Traceback" not in out


def test_what_keeps_a_push_from_beginning_is_said(world: World, codebuild: StandInCodeBuild) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    code, stranger = _parley(world, "push", MODEL.name, "--stage", "dev", **nobody)
    assert (code, "No AWS credentials" in stranger) == (1, True)

    codebuild.project = ""
    code, early = _parley(world, "push", MODEL.name, "--stage", "dev")
    assert (code, "make deploy STAGE=dev" in early) == (1, True)


def test_a_build_that_is_not_there_is_said(world: World, codebuild: StandInCodeBuild) -> None:
    code, out = _parley(world, "follow", "parley-dev-push-model:9")

    assert (code, "There is no build parley-dev-push-model:9" in out) == (1, True)
