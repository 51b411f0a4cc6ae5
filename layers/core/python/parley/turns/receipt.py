"""The receipt of a turn: what was done for it, and how long each stage took. It holds nothing of what was said."""

from typing import Any

from parley.turns.model import Outcome
from parley.turns.record import Prompt
from parley.turns.turn import Run


def receipt_of(run: Run, prompt: Prompt, outcome: Outcome) -> dict[str, Any]:
    """`ms` are milliseconds: until the turn was recorded, from then to the engine's acceptance, to its first word and to its
    last. `context` is the range of the conversation's items in the prompt, by sequence.
    """
    usage, context, model = outcome.usage, prompt.context, run.chat.model
    return {
        "route": {"model": model.name, "owned_by": model.owned_by, "model_created": model.created_at},
        "context": {
            "from_sequence": context.from_sequence,
            "to_sequence": context.to_sequence,
            "items": context.items,
        }
        if context
        else None,
        "tokens": {"input": usage.prompt_tokens, "cached": usage.cached_tokens, "output": usage.completion_tokens}
        if usage
        else None,
        "ms": run.clock.stages_ms(),
        "lease_epoch": run.lease_epoch,
        "trace_id": run.chat.request_id,
    }
