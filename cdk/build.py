"""What `make build` made: layers, functions and page, for one architecture and one Python."""

import json
from dataclasses import dataclass
from pathlib import Path

from cdk.config import BuildConfig, ConfigError

_BUILD = Path(__file__).parent.parent / "build"


@dataclass(frozen=True, slots=True)
class Build:
    """A folder of built artefacts that fits the stage."""

    folder: Path
    config: BuildConfig

    def layer(self, name: str) -> str:
        return str(self.folder / "layers" / name)

    def function(self, name: str) -> str:
        return str(self.folder / "functions" / name)

    @property
    def web(self) -> str:
        return str(self.folder / "web")

    @property
    def migrations(self) -> Path:
        return self.folder / "layers" / "core" / "python" / "parley" / "migrations"


def find_build(config: BuildConfig, folder: str | None = None) -> Build:
    """The build in `folder`, or where `make build` puts it. Raises: ConfigError that says what to type."""
    command = f"make build {config.variables}"
    path = Path(folder) if folder else _BUILD / f"{config.architecture}-py{config.python}"
    manifest = path / "manifest.json"
    if not manifest.is_file():
        raise ConfigError(f"build: nothing is built in {path}; type: {command}")
    built = json.loads(manifest.read_text())
    if (built["arch"], built["python"]) != (config.architecture, config.python):
        raise ConfigError(
            f"build: {path} is for Python {built['python']} on {built['arch']}, and the stage runs Python "
            f"{config.python} on {config.architecture}; type: {command}"
        )
    if built.get("classifier") != config.classifier:
        raise ConfigError(f"build: {path} has another classifier than the stage; type: {command}")
    return Build(path.resolve(), config)
