"""Which parts of a long text are scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowRule:
    """`tokens` is what the model reads at once, its two marks included. Of more than `most` windows the first and last quarter
    are scored and, of the others, those that look worst: what a text costs is bounded, and harm cannot hide in its middle.
    """

    tokens: int = 128
    overlap: int = 32
    most: int = 64

    @property
    def content_tokens(self) -> int:
        return self.tokens - 2


def cut(count: int, rule: WindowRule) -> list[range]:
    """Ranges that cover `count` tokens, each sharing `overlap` tokens with the next; one, empty, of no tokens."""
    step = rule.content_tokens - rule.overlap
    starts = range(0, max(count - rule.overlap, 1), step)
    return [range(start, min(start + rule.content_tokens, count)) for start in starts]


def choose(windows: Sequence[range], rule: WindowRule, suspicion: Callable[[range], float]) -> list[range]:
    """At most `rule.most` of the windows, in their order. `suspicion` is asked only about a middle that must be thinned."""
    if len(windows) <= rule.most:
        return list(windows)
    edge = rule.most // 4
    middle = sorted(range(edge, len(windows) - edge), key=lambda index: -suspicion(windows[index]))
    kept = {*range(edge), *middle[: rule.most - 2 * edge], *range(len(windows) - edge, len(windows))}
    return [windows[index] for index in sorted(kept)]
