"""Least privilege: what a role may is what its function does, and no more."""

from collections.abc import Iterator
from typing import Any

from cdk.catalogue import load_catalogue
from cdk.config import load_config
from tests.infra.conftest import FUNCTIONS, FindResources
from tests.infra.intrinsics import resolve

# What AWS does in the name of a function's role, never its code: logs, network interfaces, reading the queue that feeds it, and
# opening the key of a secret that is read.
_PLATFORM = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
    "kms:Decrypt",
}
# Why `*` is a resource: EC2 cannot narrow describing, nor creating what does not exist yet; the function's own code is denied it.
_WITHOUT_RESOURCE = {action for action in _PLATFORM if action.startswith("ec2:")}
# Actions that have none: asking where ECS is, and for a token of ECR's.
_ASKING = {"ecs:DiscoverPollEndpoint", "ecr:GetAuthorizationToken"}

Statement = dict[str, Any]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(find_resources: FindResources, stage: str) -> Iterator[tuple[str, Statement]]:
    """Every statement of every identity's policy, with the id of what holds it."""
    for name, role in find_resources(stage, "IAM::Role").items():
        for policy in role["Properties"].get("Policies", []):
            yield from ((name, each) for each in policy["PolicyDocument"]["Statement"])
    for kind in ("IAM::Policy", "IAM::ManagedPolicy"):
        for name, policy in find_resources(stage, kind).items():
            yield from ((name, each) for each in policy["Properties"]["PolicyDocument"]["Statement"])


def _of_functions(find_resources: FindResources, stage: str) -> list[tuple[str, Statement]]:
    """Those of our own functions' roles."""
    names = tuple(f"parley-{stage}-api/{name.title()}Role" for name in FUNCTIONS)
    return [each for each in _statements(find_resources, stage) if each[0].startswith(names)]


def test_no_role_may_do_everything(find_resources: FindResources, stage: str) -> None:
    actions = {action for _, each in _statements(find_resources, stage) for action in _list(each["Action"])}

    assert not any(action == "*" or action.endswith(":*") for action in actions)


def test_no_function_of_ours_has_an_action_with_a_star(find_resources: FindResources, stage: str) -> None:
    actions = {action for _, each in _of_functions(find_resources, stage) for action in _list(each["Action"])}

    assert actions
    assert not any("*" in action for action in actions)


def test_a_resource_is_named_but_for_network_interfaces(find_resources: FindResources, stage: str) -> None:
    for name, each in _statements(find_resources, stage):
        if "*" in _list(each["Resource"]) and "Condition" not in each:
            assert set(_list(each["Action"])) <= _WITHOUT_RESOURCE | _ASKING, name


def test_what_has_no_resource_is_held_to_one_pool_by_a_condition(find_resources: FindResources, stage: str) -> None:
    held = [
        (set(_list(each["Action"])), {key for keys in each["Condition"].values() for key in keys})
        for _, each in _statements(find_resources, stage)
        if each["Effect"] == "Allow" and "*" in _list(each["Resource"]) and "Condition" in each
    ]

    agents = {"ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"}
    found = {"servicediscovery:NamespaceName", "servicediscovery:ServiceName"}
    assert held
    assert all(each in [(agents, {"ecs:cluster"}), ({"servicediscovery:DiscoverInstances"}, found)] for each in held)


