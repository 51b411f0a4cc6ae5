"""What a stage costs a month, part by part: what stands whether anybody asks or not, and what a load adds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from capacity.facts import Facts, Figure, computed, total
from capacity.load import Load
from capacity.stage import stage_figure
from cdk.config import PoolConfig, StageConfig

USD_MONTH = "USD/month"
_MILLION = 1e6
_GB = 1e9


@dataclass(frozen=True, slots=True)
class CostLine:
    """A part of the bill, in USD a month."""

    part: str
    monthly: Figure
    detail: str


def total_cost(lines: Iterable[CostLine]) -> Figure:
    return total((each.monthly for each in lines), USD_MONTH)


def standing_cost(facts: Facts, config: StageConfig, instances: Callable[[PoolConfig], int]) -> list[CostLine]:
    """What is billed without a single turn, with so many instances in each pool.

    Raises: FactError for an instance type that facts.toml has no price of.
    """
    pools = [
        pool_cost(facts, config, name, stage_figure(config, f"pools.{name}", instances(pool), "instances"))
        for name, pool in config.pools.items()
    ]
    return [
        *pools,
        *_routers(facts, config),
        *_data(facts, config),
        *_warm(facts, config),
        *_network(facts, config),
        *_watching(facts, config),
    ]


def pool_cost(facts: Facts, config: StageConfig, name: str, instances: Figure) -> CostLine:
    """The GPU instances of one pool, on demand: what spot saves is nowhere promised."""
    kind = config.pools[name].instance_type
    price, hours = facts.figure("instance", kind, "price"), facts.figure("time", "hours_a_month")
    return CostLine(f"GPUs, {name}", (instances * price * hours).of(USD_MONTH), f"{instances.value:g} {kind}")


def load_cost(facts: Facts, config: StageConfig, load: Load, turn_s: Figure) -> list[CostLine]:
    """What the turns of a month add. `turn_s` is how long one takes, first request to last token."""
    turns = monthly_turns(facts, load)
    requests = turns * facts.figure("habit", "requests_a_turn")
    return [
        *_functions(facts, config, turns, requests, turn_s),
        *_edge(facts, load, turns, requests),
        *_beside(facts, load, turns),
        _sign_in(facts, config, load),
    ]


def monthly_turns(facts: Facts, load: Load) -> Figure:
    return (load.average * facts.figure("time", "hours_a_month") * 3600).of("turns/month")


def _routers(facts: Facts, config: StageConfig) -> Iterator[CostLine]:
    """Two routers and a load balancer a pool."""
    hours, pools = facts.figure("time", "hours_a_month"), len(config.pools)
    if not pools:
        return
    tasks = facts.figure("template", "router_tasks")
    costs = []
    for name, pool in config.pools.items():
        vcpus = stage_figure(config, f"pools.{name}.router_cpu", pool.router_cpu / 1024, "vCPUs")
        memory = vcpus * facts.figure("template", "router_gb_a_vcpu")
        hourly = vcpus * facts.figure("price", "fargate_vcpu") + memory * facts.figure("price", "fargate_gb")
        costs.append(hourly * tasks * hours)
    yield CostLine("Routers", total(costs, USD_MONTH), f"{tasks.value:g} Fargate tasks a pool")
    balancers = facts.figure("price", "alb_hour") * hours * pools
    yield CostLine("Load balancers", balancers.of(USD_MONTH), f"{pools} internal")


def _data(facts: Facts, config: StageConfig) -> Iterator[CostLine]:
    hours, database, cache = facts.figure("time", "hours_a_month"), config.database, config.cache
    instances = stage_figure(config, "database.multi_az_cluster", 3 if database.multi_az_cluster else 1, "instances")
    kind = database.instance_class
    storage = stage_figure(config, "database.storage_gb", database.storage_gb, "GB") * facts.figure(
        "price", "rds_storage_gb"
    )
    running = facts.figure("database", kind, "instance") * hours
    each = f"{instances.value:g} {kind}, {database.storage_gb} GB"
    yield CostLine("Postgres", ((running + storage) * instances).of(USD_MONTH), each)
    vcpus = instances * facts.figure("database", kind, "vcpus")
    proxy = facts.figure("price", "rds_proxy_vcpu") * vcpus * hours
    yield CostLine("RDS Proxy", proxy.of(USD_MONTH), f"{vcpus.value:g} vCPUs behind it")
    nodes = stage_figure(config, "cache.shards", cache.shards * (1 + cache.replicas_per_shard), "nodes")
    node = facts.figure("cache", cache.node_type, "node")
    yield CostLine("Valkey", (nodes * node * hours).of(USD_MONTH), f"{nodes.value:g} {cache.node_type}")
    yield _weights(facts, config)


def _warm(facts: Facts, config: StageConfig) -> Iterator[CostLine]:
    """What is kept ready of the moderation function. What it then runs costs less than is reckoned in `_functions`."""
    kept = config.api.moderation_provisioned
    if kept:
        warm = stage_figure(config, "api.moderation_provisioned", kept, "executions")
        gb_s = facts.figure("template", "moderation_mb") / 1024 * facts.figure("time", "hours_a_month") * 3600
        cost = warm * gb_s * facts.figure("price", "lambda_warm_gb_s")
        yield CostLine("Moderation, kept warm", cost.of(USD_MONTH), f"{kept} executions")


def _weights(facts: Facts, config: StageConfig) -> CostLine:
    """The model store: a pool's weights are some tens of GB, whichever model it is."""
    pools = stage_figure(config, "pools", len(config.pools), "pools")
    stored = pools * facts.figure("template", "weights_gb_a_pool") * facts.figure("template", "weights_copies")
    return CostLine(
        "Model store", (stored * facts.figure("price", "s3_gb")).of(USD_MONTH), f"{stored.value:.0f} GB in S3"
    )


