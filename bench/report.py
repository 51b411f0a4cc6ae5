"""Results as a table, for the screen and for `bench/RESULTS.md`."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil

from bench.measure import CrowdResult, Result, Shape, StatementsPerTurn
from bench.report_survival import FIRST_EVENT_BAR, coming_back, readers_of_one_log
from bench.survival import Scale, Survival
from bench.tables import Bar, number, table

RESULTS = Path(__file__).with_name("RESULTS.md")


def _of(value: Callable[[CrowdResult], float]) -> Callable[[Result], float | None]:
    return lambda result: value(result.crowd) if result.crowd else None


def _asked(value: Callable[[StatementsPerTurn], float]) -> Callable[[Result], float | None]:
    return lambda result: value(result.statements) if result.statements else None


@dataclass(frozen=True, slots=True)
class Row:
    """What is measured of every target; `{crowd}` in the label is how many streams there are in the load of the most."""

    label: str
    value: Callable[[Result], float | None]
    digits: int = 0
    bar: Bar | None = None
    has_ratio: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """`results` start with the chat function's. `settled_turns` are those found whole in Postgres.

    `busy_percent` of the machine's CPU went to other work before it began: on a busy machine everything costs more CPU.
    """

    results: Sequence[Result]
    survival: Survival
    import_cpu_ms: float
    settled_turns: int
    scale: Scale
    short: Shape
    crowd: Shape
    rounds: int
    busy_percent: float


@dataclass(frozen=True, slots=True)
class OwnRow:
    """What only the chat function has."""

    label: str
    value: Callable[[Report], float]
    digits: int
    bar: Bar


ROWS = (
    Row("CPU of a chunk, turn included, µs", lambda r: r.cpu_us_per_chunk, 1, Bar(100, 60), has_ratio=True),
    Row("… at {crowd} streams, µs", _of(lambda c: c.cpu_us_per_chunk), 1, Bar(100, 60), has_ratio=True),
    Row("… each stream's tokens at a time of its own, µs", lambda r: r.cpu_us_per_scattered_chunk, 1, has_ratio=True),
    Row("… of a chunk alone, µs", lambda r: r.cpu_us_per_chunk_alone, 1, has_ratio=True),
    Row("… of a turn alone, ms", lambda r: r.cpu_ms_per_turn, 2, has_ratio=True),
    Row("streams of 50 tokens/s that a core carries", lambda r: r.streams_per_core),
    Row("first token added, p50, ms", lambda r: r.added_first_p50_ms, 1),
    Row("first token added, p95, ms", lambda r: r.added_first_p95_ms, 1, Bar(25, 10)),
    Row("… at {crowd} streams, p95, ms", _of(lambda c: c.added_first_p95_ms), 1),
    Row("between two tokens, p50, ms", lambda r: r.gap_p50_ms, 1),
    Row("between two tokens, p99, ms", lambda r: r.gap_p99_ms, 1),
    Row("… at {crowd} streams, p99, ms", _of(lambda c: c.gap_p99_ms), 1),
    Row("tokens a second that a client got", lambda r: r.tokens_per_s, 1),
    Row("… at {crowd} streams", _of(lambda c: c.tokens_per_s), 1, Bar(49, 49.8, at_least=True)),
    Row("resident memory under load, MiB", lambda r: r.rss_mib, 0, Bar(150, 100)),
    Row("Postgres statements a turn", _asked(lambda s: s.asked), 2, Bar(8, 5)),
    Row("… of a long turn (none is for a token)", _asked(lambda s: s.asked_by_long), 2),
    Row("… with BEGIN and COMMIT", _asked(lambda s: s.with_transactions), 2),
    Row("… run inside the functions called", _asked(lambda s: s.inside), 2),
    Row("streams checked", lambda r: r.turns),
    Row("streams broken", lambda r: sum(r.failures.values())),
)
OWN_ROWS = (
    OwnRow("resident memory of a live stream, KB", lambda r: r.survival.stream_kb, 0, Bar(250, 100)),
    OwnRow("coming back, first event, slowest p95, ms", lambda r: r.survival.first_event_p95_ms, 1, FIRST_EVENT_BAR),
    OwnRow("CPU that other readers add to a chunk, %", lambda r: r.survival.added_by_readers_percent, 1, Bar(10, 0)),
    OwnRow("CPU of importing the function, ms", lambda r: r.import_cpu_ms, 0, Bar(600, 400)),
)


def as_markdown(report: Report) -> str:
    """The tables, the machine and how it was measured."""
    ours, *peers = report.results
    head = ["", ours.name, "bar / aim", *(cell for peer in peers for cell in (peer.name, "ratio"))]
    rows = [_cells(row, ours, peers) for row in ROWS]
    rows += [_own_cells(row, report) + ["", ""] * len(peers) for row in OWN_ROWS]
    return "\n".join(
        [
            "# Relaying tokens",
            "",
            f"{date.today():%d %B %Y}; {machine()}, {report.busy_percent:.0f} % busy with other work.",  # noqa: DTZ011 -- the day of the one who reads it
            _load(report),
            "",
            *table(head, [[label.format(crowd=report.crowd.streams), *cells] for label, *cells in rows]),
            "",
            *(f"- {result.name}: {result.what}." for result in report.results),
            f"- {report.settled_turns} turns of the chat function: all were found settled in Postgres afterwards, each with the",
            "  whole answer to its own question.",
            *_HOW,
            "",
            *coming_back(report.survival, report.scale),
            "",
            *readers_of_one_log(report.survival, report.scale.audience),
            "",
            "Written by `.venv/bin/python -m bench --write`.",
            "",
        ]
    )


def _load(report: Report) -> str:
    short = report.short
    load = f"{short.streams} streams at a time, {short.tokens} tokens each, {short.interval_ms:g} ms apart"
    streams = f"{load}, and {report.crowd.streams} where that is said"
    return f"{streams}; medians of {report.rounds} rounds, the targets in turn within each."


_HOW = (
    "- The ratio is the peer's number as a multiple of the chat function's. CPU is that of the server's process tree within the",
    "  measured window (user and system; Postgres, Valkey, engine and clients are processes of their own and not in it), divided",
    "  by the tokens that clients received. A second load of longer turns tells a chunk's share from a turn's.",
    "- The engine gives all streams their tokens in shared steps, as engines that batch do; in a third load each stream's tokens",
    "  come at a time of its own, as from many engines, and wake the server one by one; the fourth has twice as many streams. A",
    "  cell is empty where a peer was not put to that load.",
    "- First token added: the wait of each turn less the median wait of streams that the same client reads straight from the",
    "  engine meanwhile. A client that is answered asks again at once: what it lacks of 50 tokens a second it waited for.",
    "- Statements are what the function sends to Postgres. A call of a function of the schema counts as one; what such functions",
    "  run inside, setting the user for row-level security included, is counted apart, by pg_stat_statements.",
    "- Memory of a live stream: what a process holds while streams run, some of them young and some nearly over, less what it",
    "  held before, idle after a warm-up with a tenth of them.",
)


def machine() -> str:
    """Cores, processor, memory and Python; nothing that names the machine."""
    cores = psutil.cpu_count() or 1
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{cores} cores, {_processor()}, {memory_gib:.0f} GiB; Python {platform.python_version()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cells(row: Row, ours: Result, peers: Sequence[Result]) -> list[str]:
    mine = row.value(ours)
    cells = [row.label, number(mine, row.digits), row.bar.cell(mine) if row.bar else ""]
    for peer in peers:
        theirs = row.value(peer)
        has_ratio = row.has_ratio and mine and theirs is not None
        cells += [number(theirs, row.digits), f"{theirs / mine:.2f}" if has_ratio and mine and theirs else ""]
    return cells


def _own_cells(row: OwnRow, report: Report) -> list[str]:
    value = row.value(report)
    return [row.label, number(value, row.digits), row.bar.cell(value)]
