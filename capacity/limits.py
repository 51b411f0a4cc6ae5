"""At how many turns a second each part is full, and what to do then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from capacity.facts import Facts, Figure
from capacity.load import Load
from capacity.sizing import PoolSize
from capacity.stage import StageFiles

TURNS_S = "turns/s"


@dataclass(frozen=True, slots=True)
class Limit:
    """`full_at` are turns a second of the whole stage, with its mix and lengths."""

    part: str
    full_at: Figure
    then: str


def find_limits(facts: Facts, stage: StageFiles, load: Load, sizes: Sequence[PoolSize], turn_s: Figure) -> list[Limit]:
    """All of them, the first to be full first."""
    every = [*_pools(facts, stage, load, sizes), *_functions(facts, stage, turn_s), *_data(facts, stage, load, turn_s)]
    return sorted(every, key=lambda each: (each.full_at.value, each.part))


def storage_days(facts: Facts, stage: StageFiles, load: Load) -> Figure:
    """How long the database's storage lasts when nobody deletes anything: RDS must be given more before."""
    gb = stage.figure("database.storage_gb", stage.config.database.storage_gb, "GB")
    daily = load.average * 86400 * facts.figure("habit", "stored_bytes_a_turn") / 1e9
    return (gb / daily).of("days")


def _pools(facts: Facts, stage: StageFiles, load: Load, sizes: Sequence[PoolSize]) -> Iterator[Limit]:
    for size in sizes:
        share, name = load.mix[size.pool.name], size.pool.name
        if not share.value:
            continue
        yield Limit(
            f"GPUs of pool {name}, {size.configured_max.value:g} instances",
            (size.max_carries / share).of(TURNS_S),
            f"raise pools.{name}.max_instances",
        )
        vcpus = stage.figure(f"pools.{name}.router_cpu", size.pool.config.router_cpu / 1024, "vCPUs")
        chunks = vcpus * facts.figure("template", "router_tasks") / facts.figure("quota", "router_chunk_cpu_s")
        yield Limit(
            f"Routers of pool {name}",
            (chunks / load.tokens_out / share).of(TURNS_S),
            f"raise pools.{name}.router_cpu",
        )


def _functions(facts: Facts, stage: StageFiles, turn_s: Figure) -> Iterator[Limit]:
    api, requests = stage.config.api, facts.figure("habit", "requests_a_turn")
    executions = facts.figure("quota", "lambda_concurrency")
    yield Limit(
        "Lambda, concurrent executions of a new account",
        (executions / turn_s).of(TURNS_S),
        "request a quota before launch: below",
    )
    if api.chat_concurrency:
        kept = stage.figure("api.chat_concurrency", api.chat_concurrency, "executions")
        yield Limit("Chat function, its own concurrency", (kept / turn_s).of(TURNS_S), "raise api.chat_concurrency")
    throttle = stage.figure("api.requests_per_s", api.requests_per_s, "requests/s")
    yield Limit("API Gateway, the stage's throttle", (throttle / requests).of(TURNS_S), "raise api.requests_per_s")
    quota = facts.figure("quota", "api_requests_per_s")
    yield Limit("API Gateway, the account's throttle", (quota / requests).of(TURNS_S), "request a quota")


def _data(facts: Facts, stage: StageFiles, load: Load, turn_s: Figure) -> Iterator[Limit]:
    config = stage.config
    connections = stage.figure("database.max_connections", config.database.max_connections, "connections")
    each = turn_s * facts.figure("quota", "connections_an_execution")
    yield Limit(
        "Postgres connections, if the proxy pins each turn's",
        (connections / each).of(TURNS_S),
        "a larger instance and database.max_connections; watch pinned sessions",
    )
    shards = stage.figure("cache.shards", config.cache.shards, "shards")
    memory = facts.figure("cache", config.cache.node_type, "memory_gb") * facts.figure("quota", "cache_usable_share")
    log = load.tokens_out * facts.figure("quota", "log_bytes_a_token") * facts.figure("quota", "log_kept_s")
    yield Limit(
        "Valkey memory, an hour of response logs",
        (shards * memory * 1e9 / log).of(TURNS_S),
        "more shards, or a shorter RESPONSE_LOG_KEPT_S",
    )
