"""A pool's instances and what runs on them."""

import json
import re
import subprocess
from typing import Any

import pytest

from cdk.catalogue import load_catalogue
from cdk.config import PoolConfig, load_config
from cdk.constructs.worker_service import drain_timeout_s, min_healthy_percent
from gpu_workers.router.registrar import metrics as registrar
from gpu_workers.vllm.settings import read_settings
from tests.infra.conftest import FindResources
from tests.infra.intrinsics import resolve
from tests.infra.pools import POOLS, containers, environment, of_pool, service

pytestmark = pytest.mark.parametrize(("stage", "pool"), POOLS)


def _template(find_resources: FindResources, stage: str, pool: str) -> dict[str, Any]:
    (template,) = of_pool(find_resources, stage, pool, "EC2::LaunchTemplate")
    return template["LaunchTemplateData"]


def _user_data(find_resources: FindResources, stage: str, pool: str) -> str:
    return resolve(_template(find_resources, stage, pool)["UserData"]["Fn::Base64"])


def test_one_capacity_provider_sizes_one_group_and_drains_before_it_takes(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    (provider,) = of_pool(find_resources, stage, pool, "ECS::CapacityProvider")
    (group,) = of_pool(find_resources, stage, pool, "AutoScaling::AutoScalingGroup")
    (cluster,) = of_pool(find_resources, stage, pool, "ECS::ClusterCapacityProviderAssociations")
    settings = provider["AutoScalingGroupProvider"]

    assert settings["ManagedScaling"] == {"Status": "ENABLED", "TargetCapacity": 100, "InstanceWarmupPeriod": 600}
    assert settings["ManagedDraining"] == settings["ManagedTerminationProtection"] == "ENABLED"
    assert group["NewInstancesProtectedFromScaleIn"] is True
    assert (group["MinSize"], group["MaxSize"]) == ("0", str(load_config(stage).pools[pool].max_instances))
    assert len(cluster["CapacityProviders"]) == 1
    strategy = service(find_resources, stage, pool, "workers")["CapacityProviderStrategy"]
    assert [each["CapacityProvider"] for each in strategy] == cluster["CapacityProviders"]


def test_no_worker_is_asked_for_before_its_cluster_knows_the_instances(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    prefix = f"parley-{stage}-pool-{pool}/"
    (association,) = (
        name.removeprefix(prefix)
        for name in find_resources(stage, "ECS::ClusterCapacityProviderAssociations")
        if name.startswith(prefix)
    )
    (workers,) = (
        each
        for name, each in find_resources(stage, "ECS::Service").items()
        if name.startswith(prefix) and each["Properties"]["ServiceName"] == "workers"
    )

    assert association in workers["DependsOn"]


def test_an_instance_is_of_its_type_and_keeps_its_metadata_and_disks_to_itself(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    template = _template(find_resources, stage, pool)
    (disk,) = (each["Ebs"] for each in template["BlockDeviceMappings"])

    assert template["InstanceType"] == load_config(stage).pools[pool].instance_type
    assert "amazonlinux2023gpu" in resolve(template["ImageId"])
    assert template["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert (disk["Encrypted"], disk["VolumeType"]) == (True, "gp3")
    assert ("InstanceMarketOptions" in template) is load_config(stage).pools[pool].spot


def test_an_instance_may_reach_https_and_nobody_may_reach_it(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    (group,) = _template(find_resources, stage, pool)["SecurityGroupIds"]

    assert "HttpsClients" in resolve(group)


def test_an_instance_has_gpus_drains_on_a_spot_notice_and_keeps_its_role_from_tasks(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    settings = dict(
        re.findall(r"^echo (\w+)=(\S+) >>/etc/ecs/ecs.config$", _user_data(find_resources, stage, pool), re.MULTILINE)
    )

    assert settings["ECS_ENABLE_GPU_SUPPORT"] == "true"
    assert settings["ECS_ENABLE_SPOT_INSTANCE_DRAINING"] == "true"
    assert settings["ECS_AWSVPC_BLOCK_IMDS"] == "true"
    assert settings["ECS_CONTAINER_STOP_TIMEOUT"] == f"{load_config(stage).pools[pool].stop_timeout_s}s"
    assert settings["ECS_CLUSTER"].startswith("Cluster")


def test_an_instance_s_disks_become_one_before_its_agent_starts_and_never_stop_it(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    text = _user_data(find_resources, stage, pool)
    run = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)

    assert (run.returncode, run.stderr) == (0, "")
    assert "mkfs.xfs" in text
    assert text.index("ECS_CLUSTER=") < text.index("sh /run/prepare-disks.sh || ")


def test_a_worker_has_the_gpus_its_model_is_split_over(find_resources: FindResources, stage: str, pool: str) -> None:
    worker = containers(find_resources, stage, pool)["vllm"]

    gpus = load_config(stage).pools[pool].gpus_per_replica
    assert worker["ResourceRequirements"] == [{"Type": "GPU", "Value": str(gpus)}]
    assert worker["LinuxParameters"]["SharedMemorySize"] >= 1024 * gpus


def test_a_worker_s_environment_is_what_its_entrypoint_reads(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    model = load_catalogue(load_config(stage)).models[pool]

    settings = read_settings(environment(containers(find_resources, stage, pool)["vllm"]))

    assert settings.profile.stem == load_config(stage).pools[pool].profile
    assert settings.model_name == model.name
    assert settings.model_uri == f"s3://ModelBucket/models/{model.name}/{model.revision}"
    assert str(settings.weights_dir) == "/mnt/weights"


def test_a_worker_drains_before_ecs_loses_patience(find_resources: FindResources, stage: str, pool: str) -> None:
    worker = containers(find_resources, stage, pool)["vllm"]

    drain_s = read_settings(environment(worker)).drain_timeout_s
    assert worker["StopTimeout"] == load_config(stage).pools[pool].stop_timeout_s
    assert drain_s + 15 <= worker["StopTimeout"]


def test_a_worker_is_healthy_when_its_entrypoint_says_so_and_has_time_to_load(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    check = containers(find_resources, stage, pool)["vllm"]["HealthCheck"]

    assert ":8001/ready" in " ".join(check["Command"])
    assert check["StartPeriod"] + check["Retries"] * check["Interval"] >= 600


def test_a_worker_is_found_by_its_pool_s_name_with_address_and_port(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    (found,) = of_pool(find_resources, stage, pool, "ServiceDiscovery::Service")
    (registry,) = service(find_resources, stage, pool, "workers")["ServiceRegistries"]

    assert found["Name"] == pool
    # An instance of a service with SRV records has its port among its attributes.
    assert [each["Type"] for each in found["DnsConfig"]["DnsRecords"]] == ["SRV"]
    assert (registry["ContainerName"], registry["ContainerPort"]) == ("vllm", 8000)


def test_a_new_version_needs_no_spare_gpus_and_leaves_most_workers_up(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    deployment = service(find_resources, stage, pool, "workers")["DeploymentConfiguration"]
    config = load_config(stage).pools[pool]
    replicas = config.min_instances * config.replicas_per_instance

    assert deployment["MaximumPercent"] == 100
    assert deployment["MinimumHealthyPercent"] == min_healthy_percent(replicas)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_a_pool_without_a_floor_starts_with_no_worker_and_no_deployment_resets_another(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    workers = service(find_resources, stage, pool, "workers")

    if load_config(stage).pools[pool].min_instances:
        assert "DesiredCount" not in workers
    else:
        assert workers["DesiredCount"] == 0


def test_the_agent_beside_a_worker_publishes_its_gauges_for_the_pool(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    agent = containers(find_resources, stage, pool)["agent"]
    scrape = json.loads(environment(agent)["PROMETHEUS_CONFIG_CONTENT"])["scrape_configs"][0]
    prometheus = json.loads(environment(agent)["CW_CONFIG_CONTENT"])["logs"]["metrics_collected"]["prometheus"]
    (declared,) = prometheus["emf_processor"]["metric_declaration"]
    gauges = {registrar.WAITING, registrar.RUNNING, registrar.KV_USE}

    assert re.search(r":1\.\d+\.\w+$", agent["Image"])
    assert agent["Essential"] is False
    # Tasks cannot ask the instance where they are.
    assert (
        environment(agent)["AWS_REGION"] == environment(containers(find_resources, stage, pool)["vllm"])["AWS_REGION"]
    )
    assert scrape["static_configs"] == [{"targets": ["127.0.0.1:8000"], "labels": {"stage": stage, "pool": pool}}]
    assert re.fullmatch(declared["label_matcher"], scrape["job_name"])
    for selectors in (declared["metric_selectors"], [scrape["metric_relabel_configs"][0]["regex"]]):
        # All of them and no other, `num_requests_waiting_by_reason` for one.
        assert all(any(re.fullmatch(each, name) for each in selectors) for name in gauges)
        assert not any(re.fullmatch(each, f"{registrar.WAITING}_by_reason") for each in selectors)
    assert prometheus["emf_processor"]["metric_namespace"] == "Parley/Pools"
    assert declared["dimensions"] == [["stage", "pool"]]
    assert prometheus["prometheus_config_path"] == "env:PROMETHEUS_CONFIG_CONTENT"


def test_a_spot_notice_leaves_less_time_to_drain(stage: str, pool: str) -> None:
    config = load_config(stage).pools[pool]

    on_spot = PoolConfig.model_validate({**config.model_dump(), "spot": True})

    assert drain_timeout_s(on_spot) <= min(90, drain_timeout_s(config))
