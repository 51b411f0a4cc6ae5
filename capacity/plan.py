"""The plan of a stage for a load: instances, cost, quotas, and what is full first."""

from collections.abc import Sequence
from dataclasses import dataclass

from capacity.budget import Offer, find_offers
from capacity.chat import ChatSizing, size_chat
from capacity.cost import CostLine, load_cost, monthly_turns, pool_cost, standing_cost, total_cost
from capacity.facts import Facts, Figure, computed, given, total
from capacity.limits import Limit, find_limits, storage_days
from capacity.load import Load, LoadError
from capacity.quotas import Quota, find_quotas
from capacity.sizing import PoolSize, Tell, size_pool
from capacity.stage import StageFiles


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that `parley plan` prints.

    `costs` are a month's, with GPUs that follow the load; `costs_at_peak` the GPU lines if those of the peak ran all month.
    """

    stage: StageFiles
    load: Load
    sizes: tuple[PoolSize, ...]
    turn_s: Figure
    turns: Figure
    chat: ChatSizing
    costs: tuple[CostLine, ...]
    gpus_at_peak: tuple[CostLine, ...]
    limits: tuple[Limit, ...]
    storage_days: Figure
    quotas: tuple[Quota, ...]
    budget: Figure
    offers: tuple[Offer, ...]

    @property
    def monthly(self) -> Figure:
        return total_cost(self.costs)

    @property
    def monthly_at_peak(self) -> Figure:
        """With the GPUs of the peak all month."""
        following = sum(each.monthly.value for each in self.costs if each.part.startswith("GPUs"))
        whole = total([self.monthly, *(each.monthly for each in self.gpus_at_peak)], "USD/month")
        return whole.replaced(whole.value - following)

    @property
    def turn_usd(self) -> Figure:
        return (self.monthly / self.turns).of("USD/turn")

    @property
    def turn_usd_at_peak(self) -> Figure:
        return (self.monthly_at_peak / self.turns).of("USD/turn")

    @property
    def gpu_use(self) -> Figure:
        """Of what the GPUs that are paid for could carry, what they do carry, over the month: weighted by their cost."""
        gpus = {each.part: each.monthly for each in self.costs}
        paid = [(gpus[f"GPUs, {size.pool.name}"], size.average_use) for size in self.sizes]
        whole = total([cost for cost, _ in paid], "USD/month")
        used = total([cost * use for cost, use in paid], "USD/month")
        return (used / whole).of("") if whole.value else used.of("")

    @property
    def refused_share(self) -> Figure:
        """Of the peak's turns, those that the configured maximum of their own pool does not take."""
        shares = [self.load.mix[size.pool.name] * size.at_most.refused_share for size in self.sizes]
        return total(shares, "")


def make_plan(facts: Facts, stage: StageFiles, load: Load, budget_usd: float, tell: Tell) -> Plan:
    """Raises: LoadError for turns that a pool does not take; FactError for what facts.toml does not know."""
    _check_lengths(stage, load)
    sizes = tuple(size_pool(facts, stage, pool, load, tell) for pool in stage.pools)
    tell("cost, limits and quotas")
    turn_s = _turn_s(facts, load, sizes)
    budget = given("--budget", budget_usd, "USD/month", "the command line", "input")
    return Plan(
        stage=stage,
        load=load,
        sizes=sizes,
        turn_s=turn_s,
        turns=monthly_turns(facts, load),
        chat=size_chat(facts, stage.config, load, turn_s),
        costs=tuple(_costs(facts, stage, load, sizes, turn_s)),
        gpus_at_peak=tuple(pool_cost(facts, stage.config, size.pool.name, size.instances) for size in sizes),
        limits=tuple(find_limits(facts, stage, load, sizes, turn_s)),
        storage_days=storage_days(facts, stage, load),
        quotas=tuple(find_quotas(facts, stage, load, sizes, turn_s)),
        budget=budget,
        offers=tuple(find_offers(facts, budget, stage.pools[0], load)),
    )


def _check_lengths(stage: StageFiles, load: Load) -> None:
    for pool in stage.pools:
        tokens = load.tokens_in.value + load.tokens_out.value
        if load.mix[pool.name].value and tokens > pool.context_tokens:
            raise LoadError(
                f"--tokens-in and --tokens-out are {tokens:,.0f} together; {pool.model} of pool {pool.name} takes "
                f"{pool.context_tokens:,}"
            )


def _turn_s(facts: Facts, load: Load, sizes: Sequence[PoolSize]) -> Figure:
    """Mean seconds that a turn holds an execution of the chat function: to the first token, all others, and settling."""
    means = [
        (size.at_peak.first_token_p50_s + load.tokens_out / size.at_peak.stream_tokens_per_s) * load.mix[size.pool.name]
        for size in sizes
        if load.mix[size.pool.name].value and size.at_peak.stream_tokens_per_s.value
    ]
    settling = facts.figure("chat", "settle_s")
    return computed(sum(each.value for each in means) + settling.value, "s", *means, settling)


def _costs(facts: Facts, stage: StageFiles, load: Load, sizes: Sequence[PoolSize], turn_s: Figure) -> list[CostLine]:
    following = {size.pool.name: size.average_instances for size in sizes}
    gpus = [pool_cost(facts, stage.config, name, instances) for name, instances in following.items()]
    # Without instances only what stands beside them is left.
    beside = [each for each in standing_cost(facts, stage.config, lambda _: 0) if not each.part.startswith("GPUs")]
    return [*gpus, *load_cost(facts, stage.config, load, turn_s), *beside]
