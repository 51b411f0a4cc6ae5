"""The catalogue's file: what a stage may write there, and what it is told when it is wrong."""

from pathlib import Path

import pytest

from parley.models.catalogue import CatalogueFile, load_catalogue
from parley.models.model import Capability, Dialect, Pool, Price
from parley.settings import SettingsError

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:partner-AbCdEf"
POOLS = '[pools.fast]\ndialect = "vllm"\n'
MODEL = '[[models]]\nname = "small"\npool = "fast"\ncontext_tokens = 4096\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def load(folder: Path, text: str) -> CatalogueFile:
    file = folder / "dev.models.toml"
    file.write_text(text)
    return load_catalogue(file, "dev")


def test_a_pool_of_the_stage_has_the_address_that_follows_from_its_name(folder: Path) -> None:
    catalogue = load(folder, f'default = "small"\n{POOLS}{MODEL}')

    assert catalogue.pools == (Pool("fast", "http://fast.parley-dev.internal/v1", Dialect.VLLM),)
    assert [model.name for model in catalogue.models] == ["small"]


def test_a_model_is_all_that_the_file_says(folder: Path) -> None:
    catalogue = load(
        folder,
        f"""
        default = "fast"
        [pools.partner]
        dialect = "openai"
        url = "https://api.example.com/v1/"
        api_key_secret_arn = "{SECRET}"
        [[models]]
        name = "big"
        aliases = ["fast"]
        pool = "partner"
        source = "Maker/Big"
        context_tokens = 8192
        tokenizer = "maker"
        capabilities = ["tools"]
        tiers = ["pro"]
        price = {{ input = 1, cached_input = 0.5, output = 2 }}
        """,
    )

    assert catalogue.pools == (Pool("partner", "https://api.example.com/v1", Dialect.OPENAI, SECRET),)
    (model,) = catalogue.models
    assert (model.owned_by, model.aliases, model.counted_by) == ("Maker", ("fast",), "maker")
    assert (model.capabilities, model.tiers) == (frozenset({Capability.TOOLS}), frozenset({"pro"}))
    assert model.price == Price(1, 0.5, 2)


def test_an_adapter_is_a_model_of_its_own_beside_the_one_it_adapts(folder: Path) -> None:
    adapters = f'[models.adapters]\nsupport = {{ source = "Team/support", revision = "{"0" * 40}" }}\n'

    small, support = load(folder, f'default = "small"\n{POOLS}{MODEL}aliases = ["custom"]\n{adapters}').models

    assert (small.aliases, support.name, support.aliases, support.owned_by) == (("custom",), "support", (), "Team")
    assert (support.pool, support.context_tokens) == (small.pool, small.context_tokens)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "default: Field required"),
        ("default = [", "dev.models.toml: "),
        (f'default = "big"\n{POOLS}{MODEL}', "default: there is no model 'big'"),
        (f'default = "small"\n{POOLS}{MODEL}fallbacks = ["big"]\n', "fallbacks: there is no other model 'big'"),
        (f'default = "small"\n{POOLS}{MODEL}fallbacks = ["small"]\n', "fallbacks: there is no other model 'small'"),
        (f'default = "small"\n{POOLS}{MODEL.replace("fast", "slow")}', "there is no pool 'slow'"),
        (f'default = "small"\n{POOLS}{MODEL}{MODEL}', "small: is the name or alias of two models"),
        (f'default = "small"\n{POOLS}{MODEL}aliases = ["small"]\n', "small: is the name or alias of two models"),
        (f'default = "small"\n{POOLS}{MODEL}contxt = 1\n', "models.0.contxt: Extra inputs are not permitted"),
        (f'default = "small"\n{POOLS}{MODEL}revision = "main"\n', "models.0.revision: String should match"),
        (f'default = "small"\n{POOLS}{MODEL}capabilities = ["magic"]\n', "models.0.capabilities"),
        (f'default = "small"\n[pools.fast]\ndialect = "openai"\n{MODEL}', "pools.fast: url: is missing"),
        (f'default = "small"\n{POOLS}api_key_secret_arn = "{SECRET}"\n{MODEL}', "takes no key"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(folder: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(folder, text)

    assert said in str(caught.value).replace("Value error, ", "")


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"dev\.models\.toml"):
        load_catalogue(folder / "dev.models.toml", "dev")


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_stages_own_files_are_right(stage: str) -> None:
    folder = Path(__file__).parents[3] / "cdk" / "stages"

    catalogue = load_catalogue(folder / f"{stage}.models.toml", stage)  # pyright: ignore[reportArgumentType]

    assert {"fast", "balanced", "quality"} <= {alias for model in catalogue.models for alias in model.aliases}
