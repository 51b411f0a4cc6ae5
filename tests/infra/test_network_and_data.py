"""What must hold of the network and of everything that keeps data."""

import re
from typing import Any

import pytest

from tests.infra.conftest import FindResources
from tests.infra.intrinsics import resolve


def _all(find_resources: FindResources, stage: str, kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in find_resources(stage, kind).values()]


def test_the_vpc_has_public_private_and_isolated_subnets_in_three_zones(
    find_resources: FindResources, stage: str
) -> None:
    subnets = _all(find_resources, stage, "EC2::Subnet")

    assert len(subnets) == 9
    assert len({each["AvailabilityZone"] for each in subnets}) == 3
    assert not any(each["MapPublicIpOnLaunch"] for each in subnets)


def test_production_survives_the_loss_of_a_zone_and_calls_aws_in_private(find_resources: FindResources) -> None:
    endpoints = _all(find_resources, "prod", "EC2::VPCEndpoint")
    services = {resolve(each["ServiceName"]).rpartition("us-east-1.")[2] for each in endpoints}

    assert len(_all(find_resources, "prod", "EC2::NatGateway")) == 3
    assert services == {"s3", "secretsmanager", "sqs", "lambda", "logs", "ecr.api", "ecr.dkr"}


def test_nothing_lets_the_world_in(find_resources: FindResources, stage: str) -> None:
    groups = _all(find_resources, stage, "EC2::SecurityGroup")
    rules = [rule for group in groups for rule in group.get("SecurityGroupIngress", [])]
    rules += _all(find_resources, stage, "EC2::SecurityGroupIngress")

    assert rules
    assert not any("CidrIp" in rule or "CidrIpv6" in rule for rule in rules)
    assert not find_resources(stage, "Lambda::Url")
    assert not any(each.get("PubliclyAccessible") for each in _all(find_resources, stage, "RDS::DBInstance"))


def test_only_tls_leaves_the_network(find_resources: FindResources, stage: str) -> None:
    groups = _all(find_resources, stage, "EC2::SecurityGroup")
    rules = [rule for group in groups for rule in group.get("SecurityGroupEgress", [])]
    outside = [rule for rule in rules if rule.get("CidrIp") == "0.0.0.0/0"]

    assert {(rule["FromPort"], rule["ToPort"]) for rule in outside} == {(443, 443)}


def test_what_serves_models_is_reached_hop_by_hop(find_resources: FindResources, stage: str) -> None:
    rules = _all(find_resources, stage, "EC2::SecurityGroupIngress")
    hops = {
        (_group(rule["SourceSecurityGroupId"]), _group(rule["GroupId"]), rule["FromPort"])
        for rule in rules
        if rule["FromPort"] == rule["ToPort"]
    }

    pools = {each for each in hops if each[1] in {"Pools", "Routers", "Workers"}}
    assert pools == {
        ("EngineClients", "Pools", 80),
        ("Pools", "Routers", 8080),
        ("Routers", "Workers", 8000),
        ("Routers", "Workers", 8001),
    }


def _group(reference: Any) -> str:
    """`Pools` of the id of its group in the network stack."""
    return re.split(r"[0-9A-F]{8}", resolve(reference).rpartition("parley")[2])[0].rpartition("-")[2]


def test_postgres_is_encrypted_backed_up_and_has_no_password_of_ours(find_resources: FindResources, stage: str) -> None:
    kind = {"dev": "DBInstance", "prod": "DBCluster"}[stage]
    (database,) = _all(find_resources, stage, f"RDS::{kind}")
    (parameters,) = _all(
        find_resources, stage, "RDS::DBParameterGroup" if stage == "dev" else "RDS::DBClusterParameterGroup"
    )

    assert database["Engine"] == "postgres"
    assert database["EngineVersion"].startswith("18.")
    assert database["StorageEncrypted"] is True
    assert "KmsKeyId" in database
    assert database["MasterUserAuthenticationType"] == "iam-db-auth"
    assert not {"MasterUserPassword", "ManageMasterUserPassword"} & database.keys()
    assert database["EnableIAMDatabaseAuthentication"] is True
    assert database["BackupRetentionPeriod"] >= (7 if stage == "prod" else 1)
    assert parameters["Parameters"]["rds.force_ssl"] == "1"


