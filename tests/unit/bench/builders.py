"""Builders of what the benchmark has measured."""

from bench.following import Following, Where
from bench.resume import Resumed
from bench.survival import Survival


def following(where: Where, writing_us: float) -> Following:
    return Following(where, writing_us, 4.0, 20.0, 24.0, 0.0, None)


def make_survival(*, first_p95_ms: tuple[float, ...] = (5.0,), followed_us: float = 100) -> Survival:
    resumed = [Resumed(f"way {index}", 3.0, p95, 9.0, 2008) for index, p95 in enumerate(first_p95_ms)]
    followings = {
        Where.NOWHERE: following(Where.NOWHERE, 100),
        Where.ELSEWHERE: following(Where.ELSEWHERE, followed_us),
    }
    return Survival(resumed, followings, 120.0, {})
