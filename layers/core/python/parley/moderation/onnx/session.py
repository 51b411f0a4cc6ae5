"""A model's file, run on one core a window."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs] - it has no types
from numpy.typing import NDArray

from parley.moderation.onnx.reader import Ids

Array = NDArray[np.float32]


class Session:
    """Thread-safe: ONNX Runtime lets many threads run one session. Windows are run apart, not as a padded batch: int8 scales are
    taken from the whole input, so in a batch a text's scores would depend on its neighbours.
    """

    def __init__(self, file: Path, inputs: Mapping[str, str]) -> None:
        """`inputs` maps the model's input names to what they want: `ids`, `mask` or `types`. Raises: ValueError."""
        runtime: Any = onnxruntime
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Without the arena memory goes back after each run: a long text does not raise what the process holds for ever.
        options.enable_cpu_mem_arena = False
        self._session: Any = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        wanted = {each.name for each in self._session.get_inputs()}
        if wanted != set(inputs):
            raise ValueError(f"{file.name}: its inputs are {sorted(wanted)}, not {sorted(inputs)}")
        self._inputs = dict(inputs)
        self.output_names: Sequence[str] = [each.name for each in self._session.get_outputs()]

    def run(self, ids: Ids) -> list[Array]:
        """The outputs for one window, in the order of `output_names`."""
        made = {"ids": ids, "mask": np.ones_like(ids), "types": np.zeros_like(ids)}
        return self._session.run(None, {name: made[meaning] for name, meaning in self._inputs.items()})
