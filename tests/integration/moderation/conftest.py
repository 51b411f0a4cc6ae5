from collections.abc import Iterator

import pytest

from layers.ml.encoder import make_classifier
from parley.moderation.onnx.classifier import OnnxClassifier, open_classifier


@pytest.fixture(scope="session")
def classifier() -> Iterator[OnnxClassifier]:
    """The committed heads on the real encoder, which is made once in a checkout."""
    with open_classifier(make_classifier(say=lambda _: None)) as opened:
        yield opened
