"""How long a step of an engine takes: what must be read and computed for it, on this GPU with this model."""

from dataclasses import dataclass

from capacity.facts import Facts, Figure

_GIGA = 1e9


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What vLLM's profile allows a replica."""

    max_num_seqs: Figure
    max_num_batched_tokens: Figure
    gpu_memory_utilization: Figure


@dataclass(frozen=True, slots=True)
class Work:
    """A turn as the engine sees it: `cached_share` of its tokens in need no computing, for they are in the prefix cache."""

    tokens_in: float
    tokens_out: float
    cached_share: float = 0.0
    length_spread: float = 0.0

    @property
    def new_tokens(self) -> float:
        return self.tokens_in * (1 - self.cached_share)

    @property
    def context_tokens(self) -> float:
        """Mean length of a stream's context while it is written."""
        return self.tokens_in + self.tokens_out / 2


@dataclass(frozen=True, slots=True)
class Replica:
    """One engine over one or more GPUs. `bases` are the figures that it was made of.

    A step writes one token of each stream, and computes a piece of the prompts that wait. It reads all weights, or computes
    for as long as its tokens take, whichever is longer (the two overlap), and then reads what the streams have in the cache.
    """

    name: str
    weights_bytes: float
    kv_bytes_a_token: float
    flops_a_token: float
    bandwidth: float
    flops: float
    overhead_s: float
    overhead_a_stream_s: float
    max_num_seqs: int
    max_num_batched_tokens: int
    kv_tokens: int
    bases: tuple[Figure, ...]

    def step_s(self, streams: float, prompt_tokens: float, kv_tokens: float) -> float:
        """Seconds of a step with so many streams, tokens of prompts, and tokens in the cache of those streams."""
        reading_s = self.weights_bytes / self.bandwidth
        computing_s = (streams + prompt_tokens) * self.flops_a_token / self.flops
        cache_s = kv_tokens * self.kv_bytes_a_token / self.bandwidth
        return self.overhead_s + self.overhead_a_stream_s * streams + max(reading_s, computing_s) + cache_s

    def steady_step_s(self, streams: float, work: Work) -> float:
        """Mean step when so many streams always run and each that ends is followed by another.

        A prompt comes whole into a step, or in as many pieces as it needs: most steps have none, some are long.
        """
        piece = min(work.new_tokens, max(1.0, self.max_num_batched_tokens - streams))
        pieces_a_step = streams / work.tokens_out * work.new_tokens / piece if piece else 0.0
        with_prompt = min(1.0, pieces_a_step)
        prompt_tokens = piece * max(1.0, pieces_a_step)
        kv_tokens = streams * work.context_tokens
        without_s, with_s = self.step_s(streams, 0, kv_tokens), self.step_s(streams, prompt_tokens, kv_tokens)
        return (1 - with_prompt) * without_s + with_prompt * with_s

    def most_streams(self, work: Work) -> int:
        """Streams at once that the profile and the memory allow."""
        return min(self.max_num_seqs, int(self.kv_tokens / (work.tokens_in + work.tokens_out)))

    def steady_turns_per_s(self, work: Work, tokens_per_s: float) -> float:
        """Turns a second at which each stream still gets `tokens_per_s`, without queues: an upper bound."""
        most = 0.0
        for streams in range(1, self.most_streams(work) + 1):
            step_s = self.steady_step_s(streams, work)
            if step_s * tokens_per_s > 1:
                break
            most = streams / (step_s * work.tokens_out)
        return most


def build_replica(facts: Facts, model: str, gpu: str, gpus: Figure, limits: EngineLimits | None = None) -> Replica:
    """The replica of `model` over `gpus` of a kind. Raises: FactError for what facts.toml does not know, or does not fit."""
    limits = limits or default_limits(facts)
    weights = facts.figure("model", model, "weights_gb")
    kv_bytes = facts.figure("model", model, "kv_bytes_a_token")
    parameters = facts.figure("model", model, "parameters_b")
    bandwidth = facts.figure("gpu", gpu, "bandwidth_gb_s")
    memory = facts.figure("gpu", gpu, "memory_gb")
    flops = _flops(facts, model, gpu)
    speed = _speed(facts, gpus)
    bandwidth_share = facts.figure("engine", "bandwidth_share")
    overhead, overhead_a_stream = facts.figure("engine", "overhead_s"), facts.figure("engine", "overhead_a_stream_s")
    working = facts.figure("engine", "working_memory_gb")
    free_gb = gpus.value * (memory.value * limits.gpu_memory_utilization.value - working.value) - weights.value
    return Replica(
        name=f"{model} on {gpus.value:.0f} of {gpu}",
        weights_bytes=weights.value * _GIGA,
        kv_bytes_a_token=kv_bytes.value,
        flops_a_token=2 * parameters.value * _GIGA,
        bandwidth=bandwidth.value * _GIGA * bandwidth_share.value * speed.value,
        flops=flops.value * speed.value,
        overhead_s=overhead.value,
        overhead_a_stream_s=overhead_a_stream.value,
        max_num_seqs=int(limits.max_num_seqs.value),
        max_num_batched_tokens=int(limits.max_num_batched_tokens.value),
        kv_tokens=max(0, int(free_gb * _GIGA / kv_bytes.value)),
        bases=(
            *(weights, kv_bytes, parameters, bandwidth, memory, flops, speed, bandwidth_share, overhead),
            *(overhead_a_stream, working, limits.max_num_seqs, limits.max_num_batched_tokens),
            limits.gpu_memory_utilization,
        ),
    )


def default_limits(facts: Facts) -> EngineLimits:
    """Those of vLLM where no profile says otherwise."""
    return EngineLimits(
        facts.figure("engine", "max_num_seqs"),
        facts.figure("engine", "max_num_batched_tokens"),
        facts.figure("engine", "gpu_memory_utilization"),
    )


def _flops(facts: Facts, model: str, gpu: str) -> Figure:
    """Operations a second of one GPU in the precision that the model's products have there."""
    precision = facts.text("model", model, "format")
    peak = "fp8_tflops" if precision == "fp8" and facts.has("gpu", gpu, "fp8_tflops") else "tflops"
    return facts.figure("gpu", gpu, peak) * 1e12 * facts.figure("engine", "compute_share")


def _speed(facts: Facts, gpus: Figure) -> Figure:
    """How many times as fast as one GPU: each doubling loses what the GPUs tell each other."""
    speed, lost = gpus, facts.figure("engine", "two_gpu_share")
    for _ in range(int(gpus.value).bit_length() - 1):
        speed = speed * lost
    return speed
