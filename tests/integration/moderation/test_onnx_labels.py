"""Any text classifier in ONNX, described by its `classifier.toml`."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, pre_tokenizers

from parley.moderation.model import Category
from parley.moderation.onnx.classifier import open_classifier
from parley.settings import SettingsError

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "kill", "love", "you"]
TOML = """
kind = "labels"
version = "tiny-1"
max_tokens = 16
overlap_tokens = 4
activation = "sigmoid"
inputs = { input_ids = "ids", attention_mask = "mask" }

[[labels]]
name = "neutral"

[[labels]]
name = "threat"
categories = ["violence", "harassment/threatening"]
calibration = [[0.0, 0.1], [4.0, 0.8], [8.0, 0.9]]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model whose logits are sums over its tokens: `kill` is 4 for the label `threat`."""
    weights = np.zeros((len(WORDS), 2), np.float32)
    weights[WORDS.index("kill")] = [0, 4]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "tokens"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["each"]),
        helper.make_node("Cast", ["attention_mask"], ["seen"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["seen", "last"], ["column"]),
        helper.make_node("Mul", ["each", "column"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "tokens"], ["logits"], keepdims=0),
    ]
    constants = [
        onnx.numpy_helper.from_array(weights, "weights"),
        onnx.numpy_helper.from_array(np.array([2]), "last"),
        onnx.numpy_helper.from_array(np.array([1]), "tokens"),
    ]
    graph = helper.make_graph(nodes, "tiny", [ids, mask], [logits], constants)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx"
    )
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "classifier.toml").write_text(TOML)
    return tmp_path


def test_its_labels_score_our_categories(folder: Path) -> None:
    with open_classifier(folder) as classifier:
        threat, other = classifier.score(["kill you", "love you"])

    assert threat[Category.VIOLENCE] == pytest.approx(0.8)
    assert threat[Category.VIOLENCE_GRAPHIC] == threat[Category.HARASSMENT_THREATENING] == threat[Category.VIOLENCE]
    assert threat[Category.HARASSMENT] == 0
    assert other[Category.VIOLENCE] == pytest.approx(0.1)


def test_its_windows_are_as_long_as_it_reads(folder: Path) -> None:
    with open_classifier(folder) as classifier:
        (scores,) = classifier.score(["love " * 500 + "kill " * 2 + "love " * 500])

    assert scores[Category.VIOLENCE] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (', attention_mask = "mask"', "", "its inputs are"),
        ("[[0.0, 0.1], [4.0, 0.8], [8.0, 0.9]]", "[[4.0, 0.1], [0.0, 0.8]]", "rise"),
        ('"violence", "harassment/threatening"', "", "no label"),
        ('version = "tiny-1"', 'version = "tiny-1"\nmodel = "other.onnx"', "other.onnx"),
    ],
)
def test_a_folder_that_does_not_fit_together_is_refused(folder: Path, old: str, new: str, problem: str) -> None:
    (folder / "classifier.toml").write_text(TOML.replace(old, new))

    with pytest.raises(SettingsError, match=problem):
        open_classifier(folder)
