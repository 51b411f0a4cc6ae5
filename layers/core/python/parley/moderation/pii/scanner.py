"""Reading a text that comes in pieces, holding back only what may still become personal data or go on as such.

What is found does not depend on the pieces: each decision waits until the characters that it needs are there.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from parley.moderation.pii.characters import as_read
from parley.moderation.pii.model import DEFAULT_REGIONS, PiiKind
from parley.moderation.pii.names import INTRODUCTION, REACH_CHARACTERS, find_name_end
from parley.moderation.pii.stretch import SKIP, Stretch, find_end

# Longer than any address or number. Of a longer stretch only what begins in its first half is judged, so that whatever
# began there was seen to its end.
MOST_HELD = 256
_JUDGED = MOST_HELD // 2
# Text before a stretch that is kept for its context.
_CONTEXT = 64
# Patterns run over this much at a time: their cost for one long word would else grow with its square.
_PIECE = 2048
# CommonMark lets inline code run over lines and a lone backtick stand for itself; nobody can know that while it is written.
_MOST_INLINE_CODE = 256

_TICKS = re.compile(rf"`{{1,{MOST_HELD}}}|~{{1,{MOST_HELD}}}")
_TICKS_OR_LINE = re.compile(rf"`{{1,{MOST_HELD}}}|\n")
_BEFORE_FENCE = re.compile(r"(?:\A|\n)[ \t>]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?\Z")
_KEY_LABEL = r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?"
_KEY = re.compile(
    _KEY_LABEL + r"-----(?:\s|\\+[nr])*(?:[A-Za-z-]{1,20}: [^\n]{0,80}(?:\n|\\n)\s*){0,3}[A-Za-z0-9+/=]{16}", re.ASCII
)
_KEY_OPEN = re.compile(_KEY_LABEL + r"-{1,5}[A-Za-z0-9+/=\s\\:,.()-]*\Z|-----BEGIN [A-Z0-9 ]{0,40}\Z", re.ASCII)
_KEY_REST = re.compile(r"[A-Za-z0-9+/=\s\\]*", re.ASCII)
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}-----")
_KEY_END_OPEN = re.compile(r"-{1,5}\Z|-----E?\Z|-----EN?\Z|-----END?\Z|-----END [A-Z0-9 ]{0,40}-{0,5}\Z")
# An AWS key may happen to have no digit.
_LETTERS_ONLY = re.compile(r"\bA[A-Z]{3}[A-Z]{16}\b")
# A full stop belongs to a token only where it goes on.
_TOKEN_REST = re.compile(r"(?:[A-Za-z0-9_-]+|\.(?=[A-Za-z0-9_-]))*", re.ASCII)
_OPENINGS = re.compile("[(\uff08]+(?=[(\uff08])")


@dataclass(frozen=True, slots=True)
class Found:
    """Text that is personal data. One too long to be held comes in several, of which all but the first are `is_rest`."""

    kind: PiiKind
    text: str
    key: str
    is_rest: bool = False


Piece = str | Found


class Scanner:
    """Pieces of text in, text and findings out, in the order of the text and without a character lost."""

    def __init__(
        self, kinds: Collection[PiiKind], regions: Sequence[str] = DEFAULT_REGIONS, *, reads_code: bool
    ) -> None:
        self._kinds = frozenset(kinds)
        self._regions = regions
        self._reads_code = reads_code
        self._text = ""
        self._at = 0  # what stands before is out already, and kept as context
        self._is_last = False
        self._out: list[Piece] = []
        self._read: Callable[[], bool] = self._read_text
        self._fence = ""
        self._inline_left = 0
        self._long: Found | None = None

    @property
    def held_characters(self) -> int:
        return len(self._text) - self._at

    def feed(self, text: str) -> list[Piece]:
        """What is certain now."""
        for start in range(0, len(text), _PIECE):
            self._take(text[start : start + _PIECE])
        return self._give()

    def finish(self) -> list[Piece]:
        """The rest."""
        self._is_last = True
        self._take("")
        return self._give()

    def _take(self, text: str) -> None:
        keep = self._at - _CONTEXT
        if keep > 0:
            self._text, self._at = self._text[keep:] + text, _CONTEXT
        else:
            self._text += text
        while self._at < len(self._text) and self._read():
            pass

    def _give(self) -> list[Piece]:
        out, self._out = self._out, []
        return out

    def _release(self, end: int) -> None:
        if end > self._at:
            self._out.append(self._text[self._at : end])
            self._at = end

    def _find(self, kind: PiiKind, end: int, key: str) -> Found:
        found = Found(kind, self._text[self._at : end], key)
        self._out.append(found)
        self._at = end
        return found

    # Each reader below goes on from self._at; False where it needs more text for that.

    def _read_text(self) -> bool:
        text, at = self._text, self._at
        if PiiKind.NAME in self._kinds and self._follows_introduction():
            name_end = find_name_end(text, at, is_last=self._is_last)
            if name_end is None:
                return False
            if name_end > at:
                self._find(PiiKind.NAME, name_end, text[at:name_end].lower())
                return True
        if skipped := SKIP.match(text, at):
            self._release(self._first_to_judge(skipped.end()))
            if self._at > at:
                return True
        if text[at] in "`~":
            return self._read_ticks()
        if text.startswith("-----BEGIN ", at) and PiiKind.SECRET in self._kinds:
            return self._read_key()
        return self._read_stretch()

    def _follows_introduction(self) -> bool:
        near = self._text[max(0, self._at - REACH_CHARACTERS) : self._at]
        return any(found.end() == len(near) for found in INTRODUCTION.finditer(near))

    def _first_to_judge(self, end: int) -> int:
        """`end`, or where before it something begins that is told by letters alone."""
        if letters := _LETTERS_ONLY.search(self._text, self._at, end):
            end = letters.start()
        if PiiKind.NAME in self._kinds:
            for found in INTRODUCTION.finditer(self._text, max(0, self._at - REACH_CHARACTERS), end):
                if found.end() > self._at:
                    return found.end()
        return end

    def _read_stretch(self) -> bool:
        text, at = self._text, self._at
        is_long = len(text) - at >= MOST_HELD
        # The same for all ways to cut the text: a stretch is never judged with more than this in sight.
        end = find_end(text[: at + MOST_HELD] if is_long else text, at, is_last=self._is_last and not is_long)
        if end is None:
            return is_long and self._read_long()
        key = text.find("-----BEGIN", at + 1, end)
        self._judge(key if key > 0 else end)
        return True

    def _judge(self, end: int) -> None:
        """The stretch from here to `end`; where there is none, what cannot begin one."""
        if end == self._at:
            openings = _OPENINGS.match(self._text, end)
            self._release(openings.end() if openings else end + 1)
            return
        for kind, start, stop, key in self._detect(end):
            self._release(start)
            self._find(kind, stop, key)
        self._release(end)

    def _detect(self, end: int) -> list[tuple[PiiKind, int, int, str]]:
        from parley.moderation.pii.detect import detect

        at = self._at
        read, offsets = as_read(self._text[at:end])
        before, _ = as_read(self._text[max(0, at - _CONTEXT) : at])
        spans = detect(Stretch(read, before.lower(), self._text[end : end + 1]), self._kinds, self._regions)
        return [(span.kind, at + offsets[span.start], at + offsets[span.end - 1] + 1, span.value_key) for span in spans]

    def _read_long(self) -> bool:
        at, window = self._at, self._at + MOST_HELD
        for kind, start, stop, key in self._detect(window):
            if start >= at + _JUDGED:
                break
            self._release(start)
            found = self._find(kind, stop, key)
            if stop == window and kind is PiiKind.SECRET:
                self._long, self._read = found, self._read_token_rest
        self._release(at + _JUDGED)
        return True

    def _read_rest(self, end: int) -> None:
        if self._long is not None and end > self._at:
            self._out.append(Found(self._long.kind, self._text[self._at : end], self._long.key, is_rest=True))
            self._at = end

    def _read_token_rest(self) -> bool:
        rest = _TOKEN_REST.match(self._text, self._at)
        self._read_rest(rest.end() if rest else self._at)
        if self._text[self._at :] in ("", ".") and not self._is_last:
            return False
        self._read = self._read_text
        return True

    def _read_key(self) -> bool:
        """A private key in PEM or PGP armour; certain with the first characters of its body, since its header alone is
        written about.
        """
        if found := _KEY.match(self._text, self._at, self._at + MOST_HELD):
            self._long = self._find(PiiKind.SECRET, found.end(), found[0])
            self._read = self._read_key_rest
            return True
        if not self._is_last and self.held_characters < MOST_HELD and _KEY_OPEN.match(self._text, self._at):
            return False
        self._release(self._at + len("-----BEGIN "))
        return True

    def _read_key_rest(self) -> bool:
        rest = _KEY_REST.match(self._text, self._at)
        self._read_rest(rest.end() if rest else self._at)
        if self._at == len(self._text):
            return False
        if end := _KEY_END.match(self._text, self._at):
            self._read_rest(end.end())
        elif not self._is_last and _KEY_END_OPEN.match(self._text, self._at):
            return False
        self._read = self._read_text
        return True

    def _read_ticks(self) -> bool:
        """Backticks and tildes may begin code, which is let through unread where the policy says so."""
        ticks = _TICKS.match(self._text, self._at)
        assert ticks is not None
        if ticks.end() == len(self._text) and not self._is_last and len(ticks[0]) < MOST_HELD:
            return False
        if not self._reads_code:
            if len(ticks[0]) >= 3 and self._is_at_line_start():
                self._fence, self._read = ticks[0], self._read_fence
            elif ticks[0][0] == "`":
                self._fence, self._read, self._inline_left = ticks[0], self._read_inline_code, _MOST_INLINE_CODE
        self._release(ticks.end())
        return True

    def _is_at_line_start(self) -> bool:
        return _BEFORE_FENCE.search(self._text[max(0, self._at - _CONTEXT) : self._at]) is not None

    def _read_fence(self) -> bool:
        """Code until a line of as many ticks or more, of the same kind."""
        opened = self._text.find(self._fence[0], self._at)
        if opened < 0:
            self._release(len(self._text))
            return False
        self._release(opened)
        ticks = _TICKS.match(self._text, opened)
        assert ticks is not None
        if ticks.end() == len(self._text) and not self._is_last and len(ticks[0]) < MOST_HELD:
            return False
        is_alone = self._text[ticks.end() : ticks.end() + 1].strip() == ""
        if len(ticks[0]) >= len(self._fence) and is_alone and self._is_at_line_start():
            self._read = self._read_text
        self._release(ticks.end())
        return True

    def _read_inline_code(self) -> bool:
        """Code until as many ticks, on the same line and not far."""
        limit = self._at + self._inline_left
        found = _TICKS_OR_LINE.search(self._text, self._at)
        end = min(found.start() if found else len(self._text), limit)
        self._inline_left -= end - self._at
        self._release(end)
        if self._inline_left <= 0:
            self._read = self._read_text
            return True
        if found is None:
            return False
        if found[0] != "\n" and found.end() == len(self._text) and not self._is_last and len(found[0]) < MOST_HELD:
            return False
        if found[0] in ("\n", self._fence):
            self._read = self._read_text
        self._inline_left -= found.end() - found.start()
        self._release(found.end())
        return True
