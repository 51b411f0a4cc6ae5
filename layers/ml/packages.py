"""The packages of the ml layer: those of the extra `ml`, alone, without what a moderation function never reads of them."""

import shutil
from pathlib import Path

from layers.deps.install import unpack
from layers.target import Target

# onnxruntime asks for protobuf and flatbuffers to read training data and to convert models, tokenizers for huggingface-hub to
# download them: 30 MB of packages that scoring a text does not import. tests/assets starts the function without them.
_ALONE = "--no-deps"
# The extension module holds the whole runtime: no library names the second copy of it (27 MB on arm64), which is there for
# programs in C and for other processors. The folders convert, quantise and profile models.
_LEFT_OUT = (
    "onnxruntime/capi/libonnxruntime.so*",
    "onnxruntime/backend",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "numpy/f2py",
)


def install_packages(requirements: list[str], constraints: Path, target: Target, folder: Path) -> None:
    """Fill `folder` with the layer's packages for `target`. Raises: BuildError."""
    unpack(requirements, constraints, target, folder, _ALONE)
    for pattern in _LEFT_OUT:
        for path in sorted(folder.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
