"""A model on its way through the quantiser: a stand-in, and llm-compressor itself where there is one.

`PARLEY_QUANTISER_PYTHON` names a Python with gpu_workers/weights/requirements-quantise.txt (6 GB, so the tests do not bring it).
"""

import json
import os
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from gpu_workers.weights.model import MANIFEST
from gpu_workers.weights.quantise import Quantiser
from tests.integration.weights.conftest import World, safetensors, small_model
from tests.integration.weights.hub import HubRepository

_LINEAR = {
    "q_proj": "self_attn",
    "k_proj": "self_attn",
    "v_proj": "self_attn",
    "o_proj": "self_attn",
    "gate_proj": "mlp",
}
_SIDE = 64


@pytest.fixture
def quantiser(tmp_path: Path) -> Quantiser:
    """Called as llm-compressor's Python is, and makes a shard of its first 100 bytes."""
    script = tmp_path / "quantiser"
    script.write_text(
        '#!/bin/sh\necho noise\ncp "$2"/* "$3"/ && head -c 100 "$2/model.safetensors" >"$3/model.safetensors"\n'
    )
    script.chmod(0o755)
    return Quantiser(script, "fp8")


@pytest.fixture
def broken_quantiser() -> Quantiser:
    return Quantiser(Path("/bin/false"), "fp8")


def test_the_store_gets_what_the_quantiser_made_and_the_manifest_says_so(world: World, quantiser: Quantiser) -> None:
    ended = world.push("org/small", quantiser=quantiser)

    revision = world.hub.repositories["org/small"].revision
    manifest = json.loads(world.read(f"{revision}/{MANIFEST}"))
    assert ended.code == 0, ended.events
    assert manifest["quantisation"] == "fp8"
    assert manifest["files"].keys() == {"config.json", "tokenizer.json", "model.safetensors", "LICENSE"}
    assert world.read(f"{revision}/model.safetensors") == safetensors(5000)[:100]
    assert not any(world.scratch.iterdir())
    assert (percents := [each["percent"] for each in ended.of("progress")]) == sorted(percents)


def test_a_second_push_does_not_quantise_again(world: World, quantiser: Quantiser, broken_quantiser: Quantiser) -> None:
    world.push("org/small", quantiser=quantiser)
    before = world.versions()

    assert world.push("org/small", quantiser=broken_quantiser).code == 0
    assert world.versions() == before


def test_a_revision_is_never_changed_into_its_other_form(world: World, quantiser: Quantiser) -> None:
    world.push("org/small", quantiser=quantiser)

    assert world.push("org/small").error[0] == "quantised"


def put_shard(world: World, revision: str, name: str = "model-00001-of-00002.safetensors") -> str:
    """What a push of the other kind left: the other kind has shards of other sizes."""
    key = f"models/m/{revision}/{name}"
    world.client.put_object(Bucket=world.bucket, Key=key, Body=safetensors(100))
    return key


@pytest.mark.parametrize("quantised", [False, True])
def test_weights_that_a_cut_off_push_of_the_other_kind_left_are_refused(
    world: World, quantiser: Quantiser, quantised: bool
) -> None:
    revision, chosen = world.hub.repositories["org/small"].revision, quantiser if quantised else None
    key = put_shard(world, revision)

    refused = world.push("org/small", quantiser=chosen)
    left = world.list_keys()
    world.client.delete_object(Bucket=world.bucket, Key=key)

    folder = f"s3://{world.bucket}/models/m/{revision}/"
    assert refused.error[0] == "leftovers"
    assert refused.error[1].endswith(f"Type: aws s3 rm --recursive {folder}")
    assert left == {key.removeprefix("models/m/")}
    assert world.push("org/small", quantiser=chosen).code == 0


def test_of_a_whole_revision_only_what_does_not_belong_is_to_be_deleted(world: World) -> None:
    world.push("org/small")
    put_shard(world, world.hub.repositories["org/small"].revision)

    code, message = world.push("org/small").error

    assert code == "leftovers"
    assert message.endswith("--exclude '*' --include 'model-00001-of-00002.safetensors'")


def test_what_its_author_has_quantised_and_what_has_no_configuration_is_refused(
    world: World, quantiser: Quantiser
) -> None:
    files = small_model(**{"config.json": b'{"quantization_config": {"quant_method": "awq"}}'})
    world.hub.repositories["org/awq"] = HubRepository(files)
    world.hub.repositories["org/lora"] = HubRepository(
        {"adapter_config.json": b"{}", "adapter_model.safetensors": safetensors(100)}
    )

    assert world.push("org/awq", quantiser=quantiser).error[0] == "quantised"
    assert world.push("org/lora", quantiser=quantiser).error[0] == "quantised"
    assert world.list_keys() == set()


def test_a_quantiser_that_fails_leaves_no_manifest_and_the_download_for_the_next_push(
    world: World, quantiser: Quantiser, broken_quantiser: Quantiser
) -> None:
    ended = world.push("org/small", quantiser=broken_quantiser)
    world.hub.downloads.clear()

    assert (ended.error[0], world.list_keys()) == ("quantiser", set())
    assert world.push("org/small", quantiser=quantiser).code == 0
    assert world.hub.downloads == []


@pytest.mark.skipif("PARLEY_QUANTISER_PYTHON" not in os.environ, reason="no Python with llm-compressor is named")
def test_llm_compressor_halves_the_layers_and_keeps_the_rest(world: World) -> None:
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_size": _SIDE,
        "num_hidden_layers": 1,
    }
    layer = {f"model.layers.0.{part}.{name}.weight": (_SIDE, _SIDE) for name, part in _LINEAR.items()}
    rest = {"model.embed_tokens.weight": (128, _SIDE), "lm_head.weight": (128, _SIDE), "model.norm.weight": (_SIDE,)}
    body = _bfloat16_safetensors({**layer, **rest})
    files = {"config.json": json.dumps(config).encode(), "model.safetensors": body}
    revision = (repository := HubRepository(files)).revision
    world.hub.repositories["org/tiny"] = repository

    ended = world.push("org/tiny", quantiser=Quantiser(Path(os.environ["PARLEY_QUANTISER_PYTHON"]), "fp8"))

    assert ended.code == 0, ended.events
    quantised = world.read(f"{revision}/model.safetensors")
    header = json.loads(quantised[8 : 8 + int.from_bytes(quantised[:8], "little")])
    assert {header[name]["dtype"] for name in layer} == {"F8_E4M3"}
    assert all(f"{name}_scale" in header for name in layer)
    assert {header[name]["dtype"] for name in rest} == {"BF16"}
    stored = json.loads(world.read(f"{revision}/config.json"))
    assert stored["quantization_config"]["quant_method"] == "compressed-tensors"


def _bfloat16_safetensors(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """Tensors of numbers between 0.5 and 2 (the high byte of a bfloat16 is 0x3f then), always the same."""
    header, data, dice = {}, b"", random.Random(1)
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        begin = len(data)
        data += b"".join(bytes([dice.randrange(256), 0x3F]) for _ in range(count))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data
