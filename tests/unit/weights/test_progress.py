"""How far a push is: never backwards, at most once a second, and once at its end."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from gpu_workers.weights.progress import Half, Progress


@dataclass(slots=True)
class Heard:
    """Keeps what is said, and is the clock."""

    now_s: float = 0.0
    events: list[dict[str, object]] = field(default_factory=list)

    def say(self, event: str, **fields: object) -> None:
        assert event == "progress"
        self.events.append(fields)

    def progress(self, **sizes: int) -> Progress:
        return Progress(sizes, self.say, lambda: self.now_s)


def test_a_file_counts_half_when_it_is_downloaded_and_whole_when_it_is_uploaded() -> None:
    heard = Heard()
    progress = heard.progress(a=100, b=300)

    heard.now_s = 1
    progress.move("a", "download", 1.0)
    heard.now_s = 2
    progress.move("a", "upload", 0.5)

    assert [event["percent"] for event in heard.events] == [12.5, 18.8]
    assert [event["bytes"] for event in heard.events] == [50, 75]


def test_what_is_left_takes_as_long_as_what_was_moved_and_what_was_there_counts_for_nothing() -> None:
    heard = Heard()
    progress = heard.progress(there=600, rest=400)
    progress.skip("there")

    heard.now_s = 10
    progress.move("rest", "download", 0.5)

    assert heard.events == [{"percent": 70.0, "bytes": 700, "total_bytes": 1000, "eta_s": 30}]


def test_it_speaks_once_a_second_and_at_the_end() -> None:
    heard = Heard()
    progress = heard.progress(a=100)

    for step in range(1, 11):
        heard.now_s += 0.3
        progress.move("a", "download", step / 10)
    progress.move("a", "upload", 1.0)
    progress.move("a", "upload", 1.0)

    assert [event["percent"] for event in heard.events] == [20.0, 40.0, 100.0]
    assert heard.events[-1]["eta_s"] == 0


halves = st.sampled_from(["download", "upload"])


@given(st.lists(st.tuples(st.sampled_from("abc"), halves, st.floats(0, 2)), max_size=30))
def test_it_never_goes_back_nor_over_the_end(moves: list[tuple[str, Half, float]]) -> None:
    heard = Heard()
    progress = heard.progress(a=10, b=0, c=1_000_000)

    for name, half, fraction in moves:
        heard.now_s += 1
        progress.move(name, half, fraction)

    percents = [float(str(event["percent"])) for event in heard.events]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)
