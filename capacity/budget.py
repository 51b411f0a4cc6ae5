"""What a sum a month buys in GPUs, and how much of the peak those carry."""

from collections.abc import Iterator
from dataclasses import dataclass

from capacity.facts import Facts, Figure, computed
from capacity.gpu import build_replica
from capacity.load import Load
from capacity.sizing import reachable_aims
from capacity.stage import Pool


@dataclass(frozen=True, slots=True)
class Offer:
    """So many instances of one kind for the whole sum; `alone` is the speed of one stream there.

    `carry` is at most, without queues.
    """

    kind: str
    each: Figure
    count: Figure
    carry: Figure
    of_peak: Figure
    alone: Figure


def find_offers(facts: Facts, budget: Figure, pool: Pool, load: Load) -> list[Offer]:
    """One for each kind of instance and price, for the model of `pool` on one GPU each, all of the sum spent on GPUs."""
    return list(_offers(facts, budget, pool, load))


def _offers(facts: Facts, budget: Figure, pool: Pool, load: Load) -> Iterator[Offer]:
    for kind in facts.names("instance"):
        for key, said in (("price", ""), ("price_one_year", ", for a year")):
            if facts.has("instance", kind, key):
                price = facts.figure("instance", kind, key) * facts.figure("time", "hours_a_month")
                yield _offer(facts, budget, pool, load, kind, f"{kind}{said}", price.of("USD/month"))


def _offer(facts: Facts, budget: Figure, pool: Pool, load: Load, kind: str, name: str, price: Figure) -> Offer:
    gpus = facts.figure("instance", kind, "gpus")
    replica = build_replica(facts, pool.model, facts.text("instance", kind, "gpu"), gpus.replaced(1), pool.limits)
    aims = reachable_aims(facts, replica, load.work)
    count = computed(int(budget.value / price.value), "instances", budget, price)
    turns = replica.steady_turns_per_s(load.work, aims.stream_tokens_per_s.value) * gpus.value * count.value
    carry = computed(turns, "turns/s", count, gpus, *replica.bases, *load.work_bases, aims.stream_tokens_per_s)
    alone = computed(1 / replica.steady_step_s(1, load.work), "tokens/s", *replica.bases)
    return Offer(name, price, count, carry, (carry / load.peak).of(""), alone)
