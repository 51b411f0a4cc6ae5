"""The published throughputs that the step model is held against: `python -m capacity.anchors` prints them beside ours.

Two fix what the model cannot know, three are predicted. Of the FP8 ones only tokens/s and ms a token are recorded, so their
streams are the product of the two, and their lengths are assumed: about those of the first two.
"""

from dataclasses import dataclass

from capacity.facts import Facts, Figure, given, load_facts
from capacity.gpu import Work, build_replica
from capacity.simulate import simulate_clients

_SHORT = Work(tokens_in=1024, tokens_out=128)
_ASSUMED = Work(tokens_in=1024, tokens_out=256)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A published load; `fixes` says which parameter was fitted to it, empty where it is a prediction."""

    name: str
    model: str
    gpu: str
    gpus: int
    streams: int
    work: Work
    fixes: str


@dataclass(frozen=True, slots=True)
class Comparison:
    anchor: Anchor
    published: Figure
    simulated: float

    @property
    def off(self) -> float:
        """By which share ours is above."""
        return self.simulated / self.published.value - 1


ANCHORS = (
    Anchor("one-stream", "Llama-3.1-8B", "A100 40 GB", 1, 1, _SHORT, "engine.bandwidth_share"),
    Anchor("eight-streams", "Llama-3.1-8B", "A100 40 GB", 1, 8, _SHORT, ""),
    Anchor(
        "a100-fp8", "Llama-3-8B-FP8", "A100 80 GB", 1, 65, _ASSUMED, "engine.compute_share, engine.overhead_a_stream_s"
    ),
    # Its ms a token is not recorded: 128 streams are where more no longer help.
    Anchor("h100-fp8", "Llama-3-8B-FP8", "H100 80 GB", 1, 128, _ASSUMED, ""),
    Anchor("two-a100-fp8", "Llama-3-70B-FP8", "A100 80 GB", 2, 80, _ASSUMED, ""),
)


def compare(facts: Facts, anchor: Anchor) -> Comparison:
    """Its throughput as published, and as simulated with as many clients as it had streams."""
    gpus = given("gpus", anchor.gpus, "GPUs", anchor.name, "configuration")
    outcome = simulate_clients(build_replica(facts, anchor.model, anchor.gpu, gpus), anchor.work, anchor.streams)
    return Comparison(anchor, facts.figure("anchor", anchor.name, "tokens_per_s"), outcome.tokens_per_s)


if __name__ == "__main__":
    known = load_facts()
    for each in (compare(known, anchor) for anchor in ANCHORS):
        said = f"fixes {each.anchor.fixes}" if each.anchor.fixes else "predicted"
        line = f"{each.anchor.name:14} {each.published.value:6.0f} published {each.simulated:6.0f} simulated"
        print(f"{line} {each.off:+6.0%}  {said}")  # noqa: T201
