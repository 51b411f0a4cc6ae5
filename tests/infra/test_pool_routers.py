"""The door of a pool: who may come in, which routes are behind it, and what the registrar is told."""

import fnmatch
import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from cdk.config import load_config
from gpu_workers.router.registrar.settings import Settings
from parley.models.catalogue import own_pool_url
from tests.infra.conftest import FindResources
from tests.infra.intrinsics import resolve
from tests.infra.pools import POOLS, containers, environment, of_pool, service

# Of vllm-router 0.1.17 and of vLLM 0.32, to which it passes on what it does not know: what changes them, or tells of others.
_ADMIN = (
    "/add_worker",
    "/remove_worker",
    "/list_workers",
    "/workers",
    "/workers/http%3A%2F%2F10.0.0.1%3A8000",
    "/flush_cache",
    "/get_loads",
    "/get_server_info",
    "/get_model_info",
    "/metrics",
    "/health_generate",
    "/liveness",
    "/readiness",
    "/pd_capabilities",
    "/start_profile",
    "/stop_profile",
    "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter",
    "/v1/../add_worker",
    "/",
)
pytestmark = pytest.mark.parametrize(("stage", "pool"), POOLS)


def _passes(find_resources: FindResources, stage: str, pool: str, method: str, path: str) -> bool:
    for rule in of_pool(find_resources, stage, pool, "ElasticLoadBalancingV2::ListenerRule"):
        conditions = {each["Field"]: each for each in rule["Conditions"]}
        assert conditions.keys() == {"http-request-method", "path-pattern"}
        patterns = conditions["path-pattern"]["PathPatternConfig"]["Values"]
        if method in conditions["http-request-method"]["HttpRequestMethodConfig"]["Values"] and any(
            fnmatch.fnmatchcase(path, pattern) for pattern in patterns
        ):
            return True
    return False


def _attributes(resource: dict[str, Any], name: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in resource[name]}


def test_the_balancer_is_internal_and_waits_longer_than_any_stream_is_silent(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    (balancer,) = of_pool(find_resources, stage, pool, "ElasticLoadBalancingV2::LoadBalancer")
    attributes = _attributes(balancer, "LoadBalancerAttributes")

    assert balancer["Scheme"] == "internal"
    assert attributes["idle_timeout.timeout_seconds"] == "4000"
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_it_and_the_routers_are_in_the_groups_that_let_functions_in_and_routers_out(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    (balancer,) = of_pool(find_resources, stage, pool, "ElasticLoadBalancingV2::LoadBalancer")
    routers, workers = (
        service(find_resources, stage, pool, name)["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]
        for name in ("routers", "workers")
    )

    assert [_group(each) for each in balancer["SecurityGroups"]] == ["Pools"]
    assert [_group(each) for each in routers] == ["Routers", "CacheClients", "HttpsClients"]
    assert [_group(each) for each in workers] == ["Workers", "HttpsClients"]
    # Rules are the network stack's alone (test_network_and_data.py).
    assert not of_pool(find_resources, stage, pool, "EC2::SecurityGroupIngress")
    assert not of_pool(find_resources, stage, pool, "EC2::SecurityGroup")


def _group(reference: Any) -> str:
    name = resolve(reference)
    return next(each for each in ("Pools", "Routers", "Workers", "CacheClients", "HttpsClients") if each in name)


def test_what_the_functions_ask_for_passes_and_nobody_s_admin_routes_do(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    used = [("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("POST", "/tokenize"), ("GET", "/health")]

    assert [each for each in used if not _passes(find_resources, stage, pool, *each)] == []
    admin = [(method, path) for path in _ADMIN for method in ("GET", "POST", "PUT", "DELETE")]
    assert [each for each in admin if _passes(find_resources, stage, pool, *each)] == []


def test_all_else_is_a_404_as_the_api_s_own_are(find_resources: FindResources, stage: str, pool: str) -> None:
    (listener,) = of_pool(find_resources, stage, pool, "ElasticLoadBalancingV2::Listener")
    (otherwise,) = listener["DefaultActions"]

    assert (otherwise["Type"], otherwise["FixedResponseConfig"]["StatusCode"]) == ("fixed-response", "404")
    assert json.loads(otherwise["FixedResponseConfig"]["MessageBody"])["error"]["code"] == "not_found"
    assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")


def test_the_functions_find_the_balancer_under_the_name_in_the_catalogue_s_url(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    (record,) = of_pool(find_resources, stage, pool, "Route53::RecordSet")
    (zone,) = (each["Properties"] for each in find_resources(stage, "Route53::HostedZone").values())

    name = resolve(record["Name"]).rstrip(".")
    assert own_pool_url(pool, stage) == f"http://{name}/v1"  # pyright: ignore[reportArgumentType]
    assert name.endswith(resolve(zone["Name"]).rstrip("."))
    assert "Balancer" in resolve(record["AliasTarget"]["DNSName"])
    assert zone["VPCs"]


def test_two_routers_stay_up_while_they_are_replaced_and_end_their_streams_first(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    routers = service(find_resources, stage, pool, "routers")
    (targets,) = of_pool(find_resources, stage, pool, "ElasticLoadBalancingV2::TargetGroup")
    config = load_config(stage)

    assert (routers["DesiredCount"], routers["LaunchType"]) == (2, "FARGATE")
    assert routers["DeploymentConfiguration"]["MinimumHealthyPercent"] == 100
    delay_s = _attributes(targets, "TargetGroupAttributes")["deregistration_delay.timeout_seconds"]
    assert config.api.turn_deadline_s < int(delay_s) <= 3600
    # A pool without workers is no reason to restart its routers.
    assert targets["HealthCheckPath"] == "/liveness"


def test_router_and_registrar_are_one_image_and_live_and_die_together(
    find_resources: FindResources, stage: str, pool: str, root: Path
) -> None:
    both = containers(find_resources, stage, pool)
    router, registrar = both["router"], both["registrar"]
    run = (root / "gpu_workers/router/run.sh").read_text()

    assert router["Image"] == registrar["Image"]
    assert router["Essential"] is registrar["Essential"] is True
    for container, name in ((router, "router"), (registrar, "registrar")):
        assert container["Command"] == [name]
        assert container["HealthCheck"]["Command"][2] == f"{name}-health"
        assert f"\n{name})" in run
        assert f"\n{name}-health)" in run
    assert (
        f'ENTRYPOINT ["{router["HealthCheck"]["Command"][1]}"]' in (root / "gpu_workers/router/Dockerfile").read_text()
    )


def test_the_registrar_s_environment_is_what_its_settings_read(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    variables = environment(containers(find_resources, stage, pool)["registrar"])

    with patch.dict(os.environ, variables, clear=True):
        settings = Settings()  # pyright: ignore[reportCallIssue]

    assert (settings.stage, settings.pool, settings.cloud_map_service) == (stage, pool, pool)
    assert settings.cloud_map_namespace == f"parley-{stage}-pools"
    assert settings.valkey_url.get_secret_value().startswith("rediss://")
    assert (settings.valkey_iam_user, settings.valkey_cluster_name) == (f"parley-{stage}-registrar", f"parley-{stage}")
    assert settings.router_url == "http://127.0.0.1:8080"
    assert {key for key in variables if key.lower() not in Settings.model_fields} == set()
