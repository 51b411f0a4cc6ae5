"""The `parley` command: one local stack, from the first start to the last trace of it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.models import models
from local.narration import Narrator
from local.orphans import await_end, find_orphans, stop_orphans
from local.parts.gateway import require_free
from local.parts.home import outside_folder
from local.parts.postgres_files import OWNER, PostgresFiles, installed_programs
from local.parts.process import PartError
from local.plan import plan
from local.reviews import reviews
from local.stack import CHECKOUT, ConfigError, StackConfig, assemble
from local.state import HomeInUseError, StackState, only_one, read_state, running_state

_ENVIRONMENT_HELP = """
\b
Environment:
  PORT          port of the page and the API (8080)
  PARLEY_HOME   folder of all data (.parley in the checkout); each folder is a stack of its own
  DATABASE_URL  your own Postgres 18 with pgvector, as an owner who may create roles
  VALKEY_URL    your own Valkey, in cluster mode (password: VALKEY_PASSWORD_FILE)
  ENGINE_URL    any server with OpenAI's protocol, with its /v1 (key: ENGINE_API_KEY_FILE)
  MODELS_FILE   a catalogue of several models and their servers, like cdk/stages/prod.models.toml, each pool with its url
  MODEL_PATH    a GGUF file for the embedded engine
  OIDC_ISSUER   your own identity provider (client id of the page: OIDC_AUDIENCE)
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_ENVIRONMENT_HELP)
@click.pass_context
def main(context: click.Context) -> None:
    """Run Parley on this machine: Postgres, Valkey, a language model and the chat page, with one command."""
    try:
        context.obj = StackConfig.from_environ(os.environ)  # noqa: TID251 the edge where the launcher reads it
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option(
    "--detach", is_flag=True, help="Return once it is ready and leave it running; stop it with `parley down`."
)
@click.pass_obj
def up(config: StackConfig, *, detach: bool) -> None:
    """Start the stack, print its address, and keep it running until Ctrl-C."""
    if detach:
        _start_detached(config)
        return
    from local.supervisor import Supervisor, stopped_by_signals

    narrator = Narrator()
    narrator.say(f"Starting Parley; its data is in {config.home}")
    try:
        with _alone(config):
            _clear_the_way(config, narrator)
            supervisor = Supervisor(config.home, config.url, assemble(config), narrator)
            with stopped_by_signals(supervisor.stop_wanted):
                supervisor.run()
    except (PartError, ConfigError) as error:
        raise click.ClickException(f"{error}\nMore: parley doctor, and the logs in {config.home / 'logs'}") from error


@main.command()
@click.pass_obj
def down(config: StackConfig) -> None:
    """Stop the stack, wherever it was started from. Its data stays."""
    click.echo("Stopped." if _stop(config) else "Nothing was running.")


@main.command()
@click.pass_obj
def status(config: StackConfig) -> None:
    """Say what runs, where, and how well. Exit code 0 when it is ready, else 1."""
    state = running_state(config.home)
    if state is None:
        click.echo(f"Parley is not running ({config.home}). Start it with: parley up")
        sys.exit(1)
    click.echo(f"Parley is {state.phase} at {state.url} (pid {state.supervisor.pid}), its data in {config.home}")
    Console(highlight=False).print(_parts_table(state))
    sys.exit(0 if state.phase == "ready" and all(part.healthy for part in state.parts) else 1)


@main.command()
@click.pass_obj
def doctor(config: StackConfig) -> None:
    """Find what is wrong and say what to type. Exit code 1 when something keeps the stack from running."""
    from local.doctor import examine

    console, bad = Console(highlight=False, soft_wrap=True), False
    signs = {"good": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}
    for finding in examine(config):
        bad |= finding.level == "bad"
        console.print(f"{signs[finding.level]} {escape(finding.text)}")
        if finding.remedy:
            console.print(f"    → type: [bold]{escape(finding.remedy)}[/]")
    sys.exit(1 if bad else 0)


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def reset(config: StackConfig, *, yes: bool) -> None:
    """Stop the stack and delete its data: conversations, users, keys, logs."""
    if not yes:
        click.confirm(f"Delete every conversation, user and key in {config.home}?", abort=True)
    _stop(config)
    with _alone(config):
        _delete_data(config.home)
    click.echo("Deleted. The next start begins afresh.")


