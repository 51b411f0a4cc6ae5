"""The quality and speed of text moderation, on the split that was held out: `python -m training.evaluate --data FOLDER`."""

import argparse
import subprocess
import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

from layers.ml.encoder import make_classifier
from training.moderation.data import SHARED
from training.moderation.dataset import assemble
from training.moderation.evaluate import measure


def main() -> int:
    """1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description="Measure text moderation.")
    parser.add_argument("--data", type=Path, default=SHARED, help="the folder with train.jsonl and categories.jsonl")
    data = parser.parse_args().data
    if not (data / "train.jsonl").exists():
        print(f"{data}: no labelled texts there; say with --data where they are", file=sys.stderr)
        return 2
    make_classifier(say=lambda _: None)
    with threadpool_limits(1):
        targets = measure(assemble(data))
    print("\nSpeed, one core a window", flush=True)
    subprocess.run([sys.executable, "-m", "training.moderation.speed"], check=True)
    print("\nTargets")
    for target in targets:
        print(f"  {target}")
    return 0 if all(target.holds for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
