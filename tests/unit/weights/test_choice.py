"""Only what vLLM needs is even downloaded, and nothing that runs code when it is loaded."""

import pytest

from gpu_workers.weights.choice import choose_files
from gpu_workers.weights.errors import PushError
from tests.unit.weights import make


def _chosen(*names: str) -> set[str]:
    return {file.name for file in choose_files(make.hub_files(*names))}


def test_weights_configuration_tokenizer_template_and_licence_are_brought_in() -> None:
    names = {
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
        "merges.txt",
        "chat_template.jinja",
        "LICENSE",
    }

    assert _chosen(*names) == names


def test_an_adapter_has_a_configuration_of_its_own() -> None:
    assert _chosen("adapter_model.safetensors", "adapter_config.json") == {
        "adapter_model.safetensors",
        "adapter_config.json",
    }


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin",
        "model.pt",
        "consolidated.00.pth",
        "model.ckpt",
        "weights.pkl",
        "tf_model.h5",
        "model.gguf",
        "modeling_qwen3.py",
        "LICENSE.py",
        "tokenizer.json.bin",
        "training_args.bin",
        "README.md",
        "trainer_state.json",
        ".gitattributes",
        "original/model.safetensors",
        "../model.safetensors",
        "onnx/config.json",
    ],
)
def test_nothing_else_is(name: str) -> None:
    assert name not in _chosen("model.safetensors", "config.json", name)


def test_of_weights_that_are_there_twice_one_copy_is_brought_in() -> None:
    assert "consolidated.safetensors" not in _chosen("model.safetensors", "consolidated.safetensors", "config.json")
    assert "consolidated.safetensors" in _chosen("consolidated.safetensors", "params.json")


def test_the_small_files_come_first_so_that_what_is_wrong_shows_early() -> None:
    files = [
        make.hub_file("model.safetensors", 5_000),
        make.hub_file("config.json", 2),
        make.hub_file("vocab.json", 30),
    ]

    assert [file.name for file in choose_files(files)] == ["config.json", "vocab.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("pytorch_model.bin", "config.json"), "no_weights"),
        ((), "no_weights"),
        (("model.safetensors", "tokenizer.json"), "no_config"),
    ],
)
def test_what_vllm_could_not_load_is_refused(names: tuple[str, ...], code: str) -> None:
    with pytest.raises(PushError) as caught:
        _chosen(*names)

    assert caught.value.code == code
    assert all(name in str(caught.value) for name in names)


def test_a_file_that_the_hub_does_not_serve_so_that_it_can_be_continued_is_refused() -> None:
    with pytest.raises(PushError, match=r"50 GB") as caught:
        choose_files([make.hub_file("model.safetensors", 60_000_000_000), make.hub_file("config.json")])

    assert caught.value.code == "too_large"
