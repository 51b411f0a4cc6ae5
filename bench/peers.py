"""Peers to compare with, each in an environment of its own: `python -m bench.peers install` fetches them from PyPI."""

import json
import subprocess
import sys
from pathlib import Path

from bench import script
from bench.processes import REPOSITORY

LITELLM = "litellm[proxy]==1.106.2"
LITELLM_VENV = REPOSITORY / ".venv-litellm"
LITELLM_KEY = "sk-bench"
INSTALL_HINT = "not installed; to have it measured too, type: .venv/bin/python -m bench.peers install"


def litellm_program() -> Path | None:
    """LiteLLM's proxy, or None where it is not installed."""
    program = LITELLM_VENV / "bin" / "litellm"
    return program if program.exists() else None


def write_litellm_config(folder: Path, engine_url: str) -> Path:
    """One key, no database: it relays and checks the key, and does nothing else."""
    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": engine_url, "api_key": "none"}}
        for name in (script.MODEL, script.SCATTERED_MODEL)
    ]
    config = {
        "model_list": models,
        "general_settings": {"master_key": LITELLM_KEY},
        "litellm_settings": {"telemetry": False},
    }
    file = folder / "litellm.yaml"
    file.write_text(json.dumps(config))  # which is YAML too
    return file


# Without these it asks the network for prices, and colours its logs.
LITELLM_ENVIRONMENT = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_COLOR": "1"}


def install() -> None:
    """Make LiteLLM's environment, or bring it to the pinned version."""
    if not LITELLM_VENV.exists():
        subprocess.run([sys.executable, "-m", "venv", str(LITELLM_VENV)], check=True)
    subprocess.run([str(LITELLM_VENV / "bin" / "python"), "-m", "pip", "install", "-q", LITELLM], check=True)


if __name__ == "__main__":
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m bench.peers install")
    install()
