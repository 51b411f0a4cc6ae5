"""What the user reads while the stack starts, runs and stops."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.status import Status


@dataclass(slots=True)
class Narrator:
    """Says each step as it begins and ends: a spinner on a terminal, plain lines in a file or a pipe."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    _doing: dict[str, str] = field(default_factory=dict)
    _begun_s: dict[str, float] = field(default_factory=dict)
    _status: Status | None = None

    @contextmanager
    def steps(self) -> Iterator[None]:
        """While steps run: what they are doing, and for how long."""
        if not self.console.is_terminal:
            yield
            return
        with self.console.status("") as status:
            self._status = status
            yield
        self._status = None

    def begin(self, name: str, doing: str) -> None:
        self._doing[name] = doing
        self._begun_s[name] = time.monotonic()
        if not self.console.is_terminal:
            self.console.print(f"  … {name:<9} {escape(doing)}")

    def tick(self) -> None:
        """Show how long the unfinished steps have taken so far."""
        if self._status and self._doing:
            now = time.monotonic()
            words = (f"{name}: {doing} ({now - self._begun_s[name]:.0f} s)" for name, doing in self._doing.items())
            self._status.update(escape(", ".join(words)))

    def done(self, name: str, detail: str) -> None:
        self._doing.pop(name, None)
        took_s = time.monotonic() - self._begun_s.pop(name, time.monotonic())
        self.console.print(f"  [green]✓[/] {name:<9} {escape(detail)} [dim]({took_s:.1f} s)[/]")

    def say(self, text: str, style: str = "") -> None:
        self.console.print(escape(text), style=style or None)