def _network(facts: Facts, config: StageConfig) -> Iterator[CostLine]:
    hours, network = facts.figure("time", "hours_a_month"), config.network
    gateways = stage_figure(config, "network.nat_gateways", network.nat_gateways, "gateways")
    data = facts.figure("template", "nat_gb") * facts.figure("price", "nat_gb")
    nat = gateways * facts.figure("price", "nat_hour") * hours + data
    yield CostLine("NAT gateways", nat.of(USD_MONTH), f"{gateways.value:g}")
    if network.interface_endpoints:
        endpoints = facts.figure("template", "interface_endpoints") * facts.figure("template", "zones")
        data = facts.figure("template", "endpoint_gb") * facts.figure("price", "endpoint_gb")
        cost = endpoints * facts.figure("price", "endpoint_hour") * hours + data
        yield CostLine("Interface endpoints", cost.of(USD_MONTH), f"{endpoints.value:g} over the zones")


def _watching(facts: Facts, config: StageConfig) -> Iterator[CostLine]:
    rules = facts.figure("template", "waf_rules")
    waf = facts.figure("price", "waf_acl") + rules * facts.figure("price", "waf_rule")
    yield CostLine("Web ACL", waf.of(USD_MONTH), f"{rules.value:g} rules")
    metrics = facts.figure("template", "metrics") * (1 + len(config.pools))
    alarms = facts.figure("template", "alarms")
    cost = metrics * facts.figure("price", "metric") + alarms * facts.figure("price", "alarm")
    yield CostLine("Metrics and alarms", cost.of(USD_MONTH), f"{metrics.value:g} metrics, {alarms.value:g} alarms")


