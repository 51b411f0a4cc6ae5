"""Whether the chat function is the right size for its turns."""

from dataclasses import dataclass

from capacity.facts import Facts, Figure
from capacity.load import Load
from capacity.stage import stage_figure
from cdk.config import StageConfig


@dataclass(frozen=True, slots=True)
class ChatSizing:
    """An execution runs one turn and mostly waits: of its share of a vCPU and of its memory, what a turn uses.

    `import_s` is the part of a cold start that the function's own imports are.
    """

    cpu_share: Figure
    memory_share: Figure
    import_s: Figure


def size_chat(facts: Facts, config: StageConfig, load: Load, turn_s: Figure) -> ChatSizing:
    """From what bench/RESULTS.md measured of CPU and memory."""
    memory = stage_figure(config, "api.chat_memory_mb", config.api.chat_memory_mb, "MB")
    vcpus = memory / facts.figure("chat", "mb_a_vcpu")
    cpu_s = facts.figure("chat", "turn_cpu_s") + load.tokens_out * facts.figure("chat", "chunk_cpu_s")
    return ChatSizing(
        cpu_share=(cpu_s / (turn_s * vcpus)).of(""),
        memory_share=(facts.figure("chat", "memory_mb") / memory).of(""),
        import_s=(facts.figure("chat", "import_cpu_s") / vcpus).of("s"),
    )
