"""Results as a table, for the screen and for `bench/RESULTS.md`."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil

from bench.measure import Result

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True, slots=True)
class Bar:
    """What a number of the chat function must not exceed, and what it aims at."""

    limit: float
    aim: float


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    value: Callable[[Result], float | None]
    digits: int = 0
    bar: Bar | None = None
    has_ratio: bool = False


ROWS = (
    Row("CPU of a chunk, turn included, µs", lambda r: r.cpu_us_per_chunk, 1, Bar(130, 60), has_ratio=True),
    Row("… each stream's tokens at a time of its own, µs", lambda r: r.cpu_us_per_scattered_chunk, 1, has_ratio=True),
    Row("… of a chunk alone, µs", lambda r: r.cpu_us_per_chunk_alone, 1, has_ratio=True),
    Row("… of a turn alone, ms", lambda r: r.cpu_ms_per_turn, 2, has_ratio=True),
    Row("streams of 50 tokens/s that a core carries", lambda r: r.streams_per_core),
    Row("first token added, p50, ms", lambda r: r.added_first_p50_ms, 1),
    Row("first token added, p95, ms", lambda r: r.added_first_p95_ms, 1, Bar(40, 10)),
    Row("between two tokens, p50, ms", lambda r: r.gap_p50_ms, 1),
    Row("between two tokens, p99, ms", lambda r: r.gap_p99_ms, 1),
    Row("tokens a second that a client got", lambda r: r.tokens_per_s, 1),
    Row("resident memory under load, MiB", lambda r: r.rss_mib, 0, Bar(150, 100)),
    Row("Postgres statements a turn", lambda r: r.statements_per_turn, 2, Bar(8, 5)),
    Row("… of a long turn (none is for a token)", lambda r: r.statements_per_long_turn, 2),
    Row("… with BEGIN and COMMIT", lambda r: r.with_transactions_per_turn, 2),
    Row("streams checked", lambda r: r.turns),
    Row("streams broken", lambda r: sum(r.failures.values())),
)
IMPORT_BAR = Bar(600, 400)


@dataclass(frozen=True, slots=True)
class Report:
    """`results` start with the chat function's. `settled_turns` are those found whole in Postgres.

    `busy_percent` of the machine's CPU went to other work before it began: on a busy machine everything costs more CPU.
    """

    results: Sequence[Result]
    import_cpu_ms: float
    settled_turns: int
    streams: int
    tokens: int
    interval_ms: float
    rounds: int
    busy_percent: float


def as_markdown(report: Report) -> str:
    """The table, the machine and how it was measured."""
    ours, *peers = report.results
    head = ["", ours.name, "bar / aim", *(cell for peer in peers for cell in (peer.name, "ratio"))]
    lines = [_line(head), _line(["---", *["---:"] * (len(head) - 1)])]
    lines += [_line(_cells(row, ours, peers)) for row in ROWS]
    cells = [f"{report.import_cpu_ms:.0f}", _bar(IMPORT_BAR, report.import_cpu_ms)]
    lines.append(_line(["CPU of importing the function, ms", *cells, *["", ""] * len(peers)]))
    return "\n".join(
        [
            "# Relaying tokens",
            "",
            f"{date.today():%d %B %Y}; {machine()}, {report.busy_percent:.0f} % busy with other work.",  # noqa: DTZ011 -- the day of the one who reads it
            _load(report),
            "",
            *lines,
            "",
            *(f"- {result.name}: {result.what}." for result in report.results),
            f"- {report.settled_turns} turns of the chat function: all were found settled in Postgres afterwards, each with the",
            "  whole answer to its own question.",
            *_HOW,
            "",
        ]
    )


def _load(report: Report) -> str:
    load = f"{report.streams} streams at a time, {report.tokens} tokens each, {report.interval_ms:g} ms apart"
    return f"{load}; medians of {report.rounds} rounds, the targets in turn within each."


_HOW = (
    "- The ratio is the peer's number as a multiple of the chat function's. CPU is that of the server's process tree within the",
    "  measured window (user and system; Postgres, Valkey, engine and clients are processes of their own and not in it), divided",
    "  by the tokens that clients received. A second load of longer turns tells a chunk's share from a turn's.",
    "- The engine gives all streams their tokens in shared steps, as engines that batch do; in a third load each stream's tokens",
    "  come at a time of its own, as from many engines, and wake the server one by one.",
    "- First token added: the wait of each turn less the median wait of streams that the same client reads straight from the",
    "  engine meanwhile. A client that is answered asks again at once: what it lacks of 50 tokens a second it waited for.",
    "- Written by `.venv/bin/python -m bench --write`.",
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
    cells = [row.label, _number(mine, row.digits), _bar(row.bar, mine) if row.bar else ""]
    for peer in peers:
        theirs = row.value(peer)
        has_ratio = row.has_ratio and mine and theirs is not None
        cells += [_number(theirs, row.digits), f"{theirs / mine:.2f}" if has_ratio and mine and theirs else ""]
    return cells


def _bar(bar: Bar, value: float | None) -> str:
    is_missed = value is not None and value > bar.limit
    return f"{bar.limit:g} / {bar.aim:g}{' MISSED' if is_missed else ''}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_screen(markdown: str) -> str:
    """The same with its columns aligned."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if line[:1] == "|"]
    rows = [row for row in rows if not set("".join(row)) <= set("-:")]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = [
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(aligned)
