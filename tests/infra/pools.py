"""The resources of one pool, as tests look at them."""

from typing import Any

from cdk.config import load_config
from tests.infra.conftest import FindResources
from tests.infra.intrinsics import resolve

POOLS = [(stage, pool) for stage in ("dev", "prod") for pool in load_config(stage).pools]


def of_pool(find_resources: FindResources, stage: str, pool: str, kind: str) -> list[dict[str, Any]]:
    """The properties of each resource of a type in the pool's stack."""
    prefix = f"parley-{stage}-pool-{pool}/"
    return [each["Properties"] for name, each in find_resources(stage, kind).items() if name.startswith(prefix)]


def service(find_resources: FindResources, stage: str, pool: str, name: str) -> dict[str, Any]:
    services = of_pool(find_resources, stage, pool, "ECS::Service")
    return next(each for each in services if each["ServiceName"] == name)


def containers(find_resources: FindResources, stage: str, pool: str) -> dict[str, dict[str, Any]]:
    """Each container of both tasks by its name."""
    tasks = of_pool(find_resources, stage, pool, "ECS::TaskDefinition")
    return {each["Name"]: each for task in tasks for each in task["ContainerDefinitions"]}


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: resolve(each["Value"]) for each in container["Environment"]}
