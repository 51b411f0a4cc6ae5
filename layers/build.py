"""Everything that is uploaded, made without Docker: `python -m layers.build --arch arm64 --python 3.13`.

It writes `build/<arch>-py<version>/`: `layers/deps`, `layers/core` and `layers/ml` (shown by Lambda at /opt), a folder a function
(/var/task), `web`, and `manifest.json`. The same sources give the same bytes; what is up to date is left alone.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from layers.compiled import compile_sources, find_compiler
from layers.deps.install import install, read_requirements
from layers.errors import BuildError
from layers.folders import copy_sources, digest, locked, settle, size_bytes
from layers.ml.packages import install_packages
from layers.ml.source import check_classifier, find_classifier
from layers.target import ARCHITECTURES, PYTHONS, Target

ROOT = Path(__file__).parents[1]
# Lambda's limit is 262 MB for a function with all its layers; the rest is for layers of others, such as the web adapter's.
SIZE_LIMIT_BYTES = 200 * 1000 * 1000
# Nobody's layer is beside a classifier of one's own, and a distilled BERT in int8 is 45 MB more than ours.
OWN_CLASSIFIER_LIMIT_BYTES = 250 * 1000 * 1000
LAYERS = ("deps", "core")
# What only some functions have: numpy, onnxruntime and the encoder would double the others' size and cold start.
_MORE_LAYERS = {"moderation": ("ml",)}
_PACKAGES = "/opt/python"

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Step:
    """One folder of the build: `make` fills it, and need not while `inputs` stays what it was."""

    name: str
    folder: Path
    inputs: str
    make: Callable[[Path], None]


def layers_of(function: str) -> tuple[str, ...]:
    """The layers of a function of this name."""
    return (*LAYERS, *_MORE_LAYERS.get(function, ()))


def build(target: Target, output: Path, root: Path = ROOT, say: Say = print, classifier: str | None = None) -> Path:
    """The folder with what `target` needs, made of the sources in `root`.

    `classifier` is a folder or `s3://bucket/prefix` whose classifier takes the place of ours. Raises: BuildError.
    """
    folder = output / str(target)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock"):
        return _build(target, folder, root, say, classifier)


def _build(target: Target, folder: Path, root: Path, say: Say, classifier: str | None) -> Path:
    compiler = find_compiler(target.python)
    say(f"{folder}: for Lambda on {target.architecture} with Python {target.python}")
    if compiler is None:
        say(
            f"  No .pyc files: they would have to be made by Python {target.python}, which is not here; this is "
            f"{sys.version_info.major}.{sys.version_info.minor}. Each cold start compiles what it imports."
        )
    names = _function_names(root)
    steps = _steps(target, folder, root, compiler, say)
    if any("ml" in layers_of(name) for name in names):
        steps.append(_ml_step(target, folder, root, compiler, say, classifier))
    for step in steps:
        _run(step, folder / ".stamps", say)
    _forget_removed(folder / "functions", names)
    sizes = _check_sizes(folder, say, has_own_classifier=classifier is not None)
    manifest = {
        "arch": target.architecture,
        "python": target.python,
        "sizes_bytes": sizes,
        "ships_pyc": compiler is not None,
        "classifier": classifier,
        "functions": names,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return folder


def _steps(target: Target, folder: Path, root: Path, compiler: str | None, say: Say) -> list[Step]:
    constraints, core = root / "constraints.txt", root / "layers/core/python/parley"
    requirements = read_requirements(root / "pyproject.toml")
    made_by = _made_by(root)
    common = (str(target), made_by, compiler or "")

    def make_deps(layer: Path) -> None:
        say("  deps         installing what constraints.txt pins")
        install(requirements, constraints, target, layer / "python")
        _compile(compiler, layer)

    def make_core(layer: Path) -> None:
        copy_sources(core, layer / "python/parley")
        _compile(compiler, layer)

    steps = [
        Step("deps", folder / "layers/deps", digest([constraints], *common, *requirements), make_deps),
        Step("core", folder / "layers/core", digest([core], *common), make_core),
    ]
    steps += [_function_step(name, folder, root, made_by) for name in _function_names(root)]
    return [*steps, _web_step(folder, root, made_by)]


def _made_by(root: Path) -> str:
    """What makes the build counts among what it is made of."""
    return digest(sorted((root / "layers").glob("*.py")) + sorted((root / "layers/deps").glob("*.py")))


def _ml_step(target: Target, folder: Path, root: Path, compiler: str | None, say: Say, classifier: str | None) -> Step:
    constraints, ml = root / "constraints.txt", root / "layers/ml"
    requirements = read_requirements(root / "pyproject.toml", extra="ml")
    source = find_classifier(classifier, ml, say)

    def make(layer: Path) -> None:
        say("  ml           installing what constraints.txt pins")
        install_packages(requirements, constraints, target, layer / "python")
        _compile(compiler, layer)
        source.fill(layer / "classifier")
        say(f"  ml           classifier {check_classifier(layer / 'classifier')}")

    common = (str(target), _made_by(root), compiler or "", source.inputs)
    inputs = digest([constraints, *sorted(ml.glob("*.py"))], *common, *requirements)
    return Step("ml", folder / "layers/ml", inputs, make)


def _function_step(name: str, folder: Path, root: Path, made_by: str) -> Step:
    package = root / "lambdas" / name

    def make(task: Path) -> None:
        copy_sources(package, task / "lambdas" / name)
        shutil.copy(root / "lambdas/__init__.py", task / "lambdas")
        script = task / "lambdas" / name / "run.sh"
        if script.exists():  # Lambda Web Adapter looks for the handler at the top
            script.rename(task / "run.sh")

    inputs = digest([package, root / "lambdas/__init__.py"], made_by)
    return Step(name, folder / "functions" / name, inputs, make)


def _web_step(folder: Path, root: Path, made_by: str) -> Step:
    page = root / "web/dist"
    if not (page / "index.html").exists():
        raise BuildError("the page is not built: run `make page` first")
    return Step("web", folder / "web", digest([page], made_by), lambda web: copy_sources(page, web))


def _function_names(root: Path) -> list[str]:
    return sorted(main.parent.name for main in (root / "lambdas").glob("*/main.py"))


def _compile(compiler: str | None, layer: Path) -> None:
    if compiler is not None:
        compile_sources(compiler, layer / "python", _PACKAGES)


def _run(step: Step, stamps: Path, say: Say) -> None:
    """Make the folder beside its place and move it there, so that a build that was stopped leaves nothing half made."""
    stamp = stamps / step.name
    if step.folder.exists() and stamp.exists() and stamp.read_text() == step.inputs:
        say(f"  {step.name:<12} up to date")
        return
    started_at = time.monotonic()
    fresh = step.folder.with_name(f".{step.name}.new")
    for old in (fresh, stamp):
        shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    fresh.mkdir(parents=True)
    step.make(fresh)
    settle(fresh)
    shutil.rmtree(step.folder, ignore_errors=True)
    fresh.rename(step.folder)
    stamps.mkdir(exist_ok=True)
    stamp.write_text(step.inputs)
    say(f"  {step.name:<12} made in {time.monotonic() - started_at:.1f} s")


def _forget_removed(functions: Path, names: list[str]) -> None:
    for folder in functions.iterdir():
        if folder.name not in names:
            shutil.rmtree(folder)


def _check_sizes(folder: Path, say: Say, *, has_own_classifier: bool) -> Mapping[str, int]:
    """The size of each part. Raises: BuildError when a function and its layers are over their limit."""
    tasks = {each.name: size_bytes(each) for each in sorted((folder / "functions").iterdir())}
    used = dict.fromkeys((*LAYERS, *(layer for name in tasks for layer in layers_of(name))))
    layers = {name: size_bytes(folder / "layers" / name) for name in used}
    web_bytes = size_bytes(folder / "web")
    say("  Unzipped:")
    for name, size in (*layers.items(), ("web", web_bytes)):
        say(f"  {name:<24} {size / 1e6:8.3f} MB")
    for name, size in tasks.items():
        total = size + sum(layers[each] for each in layers_of(name))
        say(f"  {name:<24} {size / 1e6:8.3f} MB   {total / 1e6:6.1f} MB with its layers")
        is_larger = has_own_classifier and "ml" in layers_of(name)
        limit = OWN_CLASSIFIER_LIMIT_BYTES if is_larger else SIZE_LIMIT_BYTES
        if total > limit:
            raise BuildError(f"functions/{name} with its layers is over {limit / 1e6:.0f} MB")
    parts = {f"layers/{name}": size for name, size in layers.items()}
    return parts | {f"functions/{name}": size for name, size in tasks.items()} | {"web": web_bytes}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m layers.build", description="Make what is uploaded to AWS.")
    parser.add_argument("--arch", choices=tuple(ARCHITECTURES), required=True)
    parser.add_argument("--python", choices=PYTHONS, required=True)
    parser.add_argument("--classifier", metavar="FOLDER|s3://BUCKET/PREFIX", help="in place of ours (docs/deploy.md)")
    parser.add_argument("--output", type=Path, default=Path("build"))
    chosen = parser.parse_args()

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    try:
        build(Target(chosen.arch, chosen.python), chosen.output, say=say, classifier=chosen.classifier)
    except BuildError as error:
        sys.stderr.write(f"build: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
