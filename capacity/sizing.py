"""How many instances a pool needs for its peak, and what those it may have carry."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from capacity.arrivals import Bursts, draw_arrivals
from capacity.facts import Facts, Figure, computed
from capacity.gpu import Replica, Work
from capacity.load import Load
from capacity.ring import ring_shares
from capacity.simulate import Outcome, Turn, simulate_arrivals
from capacity.stage import Pool, StageFiles

Tell = Callable[[str], None]

WARM_S = 15
COUNTED_S = 90
# Turns to be counted: a pool that few ask is watched for longer, within bounds.
_COUNTED_TURNS = 100
_COUNTED_AT_MOST_S = 1e6
# Replicas are alike but for their share of the ring, so these many stand for all, each for as many, by their load.
_SAMPLED = 5
_SEARCH_STEPS = 5
# A replica is loaded as one in ten is, or less, when a pool is sized by it.
_BUSY_QUANTILE = 0.9
# Where a stream that is alone does not reach the aim, this share of its speed is the aim.
_ALONE_SHARE = 0.8
# A pool refuses the rest all the same at any load above so many times what it carries, so no more is simulated.
_OVERLOAD = 4
# The registrar's SATURATED_WAITING_PER_WORKER: from then on turns go elsewhere or are refused.
REFUSE_AT = 4


@dataclass(frozen=True, slots=True)
class Aims:
    """What users may expect. `lowered` where the GPU is too slow for the usual speed of a stream."""

    first_token_p95_s: Figure
    stream_tokens_per_s: Figure
    lowered: bool

    def met_by(self, outcome: Outcome) -> bool:
        return (
            outcome.first_token_s(95) <= self.first_token_p95_s.value
            and outcome.stream_tokens_per_s() >= self.stream_tokens_per_s.value
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What a simulated pool did; first tokens with what the chat function adds to them."""

    first_token_p50_s: Figure
    first_token_p95_s: Figure
    first_token_p99_s: Figure
    stream_tokens_per_s: Figure
    busy_share: Figure
    refused_share: Figure


@dataclass(frozen=True, slots=True)
class PoolSize:
    """A pool under its share of the load. Rates in turns/s.

    `use` is the peak as a share of what the instances for it carry, `average_use` the average of what its own carry.
    `at_most` is the pool at its configured maximum, with admission refusing what it cannot carry.
    """

    pool: Pool
    aims: Aims
    peak: Figure
    average: Figure
    replica_carries: Figure
    instances: Figure
    average_instances: Figure
    configured_min: Figure
    configured_max: Figure
    max_carries: Figure
    use: Figure
    average_use: Figure
    at_peak: Seen
    at_most: Seen

    @property
    def possible(self) -> bool:
        """Whether any number of instances meets the aims; where none does, `instances` is what the file allows at most."""
        return self.replica_carries.value > 0 or self.peak.value == 0


def size_pool(facts: Facts, stage: StageFiles, pool: Pool, load: Load, tell: Tell) -> PoolSize:
    """Simulated, from the load's seed. `tell` hears what is going on."""
    sizer = _Sizer(facts, pool, load)
    tell(f"{pool.name}: what a replica carries")
    carries = sizer.replica_carries()
    peak, average = load.peak * load.mix[pool.name], load.average * load.mix[pool.name]
    config = pool.config
    at_least = stage.figure(f"pools.{pool.name}.min_instances", config.min_instances, "instances")
    at_most = stage.figure(f"pools.{pool.name}.max_instances", config.max_instances, "instances")
    tell(f"{pool.name}: instances for {peak.value:.0f} turns/s")
    instances = sizer.instances_for(peak, carries) if carries.value or not peak.value else at_most
    tell(f"{pool.name}: the configured maximum under that load")
    on_average = max(sizer.estimate(average.value, carries.value), config.min_instances)
    max_carries = carries.replaced(sizer.carried(config.max_instances, carries.value))
    carried = sizer.carried(round(instances.value), carries.value)
    usually = sizer.carried(on_average, carries.value)
    return PoolSize(
        pool=pool,
        aims=sizer.aims,
        peak=peak,
        average=average,
        replica_carries=carries,
        instances=instances,
        average_instances=computed(on_average, "instances", average, carries, at_least),
        configured_min=at_least,
        configured_max=at_most,
        max_carries=computed(max_carries.value, "turns/s", max_carries, at_most),
        use=computed(peak.value / carried if carried else 0.0, "", peak, carries),
        average_use=computed(average.value / usually if usually else 0.0, "", average, carries),
        at_peak=sizer.observe(round(instances.value), peak),
        at_most=sizer.observe(config.max_instances, peak, max_carries.value),
    )


