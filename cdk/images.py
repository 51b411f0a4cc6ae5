"""The two images of a pool. They are built when the assets are published, so that synthesising needs no Docker."""

from pathlib import Path

from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_ecs as ecs

_FOLDER = Path(__file__).parent.parent / "gpu_workers"


def worker_image() -> ecs.ContainerImage:
    return _image("vllm")


def router_image() -> ecs.ContainerImage:
    return _image("router")


def _image(name: str) -> ecs.ContainerImage:
    return ecs.ContainerImage.from_asset(
        str(_FOLDER / name),
        # Whatever machine builds it: no pool has GPUs beside an arm64 processor.
        platform=assets.Platform.LINUX_AMD64,
        # `cpu` runs vLLM on a laptop (make test-vllm).
        exclude=["cpu", "**/__pycache__", "**/*.pyc"],
    )
