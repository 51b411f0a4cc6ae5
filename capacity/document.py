"""A plan as plain data: what `parley plan --json` prints."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from capacity.chat import ChatSizing
from capacity.cost import CostLine
from capacity.facts import Figure
from capacity.plan import Plan
from capacity.references import References
from capacity.sizing import PoolSize, Seen


def as_document(plan: Plan) -> dict[str, Any]:
    """Each figure with its value, its unit and the numbers of its sources, which are listed at the end."""
    writer = _Writer()
    return {
        "stage": plan.stage.config.stage,
        "load": writer.load(plan),
        "pools": [writer.pool(each) for each in plan.sizes],
        "turn_s": writer.figure(plan.turn_s),
        "chat_function": writer.chat(plan),
        "gpu_use": writer.figure(plan.gpu_use),
        "refused_share": writer.figure(plan.refused_share),
        "cost": writer.cost(plan),
        "limits": [
            {"part": each.part, "full_at": writer.figure(each.full_at), "then": each.then} for each in plan.limits
        ],
        "storage_days": writer.figure(plan.storage_days),
        "quotas": [
            {
                "name": each.name,
                "needed": writer.figure(each.needed),
                "has": writer.figure(each.has),
                "enough": each.enough,
            }
            for each in plan.quotas
        ],
        "budget": writer.budget(plan),
        "sources": writer.sources(),
    }


class _Writer:
    """Writes figures and remembers their sources."""

    def __init__(self) -> None:
        self._references = References()

    def figure(self, figure: Figure) -> dict[str, Any]:
        """JSON has no infinity: what was never served has no value."""
        value = figure.value if isfinite(figure.value) else None
        return {"value": value, "unit": figure.unit, "sources": self._references.numbers(figure)}

    def load(self, plan: Plan) -> dict[str, Any]:
        load = plan.load
        return {
            "users": self.figure(load.users),
            "peak": self.figure(load.peak),
            "average": self.figure(load.average),
            "tokens_in": self.figure(load.tokens_in),
            "tokens_out": self.figure(load.tokens_out),
            "cached": self.figure(load.cached),
            "mix": {pool: self.figure(share) for pool, share in load.mix.items()},
            "pattern": "bursty" if load.bursts else "poisson",
            "seed": load.seed,
        }

    def pool(self, size: PoolSize) -> dict[str, Any]:
        return {
            "name": size.pool.name,
            "model": size.pool.model,
            "instance_type": size.pool.config.instance_type,
            "aim_lowered": size.aims.lowered,
            "stream_aim": self.figure(size.aims.stream_tokens_per_s),
            "peak": self.figure(size.peak),
            "replica_carries": self.figure(size.replica_carries),
            "instances": self.figure(size.instances),
            "average_instances": self.figure(size.average_instances),
            "use": self.figure(size.use),
            "average_use": self.figure(size.average_use),
            "possible": size.possible,
            "at_peak": self._seen(size.at_peak),
            "configured_min": self.figure(size.configured_min),
            "configured_max": self.figure(size.configured_max),
            "max_carries": self.figure(size.max_carries),
            "at_configured_max": self._seen(size.at_most),
        }

    def _seen(self, seen: Seen) -> dict[str, Any]:
        return {name: self.figure(getattr(seen, name)) for name in Seen.__slots__}

    def chat(self, plan: Plan) -> dict[str, Any]:
        return {name: self.figure(getattr(plan.chat, name)) for name in ChatSizing.__slots__}

    def cost(self, plan: Plan) -> dict[str, Any]:
        return {
            "lines": self._lines(plan.costs),
            "gpus_at_peak": self._lines(plan.gpus_at_peak),
            "monthly": self.figure(plan.monthly),
            "monthly_at_peak": self.figure(plan.monthly_at_peak),
            "turns": self.figure(plan.turns),
            "turn": self.figure(plan.turn_usd),
            "turn_at_peak": self.figure(plan.turn_usd_at_peak),
        }

    def _lines(self, lines: Sequence[CostLine]) -> list[dict[str, Any]]:
        return [{"part": each.part, "monthly": self.figure(each.monthly), "detail": each.detail} for each in lines]

    def budget(self, plan: Plan) -> dict[str, Any]:
        offers = [
            {
                "kind": each.kind,
                "each": self.figure(each.each),
                "count": self.figure(each.count),
                "carry_at_most": self.figure(each.carry),
                "of_peak": self.figure(each.of_peak),
                "stream_alone": self.figure(each.alone),
            }
            for each in plan.offers
        ]
        return {"sum": self.figure(plan.budget), "offers": offers}

    def sources(self) -> list[dict[str, Any]]:
        return [
            {
                "number": number,
                "source": source.text,
                "date": source.date,
                "kind": source.kind,
                "figures": [
                    {"name": each.name, "value": each.value, "unit": each.unit, "note": each.note} for each in origins
                ],
            }
            for number, source, origins in self._references.sources()
        ]
