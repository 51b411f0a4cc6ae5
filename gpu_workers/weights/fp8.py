"""`python fp8.py SOURCE TARGET SCHEME`, by a Python with requirements-quantise.txt and nothing else of ours.

Writes the safetensors of SOURCE quantised to TARGET, a shard after the other, and copies all that lies beside them. It needs
neither calibration data nor a GPU.
"""

import sys

from llmcompressor import model_free_ptq  # pyright: ignore[reportMissingImports]

# What vLLM keeps as it is: embeddings, the head, a mixture's router, and everything that sees pictures.
_KEPT = ["re:.*lm_head.*", "re:.*embed_tokens.*", "re:.*mlp.gate$", "re:.*router.*", "re:.*visual.*", "re:.*vision.*"]

if __name__ == "__main__":
    source, target, scheme = sys.argv[1:]
    model_free_ptq(model_stub=source, save_directory=target, scheme=scheme, ignore=_KEPT, max_workers=1, device="cpu")
