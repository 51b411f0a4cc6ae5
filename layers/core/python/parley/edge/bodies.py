"""Request bodies: bytes in, a checked schema out, and errors that name the field."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from parley.errors import ChatError, InvalidRequest, UnsupportedParameter


class Body(BaseModel):
    """A request body: JSON types as they are (no "5" for 5), and nothing that is not named."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class BodyPart(Body):
    """A part of a body, which is never checked by itself: without a validator of its own it costs the import less."""

    model_config = ConfigDict(defer_build=True)


BodyType = TypeVar("BodyType", bound=Body)

# An escaped NUL, which Postgres cannot store, and not an escaped backslash before the letters u0000.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def parse_body(schema: type[BodyType], body: bytes, *, may_hold_nul: bool = False) -> BodyType:
    """`may_hold_nul` is for what is never stored.

    Raises: InvalidRequest, UnsupportedParameter for the first problem found, naming its field in `param`.
    """
    if not may_hold_nul and _NUL.search(body):
        raise InvalidRequest("The request holds a NUL character (\\u0000), which cannot be stored.")
    try:
        return schema.model_validate_json(body or b"{}")
    except ValidationError as error:
        problems = cast("list[Any]", error.errors(include_url=False, include_context=False, include_input=False))
        raise problem(problems[0], body) from None


def problem(error: Mapping[str, Any], body: bytes = b"") -> ChatError:
    """What one of pydantic's errors says to the client. The text sent is never quoted back."""
    param = _param(error["loc"], body, is_missing=error["type"] == "missing")
    match error["type"]:
        case "json_invalid":
            return InvalidRequest("The body is not valid JSON in UTF-8.")
        case "extra_forbidden":
            return UnsupportedParameter(f"Unknown or unsupported parameter: '{param}'.", param=param)
        case "missing":
            return InvalidRequest(f"Missing required parameter: '{param}'.", param=param)
        case _:
            return InvalidRequest(f"Invalid value for '{param or 'body'}': {error['msg']}.", param=param)


def _param(location: Sequence[str | int], body: bytes, *, is_missing: bool) -> str | None:
    """`messages[0].content`: the location without the tags of unions, which pydantic puts between and the client never wrote.

    What `is_missing` is a field.
    """
    try:
        node: Any = orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None
    path = ""
    for index, step in enumerate(location):
        is_last = index == len(location) - 1
        if isinstance(step, int):
            path += f"[{step}]"
            node = (
                cast("list[Any]", node)[step]
                if isinstance(node, list) and step < len(cast("list[Any]", node))
                else None
            )
        elif isinstance(node, dict) and (step in node or (is_last and (is_missing or not _is_tag(node, step)))):
            path += f".{step}"
            node = cast("dict[str, Any]", node).get(step)
        elif not body:
            path += f".{step}"
    return path.lstrip(".") or None


def _is_tag(node: Any, step: str) -> bool:
    """Whether the last step names the branch of a union that failed, rather than a field."""
    return step in cast("dict[str, Any]", node).values() or not step.isidentifier()
