"""The drawings of docs/capacity.md."""

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from capacity import plots


def test_the_same_curves_give_the_same_bytes_without_a_date(tmp_path: Path) -> None:
    curves = {(10, False): [(1, 20.0), (2, 0.1)], (10, True): [(1, 30.0), (2, 0.7)]}

    for name in ("first.svg", "second.svg"):
        plots._save(plots._draw(curves, "GPUs", "s", 2.0, logarithmic=True), tmp_path / name)

    first, second = ((tmp_path / name).read_text() for name in ("first.svg", "second.svg"))
    assert first == second
    assert "dc:date" not in first
    assert "10 turns/s" in first, "letters stay letters"


@pytest.mark.parametrize("name", ["capacity-first-token.svg", "capacity-stream.svg", "capacity-cost.svg"])
def test_the_drawings_that_the_page_shows_are_there_and_small(name: str) -> None:
    assert f"images/{name}" in (plots.IMAGES.parent / "capacity.md").read_text()
    assert (plots.IMAGES / name).stat().st_size < 60_000
