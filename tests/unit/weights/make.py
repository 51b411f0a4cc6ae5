"""What these tests are about, with everything else filled in."""

from gpu_workers.weights.model import HubFile, Repository, StoredFile


def hub_file(name: str = "model.safetensors", size_bytes: int = 10, hub_id: str = "a" * 64) -> HubFile:
    return HubFile(name, size_bytes, hub_id)


def hub_files(*names: str) -> list[HubFile]:
    return [hub_file(name) for name in names]


def repository(licence: str | None = "apache-2.0", *, gated: bool = False) -> Repository:
    return Repository("org/model", "c" * 40, licence, gated, (hub_file(),))


def stored_file(name: str = "model.safetensors", size_bytes: int = 10, hub_id: str = "a" * 64) -> StoredFile:
    return StoredFile(name, size_bytes, "b" * 64, hub_id)
