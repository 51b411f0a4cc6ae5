"""Make of a GGUF file a folder that vLLM serves: `python dequantise.py FILE.gguf FOLDER`. Only `make test-vllm` uses it.

vLLM reads no GGUF by itself; transformers turns the file into safetensors and takes tokenizer and chat template out of it.
"""

# pyright: reportMissingImports=false
# torch and transformers are in .venv-vllm only.

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def dequantise(gguf: Path, folder: Path) -> None:
    """Write weights in bfloat16, tokenizer and chat template."""
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(
        **source, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(folder)


if __name__ == "__main__":
    dequantise(Path(sys.argv[1]), Path(sys.argv[2]))
