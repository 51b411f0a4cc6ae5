"""What a stage costs a month before anybody asks it anything: what synth prints."""

from pathlib import Path

from capacity.cost import CostLine, standing_cost, total_cost
from capacity.facts import FactError, Facts, load_facts
from cdk.config import STAGES_FOLDER, ConfigError, StageConfig, load_config


def describe_standing_cost(stage: str, folder: Path = STAGES_FOLDER) -> str:
    """A table with the stage's least and most instances. Never raises for what it does not know: then it says so."""
    try:
        return _describe(load_facts(), load_config(stage, folder))
    except (FactError, ConfigError) as error:
        return f"The cost of {stage} is not known: {error}\n"


def _describe(facts: Facts, config: StageConfig) -> str:
    least = standing_cost(facts, config, lambda pool: pool.min_instances)
    most = standing_cost(facts, config, lambda pool: pool.max_instances)
    rows = [(low.part, low.monthly.value, high.monthly.value) for low, high in zip(least, most, strict=True)]
    rows.append(("Together", total_cost(least).value, total_cost(most).value))
    lines = [f"  {part:22}{low:>10,.0f}{high:>10,.0f}" for part, low, high in rows]
    heading = f"{config.stage} without a single turn, USD a month, with the least and the most instances of its pools:"
    floors = ["  Floors by schedule come on top of the least."] if _has_floors(config) else []
    return "\n".join([heading, *lines, *floors, f"  {_footnote([*least, *most])}", ""])


def _footnote(lines: list[CostLine]) -> str:
    dates = sorted(
        {origin.source.date for line in lines for origin in line.monthly.origins if _is_price(origin.source.kind)}
    )
    return f"On demand, us-east-1, prices seen {dates[0]} to {dates[-1]}; with turns, and with sources: parley plan --stage …"


def _has_floors(config: StageConfig) -> bool:
    return any(pool.schedule for pool in config.pools.values())


def _is_price(kind: str) -> bool:
    return kind in ("list price", "estimate")
