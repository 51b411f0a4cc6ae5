"""All stacks of one stage."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import App, Environment, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from capacity.standing import describe_standing_cost
from cdk.build import Build, find_build
from cdk.catalogue import Catalogue, load_catalogue
from cdk.config import STAGES, ConfigError, StageConfig, load_config
from cdk.stacks.api import ApiStack
from cdk.stacks.data import EDGE_REGION, DataStack
from cdk.stacks.identity import IdentityStack
from cdk.stacks.model_store import ModelStoreStack
from cdk.stacks.network import NetworkStack
from cdk.stacks.observability import ObservabilityStack
from cdk.stacks.pool import PoolParts, PoolStack
from cdk.stacks.pools import PoolsStack
from cdk.stacks.web import WebStack

CDK_JSON = Path(__file__).parent.parent / "cdk.json"


def build_app(context: Mapping[str, Any], *, outdir: str | None = None) -> App:
    """The application of the stage that the context names; context from the CLI goes before what is given here.

    `build` in the context names a folder of built artefacts other than where `make build` puts them.
    Raises: ConfigError when there is no such stage, its file is wrong, or what it runs on is not built.
    """
    # The flags in cdk.json decide what is synthesised, so they hold without the CLI too.
    flags = json.loads(CDK_JSON.read_text())["context"]
    app = App(context={**flags, **context}, outdir=outdir, analytics_reporting=False)
    stage = app.node.try_get_context("stage")
    if not stage:
        raise ConfigError(f"stage: is missing; add -c stage={' or -c stage='.join(STAGES)}")
    config = load_config(stage)
    add_stacks(app, config, load_catalogue(config), find_build(config.build, app.node.try_get_context("build")))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def add_stacks(app: App, config: StageConfig, catalogue: Catalogue, build: Build) -> None:
    """One stack a lifecycle: what is deployed, replaced and kept together."""
    name = f"parley-{config.stage}"
    env = Environment(account=config.account, region=config.region)
    network = NetworkStack(app, f"{name}-network", config, env)
    identity = IdentityStack(app, f"{name}-identity", config, env)
    data = DataStack(app, f"{name}-data", config, env, network)
    pools = add_pools(app, config, env, catalogue, network, data)
    api = ApiStack(
        app,
        f"{name}-api",
        config,
        env,
        catalogue=catalogue,
        build=build,
        network=network,
        data=data,
        identity=identity,
    )
    edge = Environment(account=config.account, region=EDGE_REGION)
    WebStack(app, f"{name}-web", config, edge, build=build, data=data, identity=identity, api=api)
    ObservabilityStack(app, f"{name}-observability", config, env, data=data, api=api, pools=pools)
    for key, value in {"project": "parley", "stage": config.stage}.items():
        # CDK tags what CloudFormation takes no tags for.
        Tags.of(app).add(key, value, exclude_resource_types=["AWS::RDS::DBProxyTargetGroup"])


def add_pools(
    app: App, config: StageConfig, env: Environment, catalogue: Catalogue, network: NetworkStack, data: DataStack
) -> list[PoolStack]:
    """A stack for each pool, and the two that all stand on; none of them where the stage has no pools.

    Nothing of the API refers to them: it finds a pool by its name, and does without one that is not there.
    """
    if not catalogue.models:
        return []
    name = f"parley-{config.stage}"
    parts = PoolParts(
        network=network,
        data=data,
        store=ModelStoreStack(app, f"{name}-model-store", config, env),
        pools=PoolsStack(app, f"{name}-pools", config, env, network),
    )
    return [
        PoolStack(app, f"{name}-pool-{pool}", config, env, model=model, parts=parts)
        for pool, model in catalogue.models.items()
    ]


def main(arguments: Sequence[str]) -> None:
    """Synthesise into `cdk.out`, or where the CDK CLI says, and say what the stage costs before anybody asks it anything."""
    parser = argparse.ArgumentParser(description="Synthesise the stacks of a stage.")
    parser.add_argument("-c", "--context", action="append", default=[], metavar="KEY=VALUE")
    pairs = [each.partition("=") for each in parser.parse_args(arguments).context]
    # The CLI says where by the environment, and only so.
    outdir = os.environ.get("CDK_OUTDIR", "cdk.out")  # noqa: TID251
    try:
        app = build_app({key: value for key, _, value in pairs}, outdir=outdir)
        app.synth()
    except ConfigError as error:
        sys.exit(str(error))
    sys.stderr.write(describe_standing_cost(app.node.get_context("stage")))
