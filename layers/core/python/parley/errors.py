"""What can go wrong in a way a caller can act on. Bugs stay ValueError, TypeError, AssertionError.

Every class has a stable `code` that clients may match on; the edges turn codes into HTTP statuses (`parley.edge.errors`).
Messages are written for the person who made the request: they name the field and say what to do. They never hold text of a
conversation.
"""

from typing import ClassVar


class ChatError(Exception):
    """An expected failure. `param` names the offending field of the request, `retry_after_s` when to come back."""

    code: ClassVar[str]

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s


class InvalidRequest(ChatError):
    """A field is missing, of the wrong type or out of range."""

    code = "invalid_request"


class UnsupportedParameter(ChatError):
    """A field that OpenAI has and we do not honour: refused by name, never dropped in silence."""

    code = "unsupported_parameter"


class RequestTooLarge(ChatError):
    code = "request_too_large"


class ContextLengthExceeded(ChatError):
    """What is new in this request does not fit the model's context, whatever history is left out."""

    code = "context_length_exceeded"


class ContentBlocked(ChatError):
    """What was asked is against the stage's policy; nothing was generated."""

    code = "content_policy_violation"


class Unauthenticated(ChatError):
    code = "invalid_api_key"


class PermissionDenied(ChatError):
    code = "permission_denied"


class ApiKeyLimitReached(ChatError):
    """The account has as many live keys as it may have."""

    code = "api_key_limit_reached"


class NotFound(ChatError):
    """No such thing, or another user's: the two are never told apart."""

    code = "not_found"


class ModelNotFound(ChatError):
    code = "model_not_found"


class UnknownUrl(ChatError):
    code = "unknown_url"


class MethodNotAllowed(ChatError):
    code = "method_not_allowed"


class ReviewDecided(ChatError):
    """Somebody has decided a review already."""

    code = "review_decided"


class IdempotencyKeyReused(ChatError):
    """The key of an earlier request came with another one."""

    code = "idempotency_key_reused"


class ConversationBusy(ChatError):
    """Another turn of the same conversation is running."""

    code = "conversation_busy"


class EngineUnavailable(ChatError):
    """The engine cannot be reached or has no room; nothing was generated."""

    code = "engine_unavailable"


class EngineFailed(ChatError):
    """The engine broke off or sent what no engine may send, after it had accepted the request."""

    code = "engine_failed"


class StorageUnavailable(ChatError):
    """Postgres or Valkey did not answer in time."""

    code = "storage_unavailable"


class ModerationUnavailable(ChatError):
    """The classifier did not answer in time."""

    code = "moderation_unavailable"


class IssuerUnavailable(ChatError):
    """The identity provider's keys cannot be read: no token can be judged, good or bad."""

    code = "issuer_unavailable"
