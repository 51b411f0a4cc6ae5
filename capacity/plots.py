"""The curves of docs/capacity.md: `python -m capacity.plots` draws them anew. Needs matplotlib (the `bench` extra).

The same figures give the same bytes, and lines and letters are read on light and dark pages alike.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, NullFormatter

from capacity.arrivals import Bursts, read_bursts
from capacity.facts import Facts, load_facts
from capacity.gpu import Replica, Work
from capacity.load import Asked, plan_load
from capacity.sizing import simulate_replicas
from capacity.stage import Pool, read_stage

IMAGES = Path(__file__).parent.parent / "docs" / "images"
PEAKS = (10, 100, 500)
_COLOURS = {10: "#2a9d8f", 100: "#e08e0b", 500: "#d1495b"}
_GREY = "#808080"
# Around what each peak needs: from half of it to three times as much.
_AROUND = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
# Whoever waits longer has left.
_WORST_S = 30.0
_BUDGET_USD = 15_000
_COST_TICKS = (15_000, 30_000, 60_000, 120_000, 240_000, 480_000)

Curve = Sequence[tuple[float, float]]
# (peak, in bursts) to (GPUs, (first token p95 in s, tokens/s)).
Observed = Mapping[tuple[int, bool], Sequence[tuple[int, tuple[float, float]]]]


def main() -> None:
    facts = load_facts()
    pool = read_stage(facts, "prod").pools[0]
    work = plan_load(facts, Asked(users=1, peak=1), [pool.name]).work
    seen = _observe_all(facts, pool, work, gpus_each=1)
    x = "GPUs (8 are a p4d.24xlarge)"
    first = _draw(_pick(seen, 0), x, "first token p95, s", 2.0, logarithmic=True)
    whole = _observe_all(facts, pool, work, gpus_each=pool.config.gpus_per_instance)
    _save(first, IMAGES / "capacity-first-token.svg")
    _save(_draw(_pick(seen, 1), x, "tokens/s, median stream", 50.0), IMAGES / "capacity-stream.svg")
    _save(_draw_cost(facts, pool, whole), IMAGES / "capacity-cost.svg")


def _observe_all(facts: Facts, pool: Pool, work: Work, *, gpus_each: int) -> Observed:
    """Around what each peak needs, so many GPUs at a time."""
    observed: dict[tuple[int, bool], list[tuple[int, tuple[float, float]]]] = {}
    carries = gpus_each * pool.replica.steady_turns_per_s(work, facts.figure("aim", "stream_tokens_per_s").value)
    for peak in PEAKS:
        counts = sorted({gpus_each * max(1, round(peak / carries * around)) for around in _AROUND})
        for bursts in (None, read_bursts(facts)):
            points = [(count, _observe(pool.replica, work, peak / count, bursts)) for count in counts]
            observed[peak, bursts is not None] = points
    return observed


def _pick(observed: Observed, index: int) -> dict[tuple[int, bool], Curve]:
    return {key: [(gpus, seen[index]) for gpus, seen in points] for key, points in observed.items()}


def _observe(replica: Replica, work: Work, turns_per_s: float, bursts: Bursts | None) -> tuple[float, float]:
    """First token p95 and median tokens/s of a replica with its even share, over four seeds."""
    outcomes = [simulate_replicas(replica, work, [turns_per_s], seed, bursts=bursts) for seed in range(1, 5)]
    return (
        min(_WORST_S, sum(each.first_token_s(95) for each in outcomes) / len(outcomes)),
        sum(each.stream_tokens_per_s() for each in outcomes) / len(outcomes),
    )


def _draw(
    curves: Mapping[tuple[int, bool], Curve], x: str, y: str, aim: float, *, logarithmic: bool = False
) -> Drawing:
    drawing, axes = _start(x, y)
    _plot(axes, curves)
    if logarithmic:
        _scale_waits(axes)
    axes.axhline(aim, color=_GREY, linewidth=0.8, linestyle=":")
    axes.plot([], [], color=_GREY, linestyle=":", label="aim")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    _finish(drawing, axes)
    return drawing


def _draw_cost(facts: Facts, pool: Pool, observed: Observed) -> Drawing:
    """First tokens against what whole instances cost."""
    price, hours = facts.figure("instance", pool.config.instance_type, "price"), facts.figure("time", "hours_a_month")
    gpu_usd = (price * hours / pool.config.gpus_per_instance).value
    drawing, axes = _start(f"USD a month for {pool.config.instance_type} on demand", "first token p95, s")
    curves = {key: [(gpus * gpu_usd, wait_s) for gpus, wait_s in curve] for key, curve in _pick(observed, 0).items()}
    _plot(axes, curves, marker=".")
    _scale_waits(axes)
    axes.axhline(2.0, color=_GREY, linewidth=0.8, linestyle=":")
    axes.axvline(_BUDGET_USD, color=_GREY, linewidth=0.8, linestyle="-.")
    axes.plot([], [], color=_GREY, linestyle="-.", label=f"{_BUDGET_USD:,} USD")
    axes.set_xticks(_COST_TICKS)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:g}K"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _finish(drawing, axes)
    return drawing


def _plot(axes: Any, curves: Mapping[tuple[int, bool], Curve], marker: str = "") -> None:
    axes.set_xscale("log")
    for (peak, bursty), curve in curves.items():
        style: dict[str, Any] = {"linestyle": "--" if bursty else "-", "marker": marker, "markersize": 5}
        label = None if bursty else f"{peak} turns/s"
        axes.plot(*zip(*curve, strict=True), color=_COLOURS[peak], label=label, **style)
    axes.plot([], [], color=_GREY, linestyle="--", label="in bursts")


def _scale_waits(axes: Any) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _start(x: str, y: str) -> tuple[Drawing, Any]:
    mpl.rcParams.update({"svg.hashsalt": "parley", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"})
    drawing = Drawing(figsize=(6.4, 3.2), layout="constrained")
    FigureCanvasSVG(drawing)
    axes = drawing.add_subplot()
    axes.set_xlabel(x, color=_GREY)
    axes.set_ylabel(y, color=_GREY)
    return drawing, axes


def _finish(drawing: Drawing, axes: Any) -> None:
    drawing.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    axes.tick_params(which="both", colors=_GREY)
    axes.grid(visible=True, which="major", color=_GREY, alpha=0.25, linewidth=0.5)
    for side in axes.spines.values():
        side.set_color(_GREY)
    legend = axes.legend(frameon=False, fontsize=8)
    for text in legend.get_texts():
        text.set_color(_GREY)


def _save(drawing: Drawing, file: Path) -> None:
    """Without the date, which would make every drawing another one."""
    drawing.savefig(file, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
