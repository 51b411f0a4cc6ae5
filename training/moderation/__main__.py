"""Train the heads and the gate: `python -m training.moderation`. The same packages on the same machine write the same bytes."""

import argparse
import hashlib
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from layers.ml.encoder import HEADS
from parley.moderation.onnx.heads import HARMFUL, TOXIC, Head, load_heads
from training.moderation.calibrate import Points, calibrate, left_out_scores
from training.moderation.data import SHARED
from training.moderation.dataset import SEED, Dataset, assemble
from training.moderation.evaluate import worst_scores
from training.moderation.fit import fit_head, fit_kinds, rows_of
from training.moderation.gate import fit_gate

_OUTPUT_SOURCES = (
    "gpteacher",
    "oasst",
    "nq",
    "gsm8k_tr",
    "si_seed",
    "taskmaster",
    "written_everyday",
    "written_harmless",
)


def train(data: Dataset, folder: Path) -> None:
    """Write `heads.npz` and `classifier.toml`, then the gate's weights, which follow from them."""
    arrays: dict[str, np.ndarray] = {}
    points: dict[str, Points] = {}
    for name in (TOXIC, HARMFUL):
        head = fit_head(name, data, rows_of(name, data), SEED)
        own = data.windows.worst(head.raw(data.windows.features))
        points[name] = calibrate(name, data, left_out_scores(name, data, SEED), own)
        arrays |= _parts(name, head)
        print(f"{name}: {points[name]}")
    arrays |= {f"kind.{kind}": head.astype(np.float16) for kind, head in fit_kinds(data).items()}
    np.savez(folder / "heads.npz", **arrays)  # pyright: ignore[reportArgumentType]
    version = hashlib.sha256((folder / "heads.npz").read_bytes() + repr(points).encode()).hexdigest()[:8]
    (folder / "classifier.toml").write_text(_manifest(version, points), encoding="utf-8")
    heads = load_heads(folder / "heads.npz", points)
    learned = ~data.held_out
    fit_gate(
        [each.text for each, is_learned in zip(data.examples, learned, strict=True) if is_learned],
        worst_scores(heads, data)[learned],
        data.of(*_OUTPUT_SOURCES)[learned],
    )
    print(f"version {version}")


def _parts(name: str, head: Head) -> dict[str, np.ndarray]:
    parts = {
        "hidden": head.hidden,
        "hidden_bias": head.hidden_bias,
        "out": head.out,
        "out_bias": np.array(head.out_bias),
    }
    return {f"{name}.{part}": values.astype(np.float16) for part, values in parts.items()}


def _manifest(version: str, points: dict[str, Points]) -> str:
    lines = [
        "# Written by `python -m training.moderation`.",
        'kind = "heads"',
        f'version = "minilm-heads-{version}"',
        'model = "encoder.onnx"',
        "",
        "[calibrations] # what a head says, and the score it stands for",
        *(f"{name} = {[list(point) for point in each]}" for name, each in points.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.moderation", description="Train the classifier's heads.")
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--output", type=Path, default=HEADS)
    chosen = parser.parse_args()
    with threadpool_limits(1):  # sums in another order are other sums
        train(assemble(chosen.data), chosen.output)


if __name__ == "__main__":
    main()
