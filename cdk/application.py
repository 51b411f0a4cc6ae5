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

from cdk.config import STAGES, ConfigError, StageConfig, load_config
from cdk.stacks.identity import IdentityStack

_CDK_JSON = Path(__file__).parent.parent / "cdk.json"


def build_app(context: Mapping[str, Any], *, outdir: str | None = None) -> App:
    """The application of the stage that the context names; context from the CLI goes before what is given here.

    Raises: ConfigError when there is no such stage or its file is wrong.
    """
    # The flags in cdk.json decide what is synthesised, so they hold without the CLI too.
    flags = json.loads(_CDK_JSON.read_text())["context"]
    app = App(context={**flags, **context}, outdir=outdir, analytics_reporting=False)
    stage = app.node.try_get_context("stage")
    if not stage:
        raise ConfigError(f"stage: is missing; add -c stage={' or -c stage='.join(STAGES)}")
    add_stacks(app, load_config(stage))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def add_stacks(app: App, config: StageConfig) -> None:
    """One stack a lifecycle: what is deployed, replaced and kept together."""
    env = Environment(account=config.account, region=config.region)
    IdentityStack(app, f"parley-{config.stage}-identity", config, env)
    Tags.of(app).add("project", "parley")
    Tags.of(app).add("stage", config.stage)


def main(arguments: Sequence[str]) -> None:
    """Synthesise into `cdk.out`, or where the CDK CLI says."""
    parser = argparse.ArgumentParser(description="Synthesise the stacks of a stage.")
    parser.add_argument("-c", "--context", action="append", default=[], metavar="KEY=VALUE")
    pairs = [each.partition("=") for each in parser.parse_args(arguments).context]
    # The CLI says where by the environment, and only so.
    outdir = os.environ.get("CDK_OUTDIR", "cdk.out")  # noqa: TID251
    try:
        build_app({key: value for key, _, value in pairs}, outdir=outdir).synth()
    except ConfigError as error:
        sys.exit(str(error))
