"""The command line of vLLM."""

import json
from collections.abc import Mapping
from pathlib import Path

from gpu_workers.vllm.settings import Settings


def build_command(settings: Settings, adapters: Mapping[str, Path]) -> list[str]:
    """`vllm serve` with a profile; `adapters` names the folder of each. What comes later on the line wins over the profile."""
    return [
        "vllm",
        "serve",
        settings.model_uri,
        "--config",
        str(settings.profile),
        "--served-model-name",
        settings.model_name,
        "--host",
        "0.0.0.0",
        "--port",
        str(settings.port),
        *_adapter_arguments(settings.model_name, adapters),
        *settings.extra_args,
    ]


def _adapter_arguments(model_name: str, adapters: Mapping[str, Path]) -> list[str]:
    modules = [
        json.dumps({"name": name, "path": str(folder), "base_model_name": model_name})
        for name, folder in sorted(adapters.items())
    ]
    return ["--lora-modules", *modules] if modules else []
