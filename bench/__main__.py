"""`python -m bench`: the chat function and its peers under the same load, in turn; a table of what each costs.

python -m bench              the whole of it, some minutes
python -m bench --write      and keep the numbers in bench/RESULTS.md
python -m bench --quick      does it run at all? A few seconds; its numbers mean nothing
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psutil

from bench import script
from bench.imports import import_cpu_ms
from bench.measure import Result, Sample, Shape, apply_load, put_together
from bench.report import RESULTS, Report, as_markdown, as_screen
from bench.targets import Setting, Target, all_targets, engine
from local.parts import temporary_home

# Turns of the usual length, and long ones to tell the cost of a chunk from that of a turn.
SHORT, LONG = Shape(tokens=100), Shape(tokens=300, warm_s=1, window_s=12)


@dataclass(frozen=True, slots=True)
class Options:
    streams: int = 50
    rounds: int = 3
    short: Shape = SHORT
    long: Shape = LONG
    with_peers: bool = True
    imports: int = 7

    @property
    def scattered(self) -> Shape:
        return replace(self.short, model=script.SCATTERED_MODEL)

    @property
    def shapes(self) -> tuple[Shape, Shape, Shape]:
        return self.short, self.long, self.scattered


QUICK = Options(
    streams=5,
    rounds=1,
    short=Shape(tokens=10, warm_s=0, window_s=0.5),
    long=Shape(tokens=30, warm_s=0, window_s=1),
    with_peers=False,
    imports=1,
)


def run(options: Options) -> Report:
    """Every load on every target, round after round, so that a slow minute of the machine falls on all of them."""
    busy_percent = psutil.cpu_percent(interval=1)
    with (
        temporary_home() as home,
        engine(home, options.short.interval_ms) as engine_port,
        all_targets(Setting(home, engine_port, options.streams), with_peers=options.with_peers) as targets,
    ):
        samples = _samples(options, targets, engine_port)
        results = [_result(options, target, samples[target.name]) for target in targets]
        ledger = targets[0].ledger
        settled_turns = ledger.settled_whole() if ledger else 0
    if settled_turns != results[0].turns:
        raise RuntimeError(f"{results[0].turns} turns were answered whole, but {settled_turns} are settled in Postgres")
    return Report(
        results,
        import_cpu_ms(options.imports),
        settled_turns,
        options.streams,
        options.short.tokens,
        options.short.interval_ms,
        options.rounds,
        busy_percent,
    )


def _samples(options: Options, targets: Sequence[Target], engine_port: int) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {target.name: [] for target in targets}
    for number in range(options.rounds):
        for shape in options.shapes:
            for target in targets:
                sample = apply_load(target, engine_port, shape, f"r{number}")
                samples[target.name].append(sample)
                _tell(f"round {number + 1}/{options.rounds}", target, sample)
    return samples


def _tell(where: str, target: Target, sample: Sample) -> None:
    load = sample.load
    print(
        f"{where}, {sample.shape.tokens} tokens, {sample.shape.model}, {target.name}: {sample.cpu_us_per_token:.1f} µs a chunk, "
        f"{load.tokens} chunks, {load.answered} streams whole, {sum(load.failures.values())} broken {load.failures or ''}",
        flush=True,
    )


def _result(options: Options, target: Target, samples: Sequence[Sample]) -> Result:
    short = [sample for sample in samples if sample.shape == options.short]
    long = [sample for sample in samples if sample.shape == options.long]
    scattered = [sample for sample in samples if sample.shape == options.scattered]
    return put_together(target, short, long, scattered)


def _options() -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Load the chat function and its peers in turn."
    )
    parser.add_argument("--quick", action="store_true", help="only try whether it runs")
    parser.add_argument("--write", action="store_true", help=f"keep the numbers in bench/{RESULTS.name}")
    parser.add_argument("--streams", type=int, help="how many at a time (50)")
    parser.add_argument("--rounds", type=int, help="how often all is repeated (3)")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    arguments = parser.parse_args()
    options = QUICK if arguments.quick else Options(with_peers=not arguments.alone)
    options = replace(options, streams=arguments.streams or options.streams, rounds=arguments.rounds or options.rounds)
    return options, arguments.write


def main() -> None:
    options, is_kept = _options()
    report = run(options)
    markdown = as_markdown(report)
    print(f"\n{as_screen(markdown)}")
    if is_kept:
        RESULTS.write_text(markdown)
    if any(result.failures for result in report.results):
        sys.exit("Some streams were broken: see above.")


if __name__ == "__main__":
    main()
