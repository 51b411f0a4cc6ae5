"""What clients get: users and API keys, in the shapes of OpenAI's own objects of that kind."""

from datetime import datetime
from typing import Any

from parley.accounts.model import ApiKey, ApiKeyPage, Identity
from parley.accounts.secret import Secret, redacted
from parley.ids import ApiKeyId, api_key_wire_id, wire_id


def me_document(identity: Identity) -> dict[str, Any]:
    return {
        "id": wire_id("user", identity.user_id),
        "object": "user",
        "tier": identity.tier,
        "roles": sorted(identity.roles),
    }


def key_document(key: ApiKey) -> dict[str, Any]:
    return {
        "id": api_key_wire_id(key.key_id),
        "object": "api_key",
        "name": key.name,
        "redacted_value": redacted(key.secret_end),
        "tier": key.tier,
        "created_at": _unix_s(key.created_at),
        "expires_at": _unix_s(key.expires_at) if key.expires_at else None,
        "last_used_on": key.last_used_on.isoformat() if key.last_used_on else None,
    }


def new_key_document(key: ApiKey, secret: Secret) -> dict[str, Any]:
    """With the secret itself, this once."""
    return {**key_document(key), "value": secret.text}


def deleted_key_document(key_id: ApiKeyId) -> dict[str, Any]:
    return {"id": api_key_wire_id(key_id), "object": "api_key.deleted", "deleted": True}


def key_list_document(page: ApiKeyPage) -> dict[str, Any]:
    data = [key_document(each) for each in page.data]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": page.has_more,
    }


def _unix_s(moment: datetime) -> int:
    return int(moment.timestamp())
