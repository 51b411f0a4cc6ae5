"""The receipt of a turn: what was done for it, and how long each stage took. It holds nothing of what was said."""

from typing import Any

from parley.models.model import Model, Usage
from parley.turns.model import ChatTurn, Outcome
from parley.turns.record import Prompt
from parley.turns.turn import Run


def receipt_of(run: Run, prompt: Prompt, outcome: Outcome) -> dict[str, Any]:
    """`ms` are milliseconds: until the turn was recorded, from then to the engine's acceptance, to its first word and to its
    last. `context` is the range of the conversation's items in the prompt, by sequence.
    """
    usage, context = outcome.usage, prompt.context
    return {
        "route": _route(run.chat),
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
        "cost_usd_micros": cost_usd_micros(run.chat.model, usage),
        "ms": run.clock.stages_ms(),
        "lease_epoch": run.lease_epoch,
        "trace_id": run.chat.request_id,
    }


def cost_usd_micros(model: Model, usage: Usage | None) -> int | None:
    """What the turn costs by the catalogue's price; None where it names none."""
    return model.price.cost_usd_micros(usage) if model.price and usage else None


def _route(chat: ChatTurn) -> dict[str, Any]:
    """Which model answered, where, and why; `degraded_from` is the one that was asked for where that is another."""
    model = chat.model
    return {
        "model": model.name,
        "owned_by": model.owned_by,
        "model_created": model.created_at,
        "pool": model.pool,
        "reason": chat.route_reason,
        "degraded_from": chat.degraded_from,
    }
