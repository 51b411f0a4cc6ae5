"""What scores texts by category, whatever model does it."""

from collections.abc import Sequence
from typing import Protocol

from parley.moderation.model import Scores


class Classifier(Protocol):
    """`version` names the model and its calibration: it is stored with each verdict."""

    @property
    def version(self) -> str: ...

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        """Calibrated scores of all 13 categories for each text, in their order. Any text has scores: empty, binary, 1 MB."""
        ...
