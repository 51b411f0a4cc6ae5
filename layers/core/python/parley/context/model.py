"""Which part of a conversation becomes the prompt.

The prompt of one turn extends the prompt of the turn before it, byte for byte, so that the engine's prefix cache hits. So the
window never slides a little every turn: it grows until it is full and then drops its older half in one step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from parley.errors import ContextLengthExceeded


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as the window sees it. `tokens` include what the chat template puts round it.

    `is_pinned`: instructions (system, developer), which always stay. `starts_turn`: a window may begin here; it never begins
    with an answer, nor with a tool's output whose call it has dropped.
    """

    sequence: int
    tokens: int
    is_pinned: bool
    starts_turn: bool


def choose_window_start(entries: Sequence[Entry], start: int, limit_tokens: int) -> int:
    """The sequence from which on items are in the prompt, at or after `start`; pinned entries are in it besides.

    `entries` are in order of sequence, the new ones last. As long as all from `start` on fits in `limit_tokens`, the window
    stays. Else it begins at the oldest turn from which on half the limit is enough; the newest turn is always whole.
    Raises: ContextLengthExceeded when the pinned entries and the newest turn alone do not fit.
    """
    pinned_tokens = sum(entry.tokens for entry in entries if entry.is_pinned)
    window = [entry for entry in entries if not entry.is_pinned and entry.sequence >= start]
    needed_tokens = pinned_tokens + sum(entry.tokens for entry in window)
    if needed_tokens <= limit_tokens:
        return start
    tokens_from_here = needed_tokens
    for position, entry in enumerate(window):
        if position > 0 and entry.starts_turn:
            start, needed_tokens = entry.sequence, tokens_from_here
            if needed_tokens <= limit_tokens // 2:
                break
        tokens_from_here -= entry.tokens
    if needed_tokens > limit_tokens:
        raise ContextLengthExceeded(
            f"The new messages and the instructions need {needed_tokens} tokens; the model's context leaves {limit_tokens}.",
            param="messages",
        )
    return start
