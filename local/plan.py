"""`parley plan`: what a load needs on AWS, what it costs, and what is full first."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from capacity.load import Asked
    from capacity.plan import Plan


class _Share(click.ParamType):
    """`fast=0.5`."""

    name = "pool=share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        pool, _, share = str(value).partition("=")
        try:
            return pool.strip(), float(share)
        except ValueError:
            self.fail(f"{value!r} is not a pool and its share, such as fast=0.5", param, ctx)


@click.command()
@click.option("--users", type=float, required=True, help="Users who are there at once.")
@click.option("--peak", type=float, required=True, help="Turns a second at the peak.")
@click.option(
    "--average",
    type=float,
    show_default="a fifth of the peak",
    help="Turns a second on the mean of a month: what is billed.",
)
@click.option("--tokens-in", type=float, show_default="1000", help="Tokens of a turn's prompt, history included.")
@click.option("--tokens-out", type=float, show_default="300", help="Tokens of an answer.")
@click.option("--cached", type=float, show_default="0.6", help="Share of the tokens in that the prefix cache has.")
@click.option(
    "--mix",
    type=_Share(),
    multiple=True,
    show_default="fast=0.5 balanced=0.4 quality=0.08 custom=0.02",
    help="Share of the turns that go to a pool; once for each pool, together 1.",
)
@click.option("--stage", type=click.Choice(["dev", "prod"]), default="prod", show_default=True, help="Whose pools.")
@click.option(
    "--stages-folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_default="cdk/stages",
    help="Where the stage's files are, to plan for changed ones.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    default=15_000,
    show_default=True,
    help="USD a month, to say what they buy.",
)
@click.option(
    "--pattern", type=click.Choice(["poisson", "bursty"]), default="poisson", show_default=True, help="How turns come."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the simulation: the same gives the same.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--sources", "all_figures", is_flag=True, help="Print every figure under the source it is from.")
def plan(
    *,
    users: float,
    peak: float,
    average: float | None,
    tokens_in: float | None,
    tokens_out: float | None,
    cached: float | None,
    mix: tuple[tuple[str, float], ...],
    stage: str,
    stages_folder: Path | None,
    budget: float,
    pattern: str,
    seed: int,
    as_json: bool,
    all_figures: bool,
) -> None:
    """What a load needs on AWS: instances, quotas, USD a month and a turn, and what is full first.

    Queues are simulated. Every figure carries the number of its sources, which are listed below with their date.

    \b
      parley plan --users 100000 --peak 500
      parley plan --users 2000 --peak 10 --mix fast=1 --mix balanced=0 --mix quality=0 --mix custom=0
    """
    from capacity.load import Asked

    asked = Asked(
        users=users,
        peak=peak,
        average=average,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cached=cached,
        mix=_shares(mix),
        pattern="bursty" if pattern == "bursty" else "poisson",
        seed=seed,
    )
    made = _make_plan(asked, stage, stages_folder, budget)
    if as_json:
        from capacity.document import as_document

        click.echo(json.dumps(as_document(made), indent=2))
        return
    from local.plan_tables import print_plan

    print_plan(made, all_figures=all_figures)


def _shares(mix: tuple[tuple[str, float], ...]) -> Mapping[str, float] | None:
    shares = dict(mix)
    if len(shares) < len(mix):
        raise click.BadParameter("a pool is named twice", param_hint="--mix")
    return shares or None


def _make_plan(asked: "Asked", stage: str, folder: Path | None, budget_usd: float) -> "Plan":
    """Raises: ClickException that says what is wrong with the load or the stage's files."""
    from rich.console import Console

    from capacity.facts import FactError, load_facts
    from capacity.load import LoadError, plan_load
    from capacity.plan import make_plan
    from capacity.stage import read_stage
    from cdk.config import STAGES_FOLDER, ConfigError

    with Console(stderr=True).status("Reading the stage") as status:
        try:
            facts = load_facts()
            files = read_stage(facts, stage, folder or STAGES_FOLDER)
            load = plan_load(facts, asked, files.config.pools)
            return make_plan(facts, files, load, budget_usd, lambda doing: status.update(f"Simulating {doing}"))
        except LoadError as error:
            raise click.UsageError(str(error)) from error
        except (FactError, ConfigError) as error:
            raise click.ClickException(str(error)) from error
