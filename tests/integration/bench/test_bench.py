"""The benchmark in small: the chat function by its run.sh, on the real Postgres and Valkey."""

from dataclasses import replace

import pytest

from bench.__main__ import QUICK, run
from bench.report import as_markdown, as_screen


# It starts a Postgres twice, a Valkey, an engine, the function and a client for each load.
@pytest.mark.timeout(240)
def test_a_smoke_run_completes_with_every_turn_stored_whole() -> None:
    options = replace(QUICK, streams=2)

    report = run(options)

    (chat,) = report.results
    assert chat.failures == {}
    assert report.settled_turns == chat.turns >= 2 * len(options.shapes)
    assert 0 < (chat.statements_per_turn or 0) <= 8
    assert chat.statements_per_turn == pytest.approx(chat.statements_per_long_turn)
    assert "chat function" in as_screen(as_markdown(report))
