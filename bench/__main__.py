"""`python -m bench`: the chat function and its peers under the same load, in turn; a table of what each costs.

python -m bench              the whole of it, some minutes
python -m bench --write      and keep the numbers in bench/RESULTS.md
python -m bench --quick      does it run at all? A few seconds; its numbers mean nothing
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import psutil

from bench import script
from bench.following import Audience
from bench.imports import import_cpu_ms
from bench.measure import Sample, Shape, apply_load, put_together
from bench.plan import Kind
from bench.report import RESULTS, Report, as_markdown
from bench.survival import Processes, Scale, Survival, measure_survival
from bench.tables import as_screen
from bench.targets import Setting, Storage, Target, chat_function, engine, running_peers, storage
from local.parts import temporary_home

# Turns of the usual length, and long ones to tell the cost of a chunk from that of a turn.
SHORT, LONG = Shape(tokens=100), Shape(tokens=300)
SCALE = Scale()


@dataclass(frozen=True, slots=True)
class Options:
    rounds: int = 3
    short: Shape = SHORT
    long: Shape = LONG
    scale: Scale = SCALE
    with_peers: bool = True
    imports: int = 7

    @property
    def shapes(self) -> Mapping[Kind, Shape]:
        return {
            Kind.SHORT: self.short,
            Kind.LONG: self.long,
            Kind.SCATTERED: replace(self.short, model=script.SCATTERED_MODEL),
            Kind.CROWD: replace(self.short, streams=2 * self.short.streams),
        }

    def with_streams(self, streams: int) -> "Options":
        return replace(self, short=replace(self.short, streams=streams), long=replace(self.long, streams=streams))


QUICK = Options(
    rounds=1,
    short=Shape(streams=5, tokens=10, warm_s=0, window_s=0.5),
    long=Shape(streams=5, tokens=30, warm_s=0, window_s=1),
    scale=Scale(
        events=40,
        seen=30,
        times=2,
        audience=Audience(writers=2, readers=3, window_s=0.5),
        warm=Shape(streams=1, tokens=10, warm_s=0, window_s=0.5),
        crowd=Shape(streams=5, tokens=20, warm_s=0, window_s=0.5),
    ),
    with_peers=False,
    imports=1,
)

Samples = Mapping[Kind, list[Sample]]


def run(options: Options) -> Report:
    """Every load on every target, round after round, so that a slow minute of the machine falls on all of them."""
    busy_percent = psutil.cpu_percent(interval=1)
    with temporary_home() as home, engine(home, options.short.interval_ms) as engine_port, storage(home) as stored:
        setting = Setting(home, engine_port)
        with chat_function(setting, stored) as chat:
            with running_peers(setting) if options.with_peers else nullcontext([]) as peers:
                samples = _samples(options, [chat, *peers], engine_port)
            results = [put_together(target, of_target) for target, of_target in samples]
            settled_turns = stored.ledger.settled_whole()
            if settled_turns != results[0].turns:
                raise RuntimeError(f"{results[0].turns} turns were answered whole, but {settled_turns} are settled")
            survival = _survival(options, setting, stored, chat)
    return Report(
        results,
        survival,
        import_cpu_ms(options.imports),
        settled_turns,
        options.scale,
        options.short,
        options.shapes[Kind.CROWD],
        options.rounds,
        busy_percent,
    )


def _samples(options: Options, targets: Sequence[Target], engine_port: int) -> Sequence[tuple[Target, Samples]]:
    samples = [(target, {kind: list[Sample]() for kind in target.kinds}) for target in targets]
    for number in range(options.rounds):
        for kind, shape in options.shapes.items():
            for target, of_target in samples:
                if kind in target.kinds:
                    sample = apply_load(target, engine_port, shape, f"r{number}")
                    of_target[kind].append(sample)
                    _tell(f"round {number + 1}/{options.rounds}, {kind}", target, sample)
    return samples


def _survival(options: Options, setting: Setting, stored: Storage, chat: Target) -> Survival:
    print("coming back to responses, and many readers of one", flush=True)
    with chat_function(setting, stored, "another process") as fresh:
        processes = Processes(chat, fresh, stored.valkey, setting.engine_port)
        return measure_survival(processes, options.scale, options.rounds)


def _tell(where: str, target: Target, sample: Sample) -> None:
    load = sample.load
    print(
        f"{where}, {target.name}: {sample.cpu_us_per_token:.1f} µs a chunk, "
        f"{load.tokens} chunks, {load.answered} streams whole, {sum(load.failures.values())} broken {load.failures or ''}",
        flush=True,
    )


def _options() -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Load the chat function and its peers in turn."
    )
    parser.add_argument("--quick", action="store_true", help="only try whether it runs")
    parser.add_argument("--write", action="store_true", help=f"keep the numbers in bench/{RESULTS.name}")
    parser.add_argument("--streams", type=int, help="how many at a time (50), and twice as many")
    parser.add_argument("--rounds", type=int, help="how often all is repeated (3)")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    arguments = parser.parse_args()
    options = QUICK if arguments.quick else Options(with_peers=not arguments.alone)
    if arguments.streams:
        options = options.with_streams(arguments.streams)
    return replace(options, rounds=arguments.rounds or options.rounds), arguments.write


def main() -> None:
    options, is_kept = _options()
    report = run(options)
    markdown = as_markdown(report)
    print(f"\n{as_screen(markdown)}")
    if is_kept:
        RESULTS.write_text(markdown)
    if report.survival.failures or any(result.failures for result in report.results):
        sys.exit("Some streams were broken: see above.")


if __name__ == "__main__":
    main()