class _Sizer:
    """One pool's replica with the load's turns; what it finds has their figures as its origins."""

    def __init__(self, facts: Facts, pool: Pool, load: Load) -> None:
        self.aims = reachable_aims(facts, pool.replica, load.work)
        self._pool, self._load = pool, load
        self._nodes = facts.figure("engine", "virtual_nodes")
        self._added = facts.figure("chat", "first_token_added_s")
        self._bases = (*pool.replica.bases, *load.work_bases)
        self._simulated: dict[tuple[object, ...], Outcome] = {}

    def replica_carries(self) -> Figure:
        """Turns a second of one replica within the aims, found by halving."""
        steady = self._pool.replica.steady_turns_per_s(self._load.work, self.aims.stream_tokens_per_s.value)
        low, high = 0.0, 1.3 * steady
        for _ in range(_SEARCH_STEPS):
            middle = (low + high) / 2
            if self.aims.met_by(self._simulate([middle])):
                low = middle
            else:
                high = middle
        return computed(low, "turns/s", *self._bases, self.aims.first_token_p95_s, self.aims.stream_tokens_per_s)

    def carried(self, instances: int, replica_carries: float) -> float:
        """Turns a second of so many instances, when their busiest replicas are at their limit."""
        replicas = instances * self._pool.config.replicas_per_instance
        return replica_carries / self._busy_share(replicas) if replicas else 0.0

    def estimate(self, turns_per_s: float, replica_carries: float) -> int:
        """The fewest instances that carry so much."""
        if turns_per_s <= 0 or replica_carries <= 0:
            return 0
        instances = math.ceil(turns_per_s / (replica_carries * self._pool.config.replicas_per_instance))
        while self.carried(instances, replica_carries) < turns_per_s:
            instances += 1
        return instances

    def instances_for(self, peak: Figure, carries: Figure) -> Figure:
        """As many as the estimate, or one more at a time until the simulated pool meets the aims."""
        instances = self.estimate(peak.value, carries.value)
        for _ in range(3):
            outcome = self._simulate(self._rates(instances, peak.value)) if instances else None
            # Where nobody came, nobody waited: more instances would show nothing.
            if outcome is None or not outcome.turns or self.aims.met_by(outcome):
                break
            instances += 1
        return computed(instances, "instances", peak, carries, self._nodes)

    def observe(self, instances: int, turns: Figure, carried: float | None = None) -> Seen:
        """What a pool of so many instances does with so many turns a second; where it is said how many it carries, what is over
        is refused.
        """
        simulated = turns.value if not carried else min(turns.value, _OVERLOAD * carried)
        outcome = self._simulate(self._rates(instances, simulated), None if carried is None else REFUSE_AT)
        served = (1 - outcome.refused_share) * simulated / turns.value if turns.value and instances else 0.0
        bases = (turns, *self._bases, self._nodes)
        return Seen(
            computed(outcome.first_token_s(50), "s", *bases) + self._added,
            computed(outcome.first_token_s(95), "s", *bases) + self._added,
            computed(outcome.first_token_s(99), "s", *bases) + self._added,
            computed(outcome.stream_tokens_per_s(), "tokens/s", *bases),
            computed(outcome.busy_share, "", *bases),
            computed(1 - served if turns.value else 0.0, "", *bases),
        )

    def _busy_share(self, replicas: int) -> float:
        shares = ring_shares(replicas, int(self._nodes.value))
        return shares[int(_BUSY_QUANTILE * (len(shares) - 1))]

    def _rates(self, instances: int, turns_per_s: float) -> list[float]:
        """The loads of replicas that stand for all of the pool."""
        replicas = instances * self._pool.config.replicas_per_instance
        if not replicas:
            return []
        shares = ring_shares(replicas, int(self._nodes.value))
        sampled = min(replicas, _SAMPLED)
        return [turns_per_s * shares[int((index + 0.5) / sampled * len(shares))] for index in range(sampled)]

    def _simulate(self, rates: Sequence[float], refuse_at: int | None = None) -> Outcome:
        key, load = (*rates, refuse_at), self._load
        if key not in self._simulated:
            self._simulated[key] = simulate_replicas(
                self._pool.replica, load.work, rates, load.seed, bursts=load.bursts, refuse_at=refuse_at
            )
        return self._simulated[key]


def simulate_replicas(
    replica: Replica,
    work: Work,
    rates: Sequence[float],
    seed: int,
    *,
    bursts: Bursts | None = None,
    refuse_at: int | None = None,
) -> Outcome:
    """Replicas beside each other, each with turns of its own at its rate; their turns are put together."""
    turns: list[Turn] = []
    busy, tokens, seconds = 0.0, 0.0, WARM_S + _counted_s(sum(rates))
    for index, rate in enumerate(rates):
        arrivals = draw_arrivals(work, rate, seconds, seed, index, bursts=bursts)
        outcome = simulate_arrivals(replica, arrivals, warm_s=WARM_S, refuse_at=refuse_at)
        turns += outcome.turns
        busy += outcome.busy_share / len(rates)
        tokens += outcome.tokens_per_s
    return Outcome(tuple(turns), busy, tokens)


def _counted_s(turns_per_s: float) -> float:
    """How long to watch replicas to which so many turns come."""
    needed_s = _COUNTED_TURNS / turns_per_s if turns_per_s else 0.0
    return min(max(COUNTED_S, needed_s), _COUNTED_AT_MOST_S)


def reachable_aims(facts: Facts, replica: Replica, work: Work) -> Aims:
    """The usual aims, the one for streams lowered to what the GPU can do."""
    first_token, stream = facts.figure("aim", "first_token_p95_s"), facts.figure("aim", "stream_tokens_per_s")
    alone = 1 / replica.steady_step_s(1, work)
    reachable = _ALONE_SHARE * alone
    if reachable >= stream.value:
        return Aims(first_token, stream, lowered=False)
    return Aims(first_token, computed(reachable, "tokens/s", *replica.bases), lowered=True)