def test_a_worker_reads_its_own_weights_and_nothing_else(find_resources: FindResources, stage: str) -> None:
    for pool, model in load_catalogue(load_config(stage)).models.items():
        statements = [
            each
            for name, each in _statements(find_resources, stage)
            if name.startswith(f"parley-{stage}-pool-{pool}/WorkersTaskTaskRole")
        ]
        reading = {each["Action"]: each for each in statements if str(each["Action"]).startswith("s3:")}
        bucket = "arn:aws:s3:::ModelBucket"

        assert reading.keys() == {"s3:GetObject", "s3:ListBucket"}
        assert [resolve(each) for each in _list(reading["s3:GetObject"]["Resource"])] == [f"{bucket}/{model.path()}/*"]
        assert resolve(reading["s3:ListBucket"]["Resource"]) == bucket
        assert reading["s3:ListBucket"]["Condition"]["StringLike"]["s3:prefix"] == [model.path(), f"{model.path()}/*"]
        others = {action for each in statements for action in _list(each["Action"])} - reading.keys()
        assert others == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_a_registrar_signs_in_as_itself_and_lists_its_own_pool(find_resources: FindResources, stage: str) -> None:
    for pool in load_config(stage).pools:
        granted = {
            each["Action"]: each
            for name, each in _statements(find_resources, stage)
            if name.startswith(f"parley-{stage}-pool-{pool}/RoutersTaskTaskRole")
        }

        assert granted.keys() == {"elasticache:Connect", "servicediscovery:DiscoverInstances"}
        user = resolve(granted["elasticache:Connect"]["Resource"][1])
        assert user.endswith(f":user:parley-{stage}-registrar")
        only = granted["servicediscovery:DiscoverInstances"]["Condition"]["StringEquals"]
        assert only == {
            "servicediscovery:NamespaceName": f"parley-{stage}-pools",
            "servicediscovery:ServiceName": pool,
        }


def test_a_function_s_own_code_may_not_touch_network_interfaces(find_resources: FindResources, stage: str) -> None:
    denied = [each for _, each in _of_functions(find_resources, stage) if each["Effect"] == "Deny"]

    assert len(denied) == len(FUNCTIONS)
    assert all(set(each["Action"]) == _WITHOUT_RESOURCE for each in denied)


def test_a_function_signs_in_as_its_own_user_only(find_resources: FindResources, stage: str) -> None:
    for name, each in _of_functions(find_resources, stage):
        function = next(function for function in FUNCTIONS if f"/{function.title()}Role" in name)
        resources = [resolve(resource) for resource in _list(each["Resource"])]
        if each["Action"] == "rds-db:connect":
            roles = {
                "authorizer": ["parley_auth"],
                "jobs": ["parley_jobs", "parley_app"],
                "migrate": ["parley_owner"],
                "moderation": ["parley_review"],
            }.get(function, ["parley_app"])
            assert sorted(resource.rpartition("/")[2] for resource in resources) == sorted(roles)
        if each["Action"] == "elasticache:Connect":
            kinds = [resource.partition("elasticache:us-east-1:123456789012:")[2] for resource in resources]
            assert kinds == [f"replicationgroup:parley-{stage}", f"user:parley-{stage}-{function}"]


def test_only_who_begins_turns_may_queue_jobs_and_only_in_these_two_queues(
    find_resources: FindResources, stage: str
) -> None:
    senders = {
        name.partition("/")[2].partition("Role")[0]: [resolve(resource) for resource in _list(each["Resource"])]
        for name, each in _of_functions(find_resources, stage)
        if "sqs:SendMessage" in _list(each["Action"])
    }

    assert senders.keys() == {"Chat", "Jobs"}
    for resources in senders.values():
        assert len(resources) == 2
        assert all("Turns" in resource or "Jobs" in resource for resource in resources)


def test_only_who_runs_turns_may_ask_the_moderation_function_and_only_by_its_alias(
    find_resources: FindResources, stage: str
) -> None:
    (alias,) = (name.rpartition("/")[2] for name in find_resources(stage, "Lambda::Alias") if "Moderation" in name)
    askers = [
        (name.partition("/")[2].partition("Role")[0], resolve(each["Resource"]))
        for name, each in _of_functions(find_resources, stage)
        if "lambda:InvokeFunction" in _list(each["Action"])
    ]

    assert sorted(askers) == [("Chat", alias), ("Jobs", alias)]


def test_the_moderation_function_may_do_nothing_but_sign_in_to_the_database(
    find_resources: FindResources, stage: str
) -> None:
    granted = {
        action
        for name, each in _of_functions(find_resources, stage)
        if "/ModerationRole" in name and each["Effect"] == "Allow"
        for action in _list(each["Action"])
    }

    assert granted - _PLATFORM == {"rds-db:connect"}


def test_roles_may_do_what_the_tests_saw_the_code_do_and_no_more(
    find_resources: FindResources, stage: str, used_aws_actions: frozenset[str]
) -> None:
    statements = [each for _, each in _of_functions(find_resources, stage) if each["Effect"] == "Allow"]
    granted = {action for each in statements for action in _list(each["Action"])}

    assert granted - _PLATFORM == used_aws_actions
