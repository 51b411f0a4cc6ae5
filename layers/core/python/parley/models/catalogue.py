"""The catalogue's file: which models there are, who may use them, and which pools serve them."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from parley.models.model import Capability, Dialect, Model, Pool, Price
from parley.settings import SettingsError, Stage, Url

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]
Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """What the file says. `default` names the model for requests that name none."""

    pools: tuple[Pool, ...]
    models: tuple[Model, ...]
    default: str


def load_catalogue(file: Path, stage: Stage) -> CatalogueFile:
    """Raises: SettingsError with one line a problem, each naming its key, not only the first."""
    try:
        return _Document.model_validate(tomllib.loads(file.read_text())).to_catalogue(stage)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file.name}: {error}") from error
    except ValidationError as error:
        problems = [f"{file.name}: {_key(each['loc'])}{each['msg']}" for each in error.errors()]
        raise SettingsError("\n".join(problems)) from error


def _key(location: tuple[str | int, ...]) -> str:
    return f"{'.'.join(map(str, location))}: " if location else ""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Pool(_Table):
    """Without a `url` it is a pool of the stage, whose name in the private zone follows from its own."""

    dialect: Dialect
    url: Url | None = None
    api_key_secret_arn: Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:secretsmanager:")] | None = None

    @model_validator(mode="after")
    def _others_have_urls(self) -> Self:
        if self.dialect is not Dialect.VLLM and self.url is None:
            raise ValueError("url: is missing; only a pool of the stage's own, with dialect vllm, does without")
        if self.api_key_secret_arn is not None and self.url is None:
            raise ValueError("api_key_secret_arn: a pool of the stage's own takes no key")
        return self


class _Price(_Table):
    input: Annotated[float, Field(ge=0)]
    cached_input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


class _Adapter(_Table):
    """`source` and `revision` are for those who bring it in."""

    source: str | None = None
    revision: Revision | None = None


class _Model(_Table):
    name: Name
    aliases: tuple[Name, ...] = ()
    pool: str
    source: str | None = None
    revision: Revision | None = None
    context_tokens: Annotated[int, Field(ge=256)]
    tokenizer: str | None = None
    capabilities: frozenset[Capability] = frozenset()
    tiers: frozenset[str] | None = None
    fallbacks: tuple[Name, ...] = ()
    price: _Price | None = None
    adapters: dict[Name, _Adapter] = {}

    def to_models(self) -> Iterator[Model]:
        """The model itself, and one for each of its adapters."""
        price = self.price
        model = Model(
            self.name,
            self.context_tokens,
            0,  # the file does not know when a model was made
            _owner(self.source),
            pool=self.pool,
            aliases=self.aliases,
            tokenizer=self.tokenizer,
            capabilities=self.capabilities,
            tiers=self.tiers,
            fallbacks=self.fallbacks,
            price=Price(price.input, price.cached_input, price.output) if price else None,
        )
        yield model
        for name, adapter in self.adapters.items():
            yield replace(model, name=name, aliases=(), owned_by=_owner(adapter.source))


class _Document(_Table):
    default: Name
    pools: Annotated[dict[str, _Pool], Field(min_length=1)]
    models: Annotated[list[_Model], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Self:
        known = Counter(name for model in self.models for name in (model.name, *model.aliases, *model.adapters))
        problems = [f"{name}: is the name or alias of two models" for name, count in known.items() if count > 1]
        problems += [
            f"models.{model.name}.pool: there is no pool '{model.pool}'"
            for model in self.models
            if model.pool not in self.pools
        ]
        problems += [
            f"models.{model.name}.fallbacks: there is no other model '{name}'"
            for model in self.models
            for name in model.fallbacks
            if name not in known or name in (model.name, *model.aliases, *model.adapters)
        ]
        if self.default not in known:
            problems.append(f"default: there is no model '{self.default}'")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def to_catalogue(self, stage: Stage) -> CatalogueFile:
        pools = tuple(
            Pool(name, pool.url or own_pool_url(name, stage), pool.dialect, pool.api_key_secret_arn)
            for name, pool in self.pools.items()
        )
        models: Sequence[Model] = [each for model in self.models for each in model.to_models()]
        return CatalogueFile(pools, tuple(models), self.default)


def own_pool_url(name: str, stage: Stage) -> str:
    """The load balancer of a stage's own pool, by the stage's private zone."""
    return f"http://{name}.parley-{stage}.internal/v1"


def _owner(source: str | None) -> str:
    return source.partition("/")[0] if source else "parley"
