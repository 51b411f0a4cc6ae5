"""`parley reviews`: what reviewers decided, as labelled data, and thresholds out of it."""

import json
import sys
from pathlib import Path

import click

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def reviews() -> None:
    """Export what reviewers decided, and recalibrate moderation's thresholds by it."""


@reviews.command()
@click.option("--url", required=True, help="Of Parley, such as https://chat.example.com.")
@click.option(
    "--token-file", required=True, type=_file, help="A reviewer's token; never an argument, which others can see."
)
def export(*, url: str, token_file: Path) -> None:
    """Print every decision whose text still exists, one JSON object a line, oldest first.

    The lines hold what users wrote: keep them as you keep your database.

    \b
      parley reviews export --url https://chat.example.com --token-file token > labels.jsonl
    """
    from rich.console import Console

    from local.recalibration.export import ExportError, LabelsOf

    total = 0
    try:
        token = _read_token(token_file)
        with Console(stderr=True).status("Asking for labels") as status:
            for page in LabelsOf(url, token).pages():
                for label in page:
                    click.echo(json.dumps(label))
                total += len(page)
                status.update(f"{total} labels")
    except ExportError as error:
        raise click.ClickException(f"After {total} labels: {error}") from error
    except BrokenPipeError:  # as with `| head`
        sys.exit(0)
    click.echo(f"{total} labels", err=True)


@reviews.command()
@click.argument("labels", type=_file)
@click.option("--policy", required=True, type=_file, help="The stage's, such as cdk/stages/prod.moderation.toml.")
@click.option("--tier", help="A tier with a table of its own; otherwise the default's thresholds.")
@click.option("--keep", multiple=True, metavar="CATEGORY", help="Leave this one as it is; several times for several.")
@click.option("--write", is_flag=True, help="Write the proposals into the policy's file.")
def recalibrate(*, labels: Path, policy: Path, tier: str | None, keep: tuple[str, ...], write: bool) -> None:
    """Propose thresholds of which the LABELS say that what is blocked is rightly blocked, and show before and after.

    \b
      parley reviews recalibrate labels.jsonl --policy cdk/stages/prod.moderation.toml
    """
    from local.recalibration.labels import LabelError, read_labels
    from local.recalibration.policy_edit import PolicyEditError, tier_of, write_thresholds
    from local.recalibration.propose import measure, propose, with_proposals
    from local.recalibration.tables import open_console, print_effects, print_labels, print_proposals
    from parley.moderation.policy_file import load_policy
    from parley.settings import SettingsError

    kept = _categories(keep)
    try:
        thresholds = tier_of(load_policy(policy), tier)
        read = read_labels(labels)
        proposals = [each for each in propose(read.comparable, thresholds) if each.category not in kept]
        changed = with_proposals(thresholds, proposals)
        console = open_console()
        print_labels(console, read)
        print_proposals(console, proposals)
        print_effects(console, measure(read.comparable, thresholds), measure(read.comparable, changed))
        changes = sum(each.is_change for each in proposals)
        if write and changes:
            write_thresholds(policy, tier, proposals)
    except (LabelError, PolicyEditError, SettingsError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(_what_happened(changes, policy, is_written=write))


def _read_token(file: Path) -> str:
    token = file.read_text(encoding="utf-8").strip()
    if not token.isascii() or not token.isprintable() or len(token.split()) != 1:
        raise click.ClickException(f"{file} holds no token.")
    return token


def _categories(names: tuple[str, ...]) -> frozenset[str]:
    from parley.moderation.model import Category

    known = {category.value for category in Category}
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(sorted(known))}", param_hint="--keep")
    return frozenset(names)


def _what_happened(changes: int, policy: Path, *, is_written: bool) -> str:
    if not changes:
        return "Nothing to change."
    if is_written:
        return f"{changes} categories changed in {policy}. Look at the difference, then deploy."
    return f"{changes} categories would change; --write puts that into {policy}."
