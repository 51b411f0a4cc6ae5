"""The load that is planned for: who asks how often, how long, and of which pool."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from capacity.arrivals import Bursts, Pattern, read_bursts
from capacity.facts import Facts, Figure, given
from capacity.gpu import Work

_COMMAND_LINE = "the command line"
# No deployment has more of anything that is asked for; what is not a number is not under it either.
_MOST = 1e9
_MOST_TURNS_S = 1e6


class LoadError(Exception):
    """A load that cannot be: the message says which option is wrong, and what it may be."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked for; None is what facts.toml has for it."""

    users: float
    peak: float
    average: float | None = None
    tokens_in: float | None = None
    tokens_out: float | None = None
    cached: float | None = None
    mix: Mapping[str, float] | None = None
    pattern: Pattern = "poisson"
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """A load that can be. Rates in turns/s; the shares of `mix` add up to one, pool by pool."""

    users: Figure
    peak: Figure
    average: Figure
    tokens_in: Figure
    tokens_out: Figure
    cached: Figure
    spread: Figure
    mix: Mapping[str, Figure]
    bursts: Bursts | None
    seed: int

    @property
    def work(self) -> Work:
        return Work(self.tokens_in.value, self.tokens_out.value, self.cached.value, self.spread.value)

    @property
    def work_bases(self) -> tuple[Figure, ...]:
        return (self.tokens_in, self.tokens_out, self.cached, self.spread)


def plan_load(facts: Facts, asked: Asked, pools: Collection[str]) -> Load:
    """Raises: LoadError."""
    _check_rates(asked)
    peak = _asked("--peak", asked.peak, "turns/s")
    average = peak / facts.figure("habit", "peak_to_average")
    return Load(
        users=_asked("--users", asked.users, "users"),
        peak=peak,
        average=average if asked.average is None else _asked("--average", asked.average, "turns/s"),
        tokens_in=_or_habit(facts, "tokens_in", asked.tokens_in),
        tokens_out=_or_habit(facts, "tokens_out", asked.tokens_out),
        cached=_or_habit(facts, "cached_share", asked.cached),
        spread=facts.figure("habit", "length_spread"),
        mix=_plan_mix(facts, asked.mix, pools),
        bursts=read_bursts(facts) if asked.pattern == "bursty" else None,
        seed=asked.seed,
    )


def _check_rates(asked: Asked) -> None:
    for option, value, most in (("--users", asked.users, _MOST), ("--peak", asked.peak, _MOST_TURNS_S)):
        if not 0 < value <= most:
            raise LoadError(f"{option} must be over 0 and not over {most:,.0f}, not {value:g}")
    if asked.average is not None and not 0 < asked.average <= asked.peak:
        raise LoadError(f"--average must be over 0 and not over --peak ({asked.peak:g}), not {asked.average:g}")
    if asked.tokens_in is not None and not 1 <= asked.tokens_in <= _MOST:
        raise LoadError(f"--tokens-in must be 1 or more, not {asked.tokens_in:g}")
    if asked.tokens_out is not None and not 2 <= asked.tokens_out <= _MOST:
        raise LoadError(f"--tokens-out must be 2 or more, not {asked.tokens_out:g}")
    if asked.cached is not None and not 0 <= asked.cached < 1:
        raise LoadError(f"--cached is a share from 0 to under 1, not {asked.cached:g}")


def _plan_mix(facts: Facts, asked: Mapping[str, float] | None, pools: Collection[str]) -> dict[str, Figure]:
    """A share for each pool of the stage."""
    if not pools:
        raise LoadError("the stage has no pools, so there is nothing to plan")
    if asked:
        _check_mix(asked, pools)
        return {pool: _asked(f"--mix {pool}", asked.get(pool, 0.0), "") for pool in pools}
    unknown = [pool for pool in pools if not facts.has("mix", pool)]
    if unknown:
        raise LoadError(f"say the share of each pool: --mix {'=… --mix '.join(pools)}=…")
    usual = {pool: facts.figure("mix", pool) for pool in pools}
    whole = sum(each.value for each in usual.values())
    return {pool: share / whole for pool, share in usual.items()}


def _check_mix(asked: Mapping[str, float], pools: Collection[str]) -> None:
    strangers = sorted(asked.keys() - set(pools))
    if strangers:
        raise LoadError(f"--mix: the stage has no pool {', '.join(strangers)}; it has {', '.join(pools)}")
    if not all(share >= 0 for share in asked.values()):
        raise LoadError("--mix: a share must not be under 0")
    whole = sum(asked.values())
    if not abs(whole - 1) <= 0.001:
        raise LoadError(f"--mix: the shares add up to {whole:g}, not to 1")


def _or_habit(facts: Facts, key: str, asked: float | None) -> Figure:
    usual = facts.figure("habit", key)
    option = {"cached_share": "--cached"}.get(key, f"--{key.replace('_', '-')}")
    return usual if asked is None else _asked(option, asked, usual.unit)


def _asked(option: str, value: float, unit: str) -> Figure:
    return given(option, value, unit, _COMMAND_LINE, "input")
