"""What to ask AWS for before launch, and what the stage's file must allow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from capacity.facts import Facts, Figure, total
from capacity.load import Load
from capacity.sizing import PoolSize
from capacity.stage import StageFiles

# A quota that is just met is met by no burst.
_ROOM = 1.25


@dataclass(frozen=True, slots=True)
class Quota:
    """What the peak needs of something that is limited, and what there is."""

    name: str
    needed: Figure
    has: Figure

    @property
    def enough(self) -> bool:
        return self.needed.value <= self.has.value


def find_quotas(facts: Facts, stage: StageFiles, load: Load, sizes: Sequence[PoolSize], turn_s: Figure) -> list[Quota]:
    """Quotas of the account first, then limits of the stage's file."""
    return [*_account(facts, load, sizes, turn_s), *_stage(facts, stage, load, turn_s)]


def _account(facts: Facts, load: Load, sizes: Sequence[PoolSize], turn_s: Figure) -> Iterator[Quota]:
    short = facts.figure("habit", "requests_a_turn") * facts.figure("habit", "short_request_s")
    executions = (load.peak * (turn_s + short) * _ROOM).of("executions")
    yield Quota("Lambda: concurrent executions", executions, facts.figure("quota", "lambda_concurrency"))
    requests = (load.peak * facts.figure("habit", "requests_a_turn") * _ROOM).of("requests/s")
    yield Quota("API Gateway: requests a second", requests, facts.figure("quota", "api_requests_per_s"))
    yield from _instances(facts, sizes)


def _instances(facts: Facts, sizes: Sequence[PoolSize]) -> Iterator[Quota]:
    """EC2 counts vCPUs of running instances, by families: P, and G with VT. Those of the peak or of the stage's maximum."""
    for family, key in (("P", "p_vcpus"), ("G", "g_vcpus")):
        needed = []
        for size in sizes:
            kind = size.pool.config.instance_type
            if kind.upper().startswith(family):
                most = max(size.instances, size.configured_max, key=lambda each: each.value)
                needed.append(most * facts.figure("instance", kind, "vcpus"))
        if needed:
            has = facts.figure("quota", key)
            yield Quota(f"EC2: running on-demand {family} instances", total(needed, "vCPUs"), has)


def _stage(facts: Facts, stage: StageFiles, load: Load, turn_s: Figure) -> Iterator[Quota]:
    api, database = stage.config.api, stage.config.database
    requests = (load.peak * facts.figure("habit", "requests_a_turn")).of("requests/s")
    throttle = stage.figure("api.requests_per_s", api.requests_per_s, "requests/s")
    yield Quota("api.requests_per_s", requests, throttle)
    connections = (load.peak * turn_s * facts.figure("quota", "connections_an_execution")).of("connections")
    most = stage.figure("database.max_connections", database.max_connections, "connections")
    yield Quota("database.max_connections", connections, most)
    if api.chat_concurrency:
        own = stage.figure("api.chat_concurrency", api.chat_concurrency, "executions")
        yield Quota("api.chat_concurrency", (load.peak * turn_s).of("executions"), own)