def _functions(
    facts: Facts, config: StageConfig, turns: Figure, requests: Figure, turn_s: Figure
) -> Iterator[CostLine]:
    gb_s, million = facts.figure("price", "lambda_gb_s"), facts.figure("price", "lambda_million") / _MILLION
    memory = stage_figure(config, "api.chat_memory_mb", config.api.chat_memory_mb, "MB") / 1024
    chat = turns * turn_s * memory * gb_s + turns * million
    yield CostLine("Chat function", chat.of(USD_MONTH), f"{memory.value * 1024:.0f} MB for {turn_s.value:.1f} s a turn")
    verdicts = turns * facts.figure("habit", "verdicts_a_turn")
    memory = facts.figure("template", "moderation_mb") / 1024
    moderation = verdicts * facts.figure("habit", "verdict_s") * memory * gb_s + verdicts * million
    yield CostLine(
        "Moderation function", moderation.of(USD_MONTH), f"{verdicts.value / _MILLION:,.0f} million verdicts"
    )
    memory = facts.figure("template", "other_function_mb") / 1024
    short = (requests - turns) * facts.figure("habit", "short_request_s")
    jobs = turns * facts.figure("habit", "jobs_a_turn") * facts.figure("habit", "job_s")
    others = (short + jobs) * memory * gb_s + requests * million
    yield CostLine("Other functions", others.of(USD_MONTH), "history, accounts, authorizer, jobs")


def _edge(facts: Facts, load: Load, turns: Figure, requests: Figure) -> Iterator[CostLine]:
    price = _prices(facts)
    steps = [(333e6, price("api_million_1")), (667e6, price("api_million_2")), (None, price("api_million_3"))]
    said = f"{requests.value / _MILLION:,.0f} million requests"
    yield CostLine("API Gateway", (tiered(requests, steps) / _MILLION).of(USD_MONTH), said)
    streamed = (turns * load.tokens_out * facts.figure("habit", "streamed_bytes_a_token") / _GB).of("GB/month")
    steps = [(10e3, price("cloudfront_gb_1")), (40e3, price("cloudfront_gb_2")), (None, price("cloudfront_gb_3"))]
    cloudfront = tiered(streamed, steps) + requests * price("cloudfront_million") / _MILLION
    yield CostLine("CloudFront", cloudfront.of(USD_MONTH), f"{streamed.value:,.0f} GB streamed")
    waf = requests * price("waf_million") / _MILLION
    yield CostLine("Web ACL, requests", waf.of(USD_MONTH), said)


def _beside(facts: Facts, load: Load, turns: Figure) -> Iterator[CostLine]:
    price = _prices(facts)
    logs = turns * facts.figure("habit", "log_bytes_a_turn") / _GB
    yield CostLine("Logs", (logs * price("logs_gb")).of(USD_MONTH), f"{logs.value:,.0f} GB")
    # Sent, received, deleted.
    messages = turns * facts.figure("habit", "jobs_a_turn") * 3
    yield CostLine("Queues", (messages * price("sqs_million") / _MILLION).of(USD_MONTH), "three requests a job")
    units = load.average / price("lcu_connections")
    cost = units * price("lcu_hour") * facts.figure("time", "hours_a_month")
    yield CostLine("Load balancers, use", cost.of(USD_MONTH), f"{units.value:.1f} capacity units on average")


def _sign_in(facts: Facts, config: StageConfig, load: Load) -> CostLine:
    price = _prices(facts)
    users = load.users * facts.figure("habit", "users_a_month_of_concurrent")
    if config.identity.threat_protection:
        return CostLine(
            "Cognito, Plus", (users * price("cognito_plus")).of(USD_MONTH), f"{users.value:,.0f} users a month"
        )
    free = price("cognito_free")
    billed = computed(max(0.0, users.value - free.value), "users", users, free)
    return CostLine(
        "Cognito", (billed * price("cognito_essentials")).of(USD_MONTH), f"{users.value:,.0f} users a month"
    )


def _prices(facts: Facts) -> Callable[[str], Figure]:
    return lambda name: facts.figure("price", name)


def tiered(amount: Figure, steps: Sequence[tuple[float | None, Figure]]) -> Figure:
    """What an amount costs where each step has a price of its own; the last has no end. Prices that no unit reaches are not
    among its origins.
    """
    left, cost = amount.value, 0.0
    used = []
    for size, price in steps:
        here = left if size is None else min(left, size)
        if here > 0:
            cost += here * price.value
            used.append(price)
        left -= here
    return computed(cost, "USD", amount, *used)
