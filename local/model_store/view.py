"""What a push says, as the operator reads it: a bar on a terminal, plain lines in a file or a pipe."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

# A plain file gets a line each time that so many percent more are done.
_PLAIN_STEP = 10


@dataclass(slots=True)
class PushView:
    """Takes the job's lines one by one. `line` is the catalogue's when the push is done; `error` what ended it."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    line: str | None = None
    revision: str | None = None
    error: str | None = None
    # What is not ours to read, such as pip's complaints: shown when nothing else says why it failed.
    other_lines: deque[str] = field(default_factory=lambda: deque(maxlen=30))
    _bar: Progress | None = None
    _task: TaskID | None = None
    _steps_shown: int = -1

    @property
    def has_ended(self) -> bool:
        """The job has said its last line."""
        return self.line is not None or self.error is not None

    @contextmanager
    def live(self) -> Iterator[None]:
        """While the job runs."""
        if not self.console.is_terminal:
            yield
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
        with Progress(*columns, console=self.console) as self._bar:
            self._task = self._bar.add_task("starting", total=100, figures="")
            yield
        self._bar = None

    def show_phase(self, phase: str) -> None:
        """What CodeBuild is doing before the job speaks."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, description=phase)

    def show_line(self, line: str) -> None:
        """One line of the job's log."""
        event = _parse(line)
        if event is None:
            self.other_lines.append(line)
            return
        match event["event"]:
            case "progress":
                self._show_progress(event)
            case "error":
                self.error = printable(event["message"])
            case "done":
                self.line, self.revision = event["line"], event["revision"]
                self._print(f"Whole in the store: {event['uri']}", sign="[green]✓[/]")
            case _:
                self._print(describe_event(event))

    def _show_progress(self, event: Mapping[str, Any]) -> None:
        figures = describe_progress(event)
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=event["percent"], description="pushing", figures=figures)
        elif (step := int(event["percent"] // _PLAIN_STEP)) > self._steps_shown:
            self._steps_shown = step
            self._print(figures)

    def _print(self, text: str, sign: str = "[dim]·[/]") -> None:
        self.console.print(f"{sign} {escape(printable(text))}")


def describe_progress(event: Mapping[str, Any]) -> str:
    """`42.0 %, 2.5 of 6.1 GB, 3 min left`."""
    done, total = format_bytes(event["bytes"]), format_bytes(event["total_bytes"])
    left = "" if event["eta_s"] is None or event["percent"] >= 100 else f", {_format_duration(event['eta_s'])} left"
    return f"{event['percent']:.1f} %, {done} of {total}{left}"


def describe_event(event: Mapping[str, Any]) -> str:
    """A sentence for what happened; for an event of a newer job, the event itself."""
    match event:
        case {"event": "resolved", "repo": repo, "revision": revision, "licence": licence}:
            return f"{repo} at {revision}, licence: {licence}"
        case {
            "event": "plan",
            "uri": uri,
            "files": files,
            "total_bytes": total,
            "present": present,
            "left_out": left_out,
        }:
            there = f", {present} of them there already" if present else ""
            without = f" (left out: {', '.join(left_out)})" if left_out else ""
            return f"{files} files, {format_bytes(total)}, to {uri}{there}{without}"
        case {"event": "uploaded", "file": file, "bytes": size_bytes}:
            return f"{file}, {format_bytes(size_bytes)}"
        case {"event": "quantising", "scheme": scheme}:
            return f"Quantising to {scheme}; it takes minutes, and the disk of its machine"
    return json.dumps(event)


def printable(text: str) -> str:
    """Without what a terminal would obey: names of files are their author's."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")


def format_bytes(size_bytes: float) -> str:
    """In decimal units, as disks and S3's bill count."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes:.0f} B"


def _format_duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _parse(line: str) -> dict[str, Any] | None:
    """The job's events are objects with the key `event`; anything else is another program's line."""
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if "event" in event else None
