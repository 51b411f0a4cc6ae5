"""A model of 6 MB with random weights, and a LoRA adapter to it: `python tiny_model.py TOKENIZER FOLDER`, run in .venv-vllm.

moto's S3 holds objects in memory and cuts each range anew: a real model's weights take minutes through it.
"""

# pyright: reportMissingImports=false

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HIDDEN, LAYERS, RANK = 64, 2, 8


def make_model(tokenizer: Path, folder: Path) -> None:
    """With the tokenizer and chat template of another model's folder."""
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=HIDDEN,
        intermediate_size=128,
        num_hidden_layers=LAYERS,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        dtype="bfloat16",
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tokenizer / name, folder / name)


def make_adapter(folder: Path) -> None:
    """One that changes what the model says."""
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    tensors = {}
    for layer in range(LAYERS):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{name}.lora_A.weight"] = torch.randn(RANK, HIDDEN)
        tensors[f"{name}.lora_B.weight"] = torch.randn(HIDDEN, RANK)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": 64, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "", "bias": "none"}))


if __name__ == "__main__":
    make_model(Path(sys.argv[1]), Path(sys.argv[2]) / "model")
    make_adapter(Path(sys.argv[2]) / "adapter")
