"""The benchmark in small: the chat function by its run.sh, on the real Postgres and Valkey."""

import pytest

from bench.__main__ import QUICK, run
from bench.following import Where
from bench.report import as_markdown
from bench.tables import as_screen


# It starts a Postgres twice, a Valkey, an engine, the function twice and a client for each load.
@pytest.mark.timeout(240)
def test_a_smoke_run_completes_with_every_turn_stored_whole() -> None:
    options = QUICK.with_streams(2)

    report = run(options)

    (chat,) = report.results
    assert chat.failures == {}
    assert report.settled_turns == chat.turns >= 2 * len(options.shapes)
    assert chat.statements is not None
    assert 0 < chat.statements.asked <= 8
    assert chat.statements.asked == pytest.approx(chat.statements.asked_by_long)
    assert chat.statements.inside > 0
    assert report.survival.failures == {}
    assert all(each.events for each in report.survival.resumed)
    assert report.survival.followings[Where.ELSEWHERE].events_per_s > 0
    assert "chat function" in as_screen(as_markdown(report))
