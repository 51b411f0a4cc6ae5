"""The migrate function: a CloudFormation custom resource, called by CDK's provider framework on every deployment.

https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html#provider-framework
"""

from typing import Any, Literal, TypedDict, get_args

from parley.kit.telemetry import open_logger
from parley.migrations import Phase, migrate
from parley.settings import MigrateSettings
from parley.wiring.migrate import owner_conninfo


class OnEvent(TypedDict, total=False):
    RequestType: Literal["Create", "Update", "Delete"]
    PhysicalResourceId: str
    ResourceProperties: dict[str, Any]


def handler(event: OnEvent, _context: object) -> dict[str, Any]:
    """Migrate on Create and Update; leave the data alone on Delete. An exception fails the deployment, before new code runs.

    The property `Phases`, a list of `pre` and `post`, says which migrations to run; both when absent.
    """
    phases = _phases(event.get("ResourceProperties", {}))
    # An id that changed would make CloudFormation delete the resource it stood for.
    resource_id = event.get("PhysicalResourceId") or f"parley-schema-{'-'.join(phases)}"
    if event.get("RequestType") == "Delete":
        return {"PhysicalResourceId": resource_id}
    settings = MigrateSettings.from_env()
    applied = migrate(owner_conninfo(settings), phases)
    open_logger("migrate", settings.log_level).info("migrated", extra={"applied": applied})
    return {"PhysicalResourceId": resource_id, "Data": {"Applied": ",".join(applied)}}


def _phases(properties: dict[str, Any]) -> tuple[Phase, ...]:
    """Raises: ValueError for anything but a list of phases that exist."""
    asked = properties.get("Phases", list(get_args(Phase)))
    phases = tuple(phase for phase in get_args(Phase) if phase in asked)
    if not phases or len(phases) != len(asked):
        raise ValueError(f"Phases is a list of {' and '.join(get_args(Phase))}, not {asked!r}")
    return phases