def test_in_production_a_writer_has_two_standbys_that_can_be_read(find_resources: FindResources) -> None:
    (cluster,) = _all(find_resources, "prod", "RDS::DBCluster")
    (reader,) = _all(find_resources, "prod", "RDS::DBProxyEndpoint")

    # RDS makes three instances of a cluster that has a class of its own: a Multi-AZ DB cluster.
    assert cluster["DBClusterInstanceClass"]
    assert cluster["DeletionProtection"] is True
    assert reader["TargetRole"] == "READ_ONLY"


def test_the_proxy_takes_tls_and_tokens_only(find_resources: FindResources, stage: str) -> None:
    (proxy,) = _all(find_resources, stage, "RDS::DBProxy")
    (target,) = _all(find_resources, stage, "RDS::DBProxyTargetGroup")

    assert proxy["RequireTLS"] is True
    assert proxy["DefaultAuthScheme"] == "IAM_AUTH"
    assert "Auth" not in proxy
    assert len(target.get("DBClusterIdentifiers", []) + target.get("DBInstanceIdentifiers", [])) == 1


def test_valkey_is_a_cluster_with_tls_encryption_and_users(find_resources: FindResources, stage: str) -> None:
    (group,) = _all(find_resources, stage, "ElastiCache::ReplicationGroup")
    users = _all(find_resources, stage, "ElastiCache::User")

    assert (group["Engine"], group["ClusterMode"]) == ("valkey", "enabled")
    assert (group["TransitEncryptionEnabled"], group["TransitEncryptionMode"]) == (True, "required")
    assert group["AtRestEncryptionEnabled"] is True
    assert group["UserGroupIds"]
    assert {each["UserId"] for each in users} == {f"parley-{stage}-{name}" for name in ("chat", "jobs", "registrar")}
    assert all(each["AuthenticationMode"] == {"Type": "iam"} and each["UserId"] == each["UserName"] for each in users)
    assert not any("+@all" in each["AccessString"] for each in users)


def test_production_s_valkey_survives_the_loss_of_a_node(find_resources: FindResources) -> None:
    (group,) = _all(find_resources, "prod", "ElastiCache::ReplicationGroup")

    assert group["NumNodeGroups"] == 3
    assert group["ReplicasPerNodeGroup"] >= 1
    assert group["MultiAZEnabled"] is True
    assert group["SnapshotRetentionLimit"] >= 1


def test_buckets_are_private_versioned_and_encrypted(find_resources: FindResources, stage: str) -> None:
    buckets = _all(find_resources, stage, "S3::Bucket")

    assert buckets
    for bucket in buckets:
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert "BucketEncryption" in bucket


def test_a_bucket_lets_only_cloudfront_and_its_logs_in(find_resources: FindResources, stage: str) -> None:
    policies = _all(find_resources, stage, "S3::BucketPolicy")
    allowed = [
        each for policy in policies for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"
    ]

    assert allowed
    services = {"cloudfront.amazonaws.com", "logging.s3.amazonaws.com"}
    assert {each["Principal"].get("Service") for each in allowed} == services


def test_a_queue_is_encrypted_and_ends_in_dead_letters(find_resources: FindResources, stage: str) -> None:
    queues = _all(find_resources, stage, "SQS::Queue")

    assert len(queues) == 3
    assert all(each["SqsManagedSseEnabled"] for each in queues)
    assert [each["RedrivePolicy"]["maxReceiveCount"] for each in queues if "RedrivePolicy" in each] == [3, 3]


def test_keys_are_rotated(find_resources: FindResources, stage: str) -> None:
    keys = _all(find_resources, stage, "KMS::Key")

    assert keys
    assert all(each["EnableKeyRotation"] for each in keys)


@pytest.mark.parametrize(
    "kind", ["RDS::DBCluster", "ElastiCache::ReplicationGroup", "KMS::Key", "S3::Bucket", "Cognito::UserPool"]
)
def test_production_keeps_its_data_whatever_happens_to_a_stack(find_resources: FindResources, kind: str) -> None:
    kept = {name: each for name, each in find_resources("prod", kind).items() if "observability" not in name}

    assert kept
    assert {(each["DeletionPolicy"], each["UpdateReplacePolicy"]) for each in kept.values()} == {("Retain", "Retain")}


def test_every_resource_that_takes_tags_has_the_project_s(find_resources: FindResources, stage: str) -> None:
    for kind in ("EC2::VPC", "Lambda::Function", "SQS::Queue", "S3::Bucket", "KMS::Key"):
        for each in _all(find_resources, stage, kind):
            tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            assert (tags["project"], tags["stage"]) == ("parley", stage)
