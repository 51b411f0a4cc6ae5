"""The report: every bar beside its number, and a word where one is missed."""

from dataclasses import replace

from bench.measure import CrowdResult, Result, Shape, StatementsPerTurn
from bench.report import Report, as_markdown
from bench.survival import Scale
from bench.tables import Bar, as_screen
from tests.unit.bench.builders import make_survival

CHAT = Result(
    name="chat function",
    what="the whole turn",
    cpu_us_per_chunk=80,
    cpu_us_per_scattered_chunk=90,
    cpu_us_per_chunk_alone=60,
    cpu_ms_per_turn=2,
    added_first_p50_ms=4,
    added_first_p95_ms=9,
    gap_p50_ms=20,
    gap_p99_ms=24,
    tokens_per_s=49.9,
    rss_mib=90,
    turns=100,
    failures={},
    crowd=CrowdResult(70, 12, 26, 49.9),
    statements=StatementsPerTurn(3, 3, 10, 3),
)
RELAY = replace(CHAT, name="bare relay", cpu_us_per_chunk=40, crowd=CrowdResult(35, 6, 22, 50), statements=None)
SLOW = replace(CHAT, name="slow proxy", cpu_us_per_scattered_chunk=None, crowd=None, statements=None)


def make_report(*results: Result, **fields: object) -> Report:
    report = Report(results, make_survival(), 500, 100, Scale(), Shape(), Shape(streams=100), 3, 0)
    return replace(report, **fields)  # pyright: ignore[reportArgumentType] -- fields of a Report


def row_of(report: Report, label: str) -> list[str]:
    (line,) = [line for line in as_markdown(report).splitlines() if line.startswith(f"| {label} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_number_stands_between_its_label_and_its_bar() -> None:
    assert row_of(make_report(CHAT), "CPU of a chunk, turn included, µs") == [
        "CPU of a chunk, turn included, µs",
        "80.0",
        "100 / 60",
    ]


def test_a_peer_is_given_as_a_multiple_in_every_load_it_was_put_to() -> None:
    cells = row_of(make_report(CHAT, RELAY, SLOW), "… at 100 streams, µs")

    assert cells[1:] == ["70.0", "100 / 60", "35.0", "0.50", "", ""]


def test_what_falls_behind_has_missed_its_bar() -> None:
    behind = replace(CHAT, crowd=CrowdResult(130, 12, 80, 41.2))

    assert row_of(make_report(behind), "… at 100 streams")[1:] == ["41.2", "≥ 49 / 49.8 MISSED"]
    assert row_of(make_report(behind), "… at 100 streams, µs")[1:] == ["130.0", "100 / 60 MISSED"]


def test_what_only_the_chat_function_has_stands_beside_no_peer() -> None:
    report = make_report(CHAT, RELAY, survival=make_survival(first_p95_ms=(61.0,)))

    assert row_of(report, "coming back, first event, slowest p95, ms")[1:] == ["61.0", "50 / 20 MISSED", "", ""]
    assert row_of(report, "resident memory of a live stream, KB")[1:] == ["120", "250 / 100", "", ""]


def test_a_bar_is_kept_at_its_limit() -> None:
    assert Bar(10, 5).cell(10) == "10 / 5"
    assert Bar(10, 15, at_least=True).cell(10) == "≥ 10 / 15"


def test_on_the_screen_each_table_has_columns_of_its_own_width() -> None:
    tables = [table.splitlines() for table in as_screen(as_markdown(make_report(CHAT, RELAY))).split("\n\n")]

    assert len(tables) == 3
    assert all(len({len(line) for line in table}) == 1 for table in tables)