@main.command()
@click.option("--user", required=True, help="Who the token is for; made on first use.")
@click.option("--tier", type=click.Choice(["free", "pro", "enterprise"]), default="free", show_default=True)
@click.option("--role", "roles", type=click.Choice(["admin", "reviewer"]), multiple=True, help="May be repeated.")
@click.pass_obj
def token(config: StackConfig, user: str, tier: str, roles: tuple[str, ...]) -> None:
    """Print a bearer token for an SDK or curl, and nothing else.

    \b
      OPENAI_API_KEY=$(parley token --user ada) OPENAI_BASE_URL=http://127.0.0.1:8080/v1 python app.py
    """
    if "OIDC_ISSUER" in config.environ:
        raise click.ClickException("OIDC_ISSUER is set: tokens come from that issuer, not from the local stack.")
    from local.oidc import issue_token

    try:
        click.echo(issue_token(config.home, user=user, tier=tier, roles=roles))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--user") from error


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def psql(config: StackConfig, arguments: tuple[str, ...]) -> None:
    """Open the stack's database in psql as its owner; arguments are psql's own (`parley psql -c 'SELECT 1'`)."""
    url = config.environ.get("DATABASE_URL") or _owner_url(config)
    program = installed_programs() / "psql"
    os.execv(program, [str(program), url, *arguments])  # noqa: S606


main.add_command(models)
main.add_command(plan)
main.add_command(reviews)


def _owner_url(config: StackConfig) -> str:
    state = running_state(config.home)
    port = (
        next((part.port for part in state.parts if part.name == "postgres" and part.healthy), None) if state else None
    )
    if port is None:
        raise click.ClickException("The database is not running. Start the stack with: parley up --detach")
    return PostgresFiles(config.home).url(OWNER, port)


def _clear_the_way(config: StackConfig, narrator: Narrator) -> None:
    """Stop what a killed stack left running, then see that the port is free. Raises: PartError."""
    orphans = find_orphans(config.home)
    if orphans:
        narrator.say(f"The last run was killed: stopping the {len(orphans)} processes it left")
        stop_orphans(orphans)
    require_free(config.port)
    if not (CHECKOUT / "web" / "dist" / "index.html").exists():
        narrator.say(
            "The web page is not built, so only the API will answer. To build it, type: make run", style="yellow"
        )


def _start_detached(config: StackConfig) -> None:
    """Start the supervisor in a session of its own, show what it says, return when it is ready."""
    if running_state(config.home):
        raise click.ClickException(_who_runs(config))
    log = config.home / "logs" / "supervisor.log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [sys.executable, "-P", "-m", "local.cli", "up"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with log.open(errors="replace") as lines:
            while not _is_ready(config, daemon.pid) and daemon.poll() is None:
                click.echo(lines.read(), nl=False)
                time.sleep(0.05)
            click.echo(lines.read(), nl=False)
    except KeyboardInterrupt:
        daemon.terminate()
        daemon.wait()
        raise
    if daemon.poll() is not None:
        sys.exit(daemon.returncode or 1)


def _is_ready(config: StackConfig, pid: int) -> bool:
    state = running_state(config.home)
    return state is not None and state.supervisor.pid == pid and state.phase == "ready"


def _stop(config: StackConfig, within_s: float = 40.0) -> bool:
    """Stop the supervisor, or what a killed one left. False when nothing ran."""
    state = running_state(config.home)
    process = state.supervisor.process() if state else None
    if process:
        process.send_signal(signal.SIGTERM)
        if await_end([process], within_s):
            raise click.ClickException(f"It does not stop. Type: kill -9 {process.pid}; parley down")
        return True
    with _alone(config):
        orphans = find_orphans(config.home)
        stop_orphans(orphans)
        return bool(orphans)


def _delete_data(home: Path) -> None:
    """Delete what the stack made in its home and nothing else: PARLEY_HOME may be a folder with other things in it."""
    shutil.rmtree(outside_folder(home), ignore_errors=True)
    if (home / "postgres").is_symlink():
        (home / "postgres").unlink()
    for folder in ("postgres", "valkey", "engine", "gateway", "issuer", "logs"):
        shutil.rmtree(home / folder, ignore_errors=True)
    for file in ("passfile", "state.json"):
        (home / file).unlink(missing_ok=True)


@contextmanager
def _alone(config: StackConfig) -> Iterator[None]:
    """Hold the home's lock. Raises: ClickException that says what runs there."""
    try:
        with only_one(config.home):
            yield
    except HomeInUseError as error:
        raise click.ClickException(_who_runs(config)) from error


def _who_runs(config: StackConfig) -> str:
    state = read_state(config.home)
    where = f" at {state.url} (pid {state.supervisor.pid})" if state else ""
    return (
        f"Parley already runs on {config.home}{where}. See it with `parley status`, stop it with `parley down`,\n"
        "or start a second one beside it: PARLEY_HOME=~/another PORT=8081 parley up"
    )


def _parts_table(state: StackState) -> Table:
    table = Table("part", "state", "address", "pid", "memory", "restarts", box=None, pad_edge=False)
    for part in state.parts:
        process = part.mark.process() if part.mark else None
        memory = f"{process.memory_info().rss / 1e6:.0f} MB" if process else ""
        words = "ready" if part.healthy else "not ready"
        address = f"127.0.0.1:{part.port}" if part.port else "your own"
        table.add_row(part.name, words, address, str(process.pid) if process else "", memory, str(part.restarts))
    return table


if __name__ == "__main__":
    main()
