"""`python -m bench.moderation_filter`: what the output filter costs a chunk, and how much of an answer it holds back.

Ordinary text, in chunks as tokens are: a word's piece of about four characters. CPU time, the median of several rounds.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from time import process_time_ns

from parley.moderation.stream_filter import FilterPolicy, StreamFilter

_ROUNDS = 15
# Like a tokenizer's: a space goes with the word after it, and long words come in pieces.
_CHUNKS = re.compile(r" ?[^\W\d]{1,5}|\d{1,3}|\s+|[^\w\s]{1,3}")

TEXTS: Mapping[str, str] = {
    "English": """A heat pump moves warmth instead of making it, which is why it can give back three or four times the energy
it draws. In winter it takes heat from the air outside, even when that air feels cold, and brings it into the house; in summer
the same machine can run the other way round. Whether it pays depends on three things: how well the house is insulated, what
electricity costs where you live, and how warm the water in your radiators has to be. If you don't know that last number, try
turning the boiler down to 55 degrees for a week in January and see whether the rooms stay comfortable.""",
    "German": """Ob sich eine Wärmepumpe lohnt, hängt vor allem von der Dämmung des Hauses ab. Bei einem Altbau aus den Sechzigern
lohnt es sich oft, zuerst die Kellerdecke und die Fenster anzugehen, weil die Vorlauftemperatur dann deutlich sinken kann. Wer
schon eine Fußbodenheizung hat, braucht meist keine weiteren Umbauten. Die Förderung beträgt derzeit bis zu 70 Prozent der Kosten,
allerdings nur für Haushalte mit kleinem Einkommen; der Antrag muss vor der Auftragsvergabe gestellt werden.""",
    "Python": '''def moving_average(values: list[float], window: int = 7) -> list[float]:
    """The mean of each `window` neighbours, shorter at the edges."""
    if window < 1:
        raise ValueError(f"window must be at least 1, not {window}")
    total, result = 0.0, []
    for index, value in enumerate(values):
        total += value - (values[index - window] if index >= window else 0.0)
        result.append(total / min(index + 1, window))
    return result


print(moving_average([1.5, 2.25, 10, 12.75, 3.125], window=3))
''',
    "Markdown": """## What to compare

| Model | Price | Capacity | Noise |
|---|---:|---:|---|
| Alpha 300 | $249.90 | 7 kg | 52 dB |
| Beta 2 | $1,199.00 | 9 kg | 47 dB |

1. **Measure the space** first: most machines are 60 cm wide, 85 cm high and 55 to 65 cm deep.
2. *Check the drain*; it should be 60-100 cm above the floor.
3. Read [the guide](https://www.example.org/guides/washing-machines?id=12) or run `lookup --width 60`.

> Prices are of March 2025, and change weekly.
""",
    "Numbers": """In 2023 the town had 48,210 inhabitants, 3.1 % more than in 2019.
On 14 March 2022 at 09:30 the council voted 27 to 14 for plan 2022-117: 1 250 homes on
36.5 hectares, at 2,900 to 3,400 euros per square metre, in 4 stages between 2024 and 2031.""",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one text: CPU a chunk, and characters held back after each."""

    us_per_chunk: float
    held_p50: float
    held_p95: float


def measure(text: str, policy: FilterPolicy) -> Cost:
    chunks = _CHUNKS.findall(text) * 20
    held = _held_after_each(chunks, policy)
    cuts = quantiles(held, n=20)
    return Cost(median(_us_per_chunk(chunks, policy) for _ in range(_ROUNDS)), cuts[9], cuts[18])


def _us_per_chunk(chunks: Sequence[str], policy: FilterPolicy) -> float:
    stream = StreamFilter(policy)
    began_ns = process_time_ns()
    for chunk in chunks:
        stream.feed(chunk)
    stream.finish()
    return (process_time_ns() - began_ns) / 1000 / len(chunks)


def _held_after_each(chunks: Sequence[str], policy: FilterPolicy) -> list[int]:
    stream = StreamFilter(policy)
    held: list[int] = []
    for chunk in chunks:
        stream.feed(chunk)
        held.append(stream.held_characters)
    return held


def main() -> None:
    print("| text | code is | µs CPU a chunk | held, p50 | held, p95 |\n|---|---|---:|---:|---:|")
    for in_code, name_of_policy in ((False, "let through"), (True, "filtered")):
        for name, text in TEXTS.items():
            cost = measure(text, FilterPolicy(in_code_blocks=in_code))
            print(
                f"| {name} | {name_of_policy} | {cost.us_per_chunk:.1f} | {cost.held_p50:.0f} | {cost.held_p95:.0f} |"
            )


if __name__ == "__main__":
    main()
