"""What clients send to be moderated: OpenAI's shapes. https://platform.openai.com/docs/api-reference/moderations/create"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from parley.edge.bodies import Body, BodyPart
from parley.errors import ModelNotFound, RequestTooLarge, UnsupportedParameter

TEXTS_LIMIT = 1000
# The SDKs' names; whoever moves here has one of them in his code.
OPENAI_MODELS = frozenset(
    {"omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-latest", "text-moderation-stable"}
)


class TextPart(BodyPart):
    type: Literal["text"]
    text: str


class ImageUrl(BodyPart):
    url: str


class ImagePart(BodyPart):
    """Known, so that it is refused for what it is."""

    type: Literal["image_url"]
    image_url: ImageUrl


Part = Annotated[TextPart | ImagePart, Discriminator("type")]


def _kind(value: Any) -> str | None:
    match value:
        case str():
            return "as-text"
        case [dict(), *_]:
            return "as-parts"
        case list():
            return "as-texts"
        case _:
            return None


Input = Annotated[
    Annotated[str, Tag("as-text")]
    | Annotated[list[str], Field(min_length=1, max_length=TEXTS_LIMIT), Tag("as-texts")]
    | Annotated[list[Part], Field(max_length=TEXTS_LIMIT), Tag("as-parts")],
    Discriminator(
        _kind,
        custom_error_type="input_type",
        custom_error_message="it is a text, a list of texts, or a list of parts with a type",
    ),
]


class ModerationBody(Body):
    input: Input
    model: str | None = None

    def to_texts(self, limit_bytes: int) -> list[str]:
        """A text for each result: the parts of a list are one. Raises: UnsupportedParameter, RequestTooLarge."""
        texts = _texts(self.input)
        size_bytes = sum(len(text.encode()) for text in texts)
        if size_bytes > limit_bytes:
            message = f"{size_bytes} bytes of text are over the limit of {limit_bytes} a request."
            raise RequestTooLarge(message, param="input")
        return texts

    def check_model(self, version: str) -> None:
        """Raises: ModelNotFound. There is one model here, whatever name of OpenAI's it is asked by."""
        if self.model is not None and self.model not in OPENAI_MODELS | {version}:
            known = ", ".join(sorted(OPENAI_MODELS))
            raise ModelNotFound(
                f"The moderation model '{self.model}' does not exist. It is '{version}', or by OpenAI's names {known}.",
                param="model",
            )


def _texts(given: str | list[str] | list[TextPart | ImagePart]) -> list[str]:
    """Raises: UnsupportedParameter."""
    if isinstance(given, str):
        return [given]
    texts = [each if isinstance(each, str) else _text(each, place) for place, each in enumerate(given)]
    return texts if isinstance(given[0], str) else ["\n".join(texts)]


def _text(part: TextPart | ImagePart, place: int) -> str:
    if isinstance(part, ImagePart):
        raise UnsupportedParameter(
            "Images cannot be moderated: the model here reads text only.", param=f"input[{place}].type"
        )
    return part.text
