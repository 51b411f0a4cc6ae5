"""What the operator reads of a push."""

import io
import json

import pytest
from rich.console import Console

from local.model_store.view import PushView, describe_event, describe_progress, format_bytes


def _view() -> tuple[PushView, io.StringIO]:
    out = io.StringIO()
    return PushView(Console(file=out, highlight=False, soft_wrap=True, force_terminal=False)), out


def _line(event: str, **fields: object) -> str:
    return json.dumps({"event": event, **fields})


def test_progress_says_how_much_of_what_and_how_long_it_takes() -> None:
    event = {"percent": 42.0, "bytes": 2_520_000_000, "total_bytes": 6_000_000_000, "eta_s": 200}

    assert describe_progress(event) == "42.0 %, 2.5 GB of 6.0 GB, 3 min left"
    assert describe_progress({**event, "eta_s": 20}) == "42.0 %, 2.5 GB of 6.0 GB, 20 s left"
    assert describe_progress({**event, "eta_s": None}) == "42.0 %, 2.5 GB of 6.0 GB"


def test_a_file_or_a_pipe_gets_a_line_every_ten_percent() -> None:
    view, out = _view()

    with view.live():
        for percent in (0.5, 4.0, 10.4, 11.0, 20.9, 99.0, 100.0):
            view.show_line(_line("progress", percent=percent, bytes=1, total_bytes=2, eta_s=None))

    shown = [line.split()[1] for line in out.getvalue().splitlines()]
    assert shown == ["0.5", "10.4", "20.9", "99.0", "100.0"]


def test_the_licence_and_what_is_left_out_are_shown() -> None:
    resolved = {"event": "resolved", "repo": "org/m", "revision": "c" * 40, "licence": "mit"}
    plan = {"event": "plan", "uri": "s3://b/f/", "files": 3, "total_bytes": 2e9, "present": 1, "left_out": ["x.bin"]}

    assert describe_event(resolved) == f"org/m at {'c' * 40}, licence: mit"
    assert describe_event(plan) == "3 files, 2.0 GB, to s3://b/f/, 1 of them there already (left out: x.bin)"


def test_the_end_is_the_catalogue_s_line_or_the_error() -> None:
    view, _ = _view()

    view.show_line(_line("error", code="licence", message="No."))
    view.show_line(_line("done", uri="s3://b/f/", revision="c", line='revision = "c"'))

    assert (view.error, view.line, view.revision) == ("No.", 'revision = "c"', "c")


@pytest.mark.parametrize("line", ["[Container] Running command", "{not json", "[1]", '{"other": 1}', ""])
def test_other_programs_lines_are_kept_for_when_nothing_else_says_why(line: str) -> None:
    view, out = _view()

    view.show_line(line)

    assert list(view.other_lines) == [line]
    assert out.getvalue() == ""


def test_an_event_of_a_newer_job_is_shown_as_it_is() -> None:
    assert describe_event({"event": "moon", "phase": "full"}) == '{"event": "moon", "phase": "full"}'


def test_markup_in_a_name_is_text() -> None:
    view, out = _view()

    view.show_line(_line("uploaded", file="[red]x", bytes=5))

    assert "[red]x, 5 B" in out.getvalue()


def test_a_name_that_would_steer_the_terminal_does_not() -> None:
    view, out = _view()

    view.show_line(_line("uploaded", file="\x1b[2Jx\r\x9b", bytes=5))
    view.show_line(_line("error", code="no_weights", message="\x1b]0;x\x07"))

    assert out.getvalue() == "· [2Jx, 5 B\n"
    assert view.error == "]0;x"


@pytest.mark.parametrize(("size_bytes", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2e9, "2.0 GB")])
def test_bytes_are_said_in_decimal_units(size_bytes: float, text: str) -> None:
    assert format_bytes(size_bytes) == text
