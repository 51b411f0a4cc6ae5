"""A plan as tables, each figure with the numbers of its sources."""

from collections.abc import Iterable, Iterator
from math import isfinite

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from capacity.facts import Figure
from capacity.plan import Plan
from capacity.references import References
from capacity.sizing import REFUSE_AT, PoolSize

# Where nobody looks at a terminal, as in a file, a table may be as wide as it reads well.
_WIDE = 132
# From here on four digits are not worth an exponent.
_EXACT = 10_000
_PRICES = ("price.", "instance.", "database.", "cache.")


def print_plan(plan: Plan, *, all_figures: bool) -> None:
    """To standard output; colours only where it is a terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    printer = _Printer(console)
    printer.load(plan)
    printer.pools(plan)
    printer.maximum(plan)
    printer.costs(plan)
    printer.limits(plan)
    printer.quotas(plan)
    printer.budget(plan)
    printer.sources(all_figures=all_figures)


class _Printer:
    """Prints table after table; a source has the same number in all of them."""

    def __init__(self, console: Console) -> None:
        self._console, self._references = console, References()

    def load(self, plan: Plan) -> None:
        load, said = plan.load, self._said
        self._print(
            f"[bold]Stage {plan.stage.config.stage}[/] for {said(load.users, ',.0f')} users at once, "
            f"{said(load.peak, ',g')} turns/s at peak and {said(load.average, ',g')} on average; "
            f"{said(load.tokens_in, ',g')} tokens in, {said(load.cached, '.0%')} of them cached, "
            f"{said(load.tokens_out, ',g')} out; {'in bursts' if load.bursts else 'Poisson'}, seed {load.seed}."
        )

    def pools(self, plan: Plan) -> None:
        table = _table(
            "Instances for the peak",
            (
                "pool",
                "turns/s",
                "a replica\ncarries",
                "instances",
                "used",
                "first token, s\np50 / p95 / p99",
                "tokens/s\na stream",
            ),
            right=(1, 2, 4, 6),
        )
        for size in plan.sizes:
            seen, share = size.at_peak, plan.load.mix[size.pool.name]
            waits = (seen.first_token_p50_s, seen.first_token_p95_s, seen.first_token_p99_s)
            kind = size.pool.config.instance_type
            table.add_row(
                f"{size.pool.name}, {share.value:.0%}\n[dim]{escape(size.pool.model.rpartition('/')[2])}[/]",
                _number(size.peak.value, ",.4g"),
                _number(size.replica_carries.value, ".2f"),
                f"{size.instances.value:.0f} {kind}" if size.possible else "no number suffices",
                _number(size.use.value, ".0%"),
                " / ".join(_number(each.value, ".2f") for each in waits),
                _number(seen.stream_tokens_per_s.value, ".0f"),
                self._mark(
                    share, size.peak, size.replica_carries, size.instances, size.use, *waits, seen.stream_tokens_per_s
                ),
            )
        self._print(table)
        self._print_notes(_remarks(plan.sizes))

    def maximum(self, plan: Plan) -> None:
        table = _table(
            "What the stage's file allows, at the peak",
            (
                "pool",
                "instances",
                "the most carry,\nturns/s",
                "of the turns\nrefused",
                "first token\np95, s",
                "tokens/s\na stream",
            ),
            right=(2, 3, 4, 5),
        )
        for size in plan.sizes:
            least, most, seen = size.configured_min, size.configured_max, size.at_most
            table.add_row(
                size.pool.name,
                f"{least.value:.0f} to {most.value:.0f}",
                _number(size.max_carries.value, ",.4g"),
                _number(seen.refused_share.value, ".1%"),
                _number(seen.first_token_p95_s.value, ".2f"),
                _number(seen.stream_tokens_per_s.value, ".0f"),
                self._mark(
                    least, most, size.max_carries, seen.refused_share, seen.first_token_p95_s, seen.stream_tokens_per_s
                ),
            )
        self._print(table)
        refused = self._said(plan.refused_share, ".1%")
        self._print(
            f"Of all turns {refused} are refused by their own pool, before fallbacks: once {REFUSE_AT} wait at a replica, "
            "further ones go elsewhere or get 503."
        )

    def costs(self, plan: Plan) -> None:
        table = _table("USD a month, with GPUs that follow the load", ("part", "USD", ""), right=(1,))
        for line in sorted(plan.costs, key=lambda each: -each.monthly.value):
            usd = f"{'≈ ' if _rests_on_an_estimated_price(line.monthly) else ''}{line.monthly.value:,.0f}"
            table.add_row(line.part, usd, escape(line.detail), self._mark(line.monthly))
        table.add_section()
        said = f"{plan.turns.value / 1e6:,.0f} million turns {self._mark(plan.turns)}, {self._said(plan.turn_s, '.1f')} s each"
        table.add_row("[bold]Together[/]", f"[bold]{plan.monthly.value:,.0f}[/]", said, self._mark(plan.monthly))
        table.add_row("A turn", f"{plan.turn_usd.value:.5f}", "", self._mark(plan.turn_usd))
        at_peak = f"{plan.turn_usd_at_peak.value:.5f} a turn"
        sources = self._mark(plan.monthly_at_peak, plan.turn_usd_at_peak)
        table.add_row("With the peak's GPUs all month", f"{plan.monthly_at_peak.value:,.0f}", at_peak, sources)
        self._print(table)
        self._print(
            "≈ rests on a price that no page at hand showed. Over the month the GPUs carry "
            f"{self._said(plan.gpu_use, '.0%')} of what they could. A turn uses {self._said(plan.chat.cpu_share, '.1%')} of the "
            f"chat function's CPU and {self._said(plan.chat.memory_share, '.0%')} of its memory; a cold start imports for "
            f"{self._said(plan.chat.import_s, '.1f')} s."
        )

    def limits(self, plan: Plan) -> None:
        table = _table("What is full first", ("part", "at turns/s", "then"), right=(1,))
        for limit in plan.limits:
            colour = "red" if limit.full_at.value < plan.load.peak.value else "default"
            full_at = f"[{colour}]{limit.full_at.value:,.0f}[/]"
            table.add_row(limit.part, full_at, escape(limit.then), self._mark(limit.full_at))
        self._print(table)
        days = self._said(plan.storage_days, ".0f")
        self._print(f"The database's storage lasts {days} days at the average: give it more before, or delete.")

    def quotas(self, plan: Plan) -> None:
        table = _table(
            "To be requested from AWS, and to be allowed by the stage's file",
            ("what", "needed", "there is", ""),
            right=(1, 2),
        )
        for quota in plan.quotas:
            verdict = "[green]enough[/]" if quota.enough else "[red]too little[/]"
            needed, has = f"{quota.needed.value:,.0f}", f"{quota.has.value:,.0f}"
            table.add_row(quota.name, needed, has, verdict, self._mark(quota.needed, quota.has))
        self._print(table)

    def budget(self, plan: Plan) -> None:
        table = _table(
            f"What ${plan.budget.value:,.0f} a month buys in GPUs, for {plan.stage.pools[0].model}",
            (
                "instance",
                "USD\neach",
                "how\nmany",
                "carry at most,\nturns/s",
                "of the\npeak",
                "tokens/s of a\nstream alone",
            ),
            right=(1, 2, 3, 4, 5),
        )
        for offer in plan.offers:
            table.add_row(
                offer.kind,
                _number(offer.each.value, ",.0f"),
                _number(offer.count.value, ".0f"),
                _number(offer.carry.value, ".0f"),
                _number(offer.of_peak.value, ".0%"),
                _number(offer.alone.value, ".0f"),
                self._mark(offer.each, offer.count, offer.carry, offer.of_peak, offer.alone),
            )
        self._print(table)
        self._print(self._truth(plan))

    def _truth(self, plan: Plan) -> str:
        budget, monthly, marks = plan.budget.value, plan.monthly.value, self._mark(plan.monthly)
        if monthly <= budget:
            return f"${budget:,.0f} a month pays for this load: it costs ${monthly:,.0f} {marks}."
        at_peak = plan.monthly_at_peak
        return (
            f"[bold]${budget:,.0f} a month does not pay for this load[/]: it costs {monthly / budget:.1f} times as much {marks}, "
            f"and {at_peak.value / budget:.1f} times with the peak's GPUs all month {self._mark(at_peak)}. What the pools do not "
            "carry is degraded to another model or refused at once."
        )

    def sources(self, *, all_figures: bool) -> None:
        self._print("\n[bold]Sources[/]")
        for number, source, origins in self._references.sources():
            self._console.print(f"[{number}] {source.kind}, {source.date}: {source.text}", markup=False, soft_wrap=True)
            if not all_figures:
                continue
            for each in origins:
                note = f" ({each.note})" if each.note else ""
                line = f"      {each.name} = {each.value:,.12g} {each.unit}{note}"
                self._console.print(line, markup=False, soft_wrap=True)

    def _said(self, figure: Figure, form: str) -> str:
        return f"{_number(figure.value, form)} {self._mark(figure)}"

    def _mark(self, *figures: Figure) -> str:
        return f"[dim]{escape(self._references.mark(*figures))}[/]"

    def _print(self, what: Table | str) -> None:
        self._console.print(what)

    def _print_notes(self, notes: Iterable[str]) -> None:
        for note in notes:
            self._print(note)


def _remarks(sizes: Iterable[PoolSize]) -> Iterator[str]:
    for size in sizes:
        name, aim = size.pool.name, size.aims.stream_tokens_per_s.value
        if not size.peak.value:
            continue
        if size.aims.lowered:
            yield f"Pool {name}: this GPU is too slow for the usual aim; it is sized for streams of {aim:.0f} tokens/s."
        if not size.possible:
            yield f"Pool {name}: turns of this length miss the aims on any number of replicas; it stands at what its file allows."


def _rests_on_an_estimated_price(figure: Figure) -> bool:
    return any(each.source.kind == "estimate" and each.name.startswith(_PRICES) for each in figure.origins)


def _number(value: float, form: str) -> str:
    if not isfinite(value):
        return "-"
    return f"{value:,.0f}" if form.endswith("g") and value >= _EXACT else format(value, form)


def _table(title: str, columns: tuple[str, ...], right: tuple[int, ...] = ()) -> Table:
    """A table with one more column, for the sources of a row; nothing in it is cut off where the terminal is narrow."""
    table = Table(
        title=f"\n{title}", title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for index, column in enumerate((*columns, "sources")):
        table.add_column(column, justify="right" if index in right else "left", header_style="dim", overflow="fold")
    return table
