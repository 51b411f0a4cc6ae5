"""`parley models`: bring models into a stage's store, and see what is in it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # imported by the commands: `parley up` does not wait for AWS's library
    from local.model_store.aws import StageStore
    from local.model_store.catalogue import Wanted
    from local.model_store.view import PushView
    from local.stack import StackConfig

_stage = click.option("--stage", type=click.Choice(["dev", "prod"]), required=True, help="Whose store and catalogue.")
_region = click.option("--region", help="Another region than the stage's.")
_INTERRUPTED = 130


@click.group()
def models() -> None:
    """Bring models into the store that a stage's GPU pools load from, and see what is there."""


@models.command()
@click.argument("name")
@_stage
@click.option("--revision", help="Commit, branch or tag; otherwise the catalogue's, or the newest.")
@click.option(
    "--accept-licence", metavar="LICENCE", help="Its exact name, for a licence that asks for more than a mention."
)
@click.option("--quantise", type=click.Choice(["fp8"]), help="Halve a model that its author has not quantised.")
@click.option("--here", is_flag=True, help="Run the job on this machine, not in CodeBuild.")
@_region
@click.pass_obj
def push(
    config: "StackConfig",
    *,
    name: str,
    stage: str,
    revision: str | None,
    accept_licence: str | None,
    quantise: str | None,
    here: bool,
    region: str | None,
) -> None:
    """Bring the model or adapter NAME of the catalogue into the store; again, to continue or to check it.

    \b
    Exit code 0: it is whole in the store. 1: it is not, and why is said. 130: you left; in CodeBuild it goes on.
    """
    from local.model_store.catalogue import find_wanted, read_wanted
    from local.model_store.view import PushView

    if here and quantise:
        raise click.UsageError("--quantise needs the machine that CodeBuild has for it: leave out --here.")
    with _told():
        wanted = find_wanted(read_wanted(stage), name, stage)
        store = _open_store(stage, region)
        bucket = store.find_bucket()
        chosen = revision or wanted.pinned_revision
        if chosen is None:
            click.echo(f"{stage}.models.toml has no revision of {name} yet: taking the newest.")
        variables = {"SOURCE": wanted.source, "FOLDER": wanted.folder, "REVISION": chosen or "main"}
        variables |= {"ACCEPT_LICENCE": accept_licence} if accept_licence else {}
        variables |= {"QUANTISE": quantise} if quantise else {}
        view = PushView()
        if here:
            _push_here(config, store, bucket, variables, view)
        else:
            from local.model_store.builds import start_build

            _follow(store, start_build(store, variables), view)
    _say_line(view, wanted, stage)


@models.command()
@click.argument("build_id")
@_region
def follow(*, build_id: str, region: str | None) -> None:
    """Come back to a push that runs in CodeBuild, by the id that it began with."""
    from local.model_store.view import PushView

    match = re.match(r"parley-(dev|prod)-push-model:", build_id)
    if match is None:
        raise click.BadParameter("is no build of parley models push", param_hint="BUILD_ID")
    view = PushView()
    with _told():
        _follow(_open_store(match[1], region), build_id, view)
    if view.line:
        click.echo(view.line)


@models.command("list")
@_stage
@_region
def list_models(*, stage: str, region: str | None) -> None:
    """What the catalogue wants, what the store has. Exit code 1 when something wanted is missing or has no revision."""
    from rich.console import Console

    from local.model_store.catalogue import read_wanted
    from local.model_store.listing import compare, make_table

    with _told():
        store = _open_store(stage, region)
        rows = compare(read_wanted(stage), store.list_revisions(store.find_bucket()))
    # Wide enough for a whole revision, which is there to be copied, in a pipe too.
    Console(highlight=False, width=120).print(make_table(rows))
    sys.exit(1 if any(row.state in {"missing", "unpinned"} for row in rows) else 0)


def _push_here(
    config: "StackConfig", store: "StageStore", bucket: str, variables: dict[str, str], view: "PushView"
) -> None:
    from local.model_store.here import run_here

    arguments = [variables["SOURCE"], "--bucket", bucket, "--folder", variables["FOLDER"]]
    arguments += ["--revision", variables["REVISION"], "--scratch", str(config.home / "weights")]
    arguments += ["--accept-licence", variables["ACCEPT_LICENCE"]] if "ACCEPT_LICENCE" in variables else []
    environ = {**config.environ, "AWS_DEFAULT_REGION": store.region}
    try:
        with view.live():
            run_here(arguments, environ, view.show_line)
    except KeyboardInterrupt:
        click.echo("Stopped. The same command continues it.")
        sys.exit(_INTERRUPTED)
    _fail_unless_done(view, "The job ended without a word.")


def _follow(store: "StageStore", build_id: str, view: "PushView") -> None:
    from local.model_store.builds import follow_build

    click.echo(f"CodeBuild runs it as {build_id}")
    try:
        with view.live():
            status = follow_build(store, build_id, view.show_line, view.show_phase, lambda: view.has_ended)
    except KeyboardInterrupt:
        click.echo(f"It goes on without you. Come back: parley models follow {build_id}")
        click.echo(f"Stop it: aws codebuild stop-build --region {store.region} --id {build_id}")
        sys.exit(_INTERRUPTED)
    _fail_unless_done(view, f"The build ended as {status}.")


def _fail_unless_done(view: "PushView", otherwise: str) -> None:
    if view.line is None:
        raise click.ClickException(view.error or "\n".join([*view.other_lines, otherwise]))


def _say_line(view: "PushView", wanted: "Wanted", stage: str) -> None:
    if view.revision == wanted.revision:
        click.echo(f"{stage}.models.toml names this revision.")
        return
    click.echo(f"Put this line into cdk/stages/{stage}.models.toml, at {wanted.name}, and deploy:")
    click.echo(view.line)


def _open_store(stage: str, region: str | None) -> "StageStore":
    from cdk.config import load_config
    from local.model_store.aws import StageStore

    return StageStore(stage, region or load_config(stage).region)


@contextmanager
def _told() -> Iterator[None]:
    """Errors as the command line tells them."""
    from cdk.config import ConfigError
    from local.model_store.errors import StoreError

    try:
        yield
    except (StoreError, ConfigError) as error:
        raise click.ClickException(str(error)) from error
