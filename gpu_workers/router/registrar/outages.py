"""Say once that a part is away, and once that it is back: a line a second would hide everything else."""

import logging
from dataclasses import dataclass, field

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Outages:
    """The parts that did not answer when last asked."""

    _away: set[str] = field(default_factory=set)

    def note_failure(self, part: str, error: Exception) -> None:
        if part not in self._away:
            self._away.add(part)
            _log.warning("part_away", extra={"part": part, "error": str(error)})

    def note_success(self, part: str) -> None:
        if part in self._away:
            self._away.discard(part)
            _log.info("part_back", extra={"part": part})
