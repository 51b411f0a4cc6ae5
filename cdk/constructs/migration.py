"""Migrations as part of a deployment: `pre` before new code takes traffic, `post` after."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

import hashlib
from pathlib import Path
from typing import Literal

from aws_cdk import CustomResource, custom_resources
from constructs import Construct

from cdk.constructs.python_function import PythonFunction
from cdk.lint import accept
from cdk.logs import create_log_group
from cdk.nag import BASIC_EXECUTION, acknowledge


class Migrations(Construct):
    """Runs the migrate function whenever the migrations differ from those of the deployment before."""

    def __init__(self, scope: Construct, name: str, *, function: PythonFunction, folder: Path, log_days: int) -> None:
        super().__init__(scope, name)
        self._digest = _digest(folder)
        self._provider = custom_resources.Provider(
            self,
            "Provider",
            on_event_handler=function.alias,
            log_group=create_log_group(self, "Logs", log_days),
        )
        acknowledge(
            self._provider,
            {BASIC_EXECUTION: "CDK's own provider framework: it writes logs and calls the migrate function."},
        )

        accept(
            self._provider, "AWS::Lambda::Function", {"W3005": "CDK's own: a function that waits for its role twice."}
        )

    def run(self, phase: Literal["pre", "post"]) -> CustomResource:
        """What must come after `pre` depends on what this returns."""
        return CustomResource(
            self,
            phase.title(),
            service_token=self._provider.service_token,
            resource_type="Custom::ParleyMigrations",
            properties={"Phases": [phase], "Migrations": self._digest},
        )


def _digest(folder: Path) -> str:
    """Changes when a migration is added: that, and nothing else, makes CloudFormation call the function again."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.sql")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
