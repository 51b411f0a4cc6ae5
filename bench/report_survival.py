"""What it costs that a turn survives, as two tables of `bench/RESULTS.md`."""

from bench.following import Audience
from bench.survival import Scale, Survival
from bench.tables import Bar, number, table

FIRST_EVENT_BAR = Bar(50, 20)


def coming_back(survival: Survival, scale: Scale) -> list[str]:
    head = ["", "first event, p50, ms", "p95, ms", "bar / aim", "last event, p50, ms", "events"]
    rows = [
        [
            each.label,
            number(each.first_p50_ms, 1),
            number(each.first_p95_ms, 1),
            FIRST_EVENT_BAR.cell(each.first_p95_ms),
            number(each.whole_p50_ms, 1),
            str(each.events),
        ]
        for each in survival.resumed
    ]
    return [
        "## Coming back to a response",
        "",
        f"`GET /v1/responses/{{id}}?stream=true`, {scale.times} times each, one at a time, by a process that is idle otherwise;",
        f"a log of {scale.events} tokens, 20 ms apart. Times are from the request. The client parses every event, and checks",
        "that the numbers and the text are those of the answer. Of a running response it leaves once it has what was there",
        "when it came. A log that has expired leads to the few events that add up to the same; behind an event that was seen,",
        "to the last one only.",
        "",
        *table(head, rows),
    ]


def readers_of_one_log(survival: Survival, audience: Audience) -> list[str]:
    head = ["readers", "CPU of a written chunk, µs", "rounds apart, %", "between two tokens, p50, ms", "p99, ms"]
    head += ["events/s delivered", "CPU of one delivered, µs"]
    rows = [
        [
            where.value,
            number(each.writing_us_per_chunk, 1),
            number(each.apart_percent, 0),
            number(each.gap_p50_ms, 1),
            number(each.gap_p99_ms, 1),
            number(each.events_per_s, 0),
            number(each.reading_us_per_event, 1),
        ]
        for where, each in survival.followings.items()
    ]
    return [
        f"## {audience.readers} readers of one log",
        "",
        f"A process writes {audience.writers} responses, each streamed to who asked for it: the clients whose gaps between",
        f"tokens are given. One of the responses is followed by {audience.readers} more readers: at another process, as those of",
        "other devices are, or at the one that writes it, which serves them as well then. By how much its CPU without readers",
        "differs from round to round is the noise of the machine.",
        "",
        *table(head, rows),
    ]
