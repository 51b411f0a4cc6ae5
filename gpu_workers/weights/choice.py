"""Which files of a repository vLLM needs; nothing else is even downloaded."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from gpu_workers.weights.errors import PushError
from gpu_workers.weights.model import HubFile

# Weights as safetensors (data and no code), what vLLM and its tokenizers read beside them, and the licence that must go along.
# Pickles (.bin, .pt, .pth, .ckpt) and Python run code of whoever uploaded them when they are loaded, so they are not on the list.
_WANTED = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "quantize_config.json",
    "quant_config.json",
    "hf_quant_config.json",
    "params.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model*",
    "tekken.json",
    "*.tiktoken",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "NOTICE",
    "NOTICE.txt",
    "USE_POLICY.md",
)

# The hub serves no more than that over plain HTTP, which can be continued (huggingface_hub 2.4, MAX_HTTP_DOWNLOAD_SIZE).
_MAX_BYTES = 50_000_000_000


def choose_files(files: Sequence[HubFile]) -> tuple[HubFile, ...]:
    """What to bring in, the small first. Raises: PushError when there are no safetensors, or no config, or a shard over 50 GB."""
    wanted = [file for file in files if any(fnmatchcase(file.name, each) for each in _WANTED) and "/" not in file.name]
    chosen = _without_second_copy(wanted)
    if not any(file.is_weights for file in chosen):
        raise PushError("no_weights", f"There are no safetensors in it: {_names(files)}. {_ADVICE}")
    if not {"config.json", "adapter_config.json", "params.json"} & {file.name for file in chosen}:
        raise PushError(
            "no_config", f"There is neither a config.json nor an adapter_config.json in it: {_names(files)}."
        )
    if large := [file for file in chosen if file.size_bytes > _MAX_BYTES]:
        raise PushError(
            "too_large", f"{_names(large)}: over 50 GB in one file. Look for a repository with smaller shards."
        )
    return tuple(sorted(chosen, key=lambda file: (file.size_bytes, file.name)))


_ADVICE = "Pickles are never brought in; look for a repository, or a branch, with safetensors."


def _without_second_copy(files: Sequence[HubFile]) -> list[HubFile]:
    """Mistral's repositories hold the weights twice: as model-*.safetensors and as consolidated*.safetensors."""
    named_otherwise = any(file.is_weights and not file.name.startswith("consolidated") for file in files)
    return [file for file in files if not (named_otherwise and file.name.startswith("consolidated"))]


def _names(files: Sequence[HubFile]) -> str:
    shown = [file.name for file in files[:8]]
    return ", ".join(shown) + (f" and {len(files) - 8} more" if len(files) > 8 else "") if files else "no files at all"
