"""Jobs: what is done a moment later, by whoever is free. They carry ids only."""

from collections.abc import Mapping
from typing import Protocol

from parley.ids import ConversationId, ResponseId, UserId


class JobQueue(Protocol):
    """SQS, or on a laptop a stream in Valkey. Each job is done at least once, or in the end put aside."""

    async def send(self, job: Mapping[str, str]) -> None:
        """Returns once the job cannot be lost. Raises: StorageUnavailable; then it may have been queued or not."""
        ...


def turn_job(user_id: UserId, response_id: ResponseId) -> dict[str, str]:
    """Run a queued turn."""
    return {"job": "turn", "user_id": user_id.hex, "response_id": response_id.hex}


def title_job(user_id: UserId, conversation_id: ConversationId) -> dict[str, str]:
    """Give a conversation its title after its first turn."""
    return {"job": "title", "user_id": user_id.hex, "conversation_id": conversation_id.hex}
