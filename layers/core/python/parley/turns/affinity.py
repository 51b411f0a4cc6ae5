"""Who asks, as the pools' prefix caches are told."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from parley.ids import ConversationId, UserId
from parley.models.model import Affinity

# Of a conversation that its client keeps: its instructions and what was said first, which stand in all of its turns.
_FIRST_MESSAGES = 2


def affinity_of(
    user_id: UserId, conversation_id: ConversationId | None, messages: Sequence[Mapping[str, Any]]
) -> Affinity:
    """The same for all turns of a conversation, also of one that is not stored. The salt is the user's: a prompt that another
    user has sent must not be answered any faster, for that would tell that it was sent.
    """
    salt = sha256(b"cache " + user_id.bytes).hexdigest()[:32]
    if conversation_id is not None:
        return Affinity(conversation_id.hex, salt)
    beginning = orjson.dumps(messages[:_FIRST_MESSAGES], default=str)
    return Affinity(sha256(user_id.bytes + beginning).hexdigest()[:32], salt)
