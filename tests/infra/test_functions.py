"""How each function runs: on which version, for how long, with which settings."""

import os
from typing import Any
from unittest.mock import patch

import pytest

from cdk.config import load_config
from parley.settings import (
    AccountsSettings,
    AuthorizerSettings,
    ChatSettings,
    HistorySettings,
    JobsSettings,
    MigrateSettings,
    ModerationSettings,
    Settings,
)
from tests.infra.conftest import FUNCTIONS, FindAssembly, FindResources
from tests.infra.intrinsics import resolve

SETTINGS: dict[str, type[Settings]] = {
    "accounts": AccountsSettings,
    "authorizer": AuthorizerSettings,
    "chat": ChatSettings,
    "history": HistorySettings,
    "jobs": JobsSettings,
    "migrate": MigrateSettings,
    "moderation": ModerationSettings,
}
# What Lambda puts there itself.
_LAMBDA = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_SESSION_TOKEN": "example",
}
_ADAPTER = {
    "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
    "AWS_LWA_INVOKE_MODE": "response_stream",
    "AWS_LWA_PORT": "8000",
    "AWS_LWA_READINESS_CHECK_PATH": "/healthz",
}

# Read by the C library before Python starts.
_C_LIBRARY = {"MALLOC_ARENA_MAX"}


def _function(find_resources: FindResources, stage: str, name: str) -> dict[str, Any]:
    functions = find_resources(stage, "Lambda::Function").values()
    return next(
        each["Properties"] for each in functions if each["Properties"].get("FunctionName") == f"parley-{stage}-{name}"
    )


def _environment(find_resources: FindResources, stage: str, name: str) -> dict[str, str]:
    variables = _function(find_resources, stage, name)["Environment"]["Variables"]
    return {key: resolve(value) for key, value in variables.items()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_environment_is_what_the_code_s_settings_read(find_resources: FindResources, stage: str, name: str) -> None:
    environment = _environment(find_resources, stage, name)

    with patch.dict(os.environ, environment | _LAMBDA, clear=True):
        settings = SETTINGS[name].from_env()

    assert settings.stage == stage
    unknown = {key for key in environment if key.lower() not in SETTINGS[name].model_fields}
    assert unknown - _ADAPTER.keys() - _C_LIBRARY == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_secret_is_in_an_environment(find_resources: FindResources, stage: str, name: str) -> None:
    environment = _environment(find_resources, stage, name)

    assert not any("{{resolve:" in value for value in environment.values())
    assert not any("PASSWORD" in key or ("SECRET" in key and not key.endswith("_ARN")) for key in environment)


@pytest.mark.parametrize("name", ["accounts", "authorizer", "chat", "history", "jobs", "moderation"])
def test_a_function_signs_in_to_the_database_by_token_and_checks_who_answers(
    find_resources: FindResources, stage: str, name: str
) -> None:
    environment = _environment(find_resources, stage, name)

    roles = {"authorizer": "parley_auth", "jobs": "parley_jobs", "moderation": "parley_review"}
    role = roles.get(name, "parley_app")
    assert environment["DATABASE_URL"].startswith(f"postgresql://{role}@")
    assert "sslmode=verify-full" in environment["DATABASE_URL"]
    assert environment["DATABASE_IAM_AUTH"] == "true"


def test_lists_are_read_from_the_standbys_where_there_are_any(find_resources: FindResources) -> None:
    assert "DATABASE_READER_URL" in _environment(find_resources, "prod", "history")
    assert "DATABASE_READER_URL" not in _environment(find_resources, "dev", "history")


def test_valkey_is_spoken_to_over_tls_by_a_user_of_its_own(find_resources: FindResources, stage: str) -> None:
    for name in ("chat", "jobs"):
        environment = _environment(find_resources, stage, name)
        assert environment["VALKEY_URL"].startswith("rediss://")
        assert environment["VALKEY_IAM_USER"] == f"parley-{stage}-{name}"


def test_chat_runs_under_the_web_adapter_and_outlives_its_turns(find_resources: FindResources, stage: str) -> None:
    chat = _function(find_resources, stage, "chat")
    variables = chat["Environment"]["Variables"]

    assert chat["Handler"] == "run.sh"
    assert {key: variables[key] for key in _ADAPTER} == _ADAPTER
    assert any(":753240598075:layer:LambdaAdapterLayer" in resolve(layer) for layer in chat["Layers"])
    assert float(variables["TURN_DEADLINE_S"]) + 10 <= chat["Timeout"] <= 900


@pytest.mark.parametrize("name", ["accounts", "history", "moderation"])
def test_a_buffered_function_ends_before_the_gateway_hangs_up(
    find_resources: FindResources, stage: str, name: str
) -> None:
    assert _function(find_resources, stage, name)["Timeout"] < 29


def test_every_function_has_an_alias_on_a_version_that_stays(find_resources: FindResources, stage: str) -> None:
    versions = find_resources(stage, "Lambda::Version")
    aliases = [each["Properties"] for each in find_resources(stage, "Lambda::Alias").values()]

    assert len(aliases) == len(versions) == len(FUNCTIONS)
    assert all(each["FunctionVersion"]["Fn::GetAtt"][1] == "Version" for each in aliases)
    assert all(each["DeletionPolicy"] == "Retain" for each in versions.values())


def test_nothing_mixes_snap_start_with_provisioned_concurrency(find_resources: FindResources, stage: str) -> None:
    functions = find_resources(stage, "Lambda::Function").values()

    assert not any("SnapStart" in each["Properties"] for each in functions)


def test_migrations_run_before_new_code_takes_traffic_and_after_it_has(find_template: Any, stage: str) -> None:
    resources = find_template(stage, "api").to_json()["Resources"]
    runs = {name: each for name, each in resources.items() if each["Type"] == "Custom::ParleyMigrations"}
    by_phase = {each["Properties"]["Phases"][0]: (name, each) for name, each in runs.items()}
    aliases = {
        name: each for name, each in resources.items() if each["Type"] == "AWS::Lambda::Alias" and "Migrate" not in name
    }

    assert len(aliases) == len(FUNCTIONS) - 1
    assert all(by_phase["pre"][0] in each["DependsOn"] for each in aliases.values())
    assert aliases.keys() <= set(by_phase["post"][1]["DependsOn"])
    assert all(len(each["Properties"]["Migrations"]) == 64 for each in runs.values())


def test_the_jobs_function_acts_for_users_as_the_functions_do_that_they_call(
    find_resources: FindResources, stage: str
) -> None:
    url = _environment(find_resources, stage, "jobs")["APP_DATABASE_URL"]

    assert url == _environment(find_resources, stage, "chat")["DATABASE_URL"]


def test_chat_and_jobs_run_the_same_turns(find_resources: FindResources, stage: str) -> None:
    names = (
        *("MODELS_FILE", "MODERATION_FILE", "MODERATION_FUNCTION"),
        *("TURN_DEADLINE_S", "TURNS_QUEUE_URL", "JOBS_QUEUE_URL"),
    )
    chat, jobs = (_environment(find_resources, stage, name) for name in ("chat", "jobs"))

    assert [jobs[name] for name in names] == [chat[name] for name in names]
    assert jobs["TURNS_QUEUE_URL"] != jobs["JOBS_QUEUE_URL"]
    assert float(jobs["TURN_DEADLINE_S"]) + 10 <= _function(find_resources, stage, "jobs")["Timeout"] <= 900


def test_whoever_runs_turns_has_catalogue_and_policy_and_nothing_else_of_the_stage(
    find_resources: FindResources, find_assembly: FindAssembly, stage: str
) -> None:
    (layer,) = (
        each["Properties"] for name, each in find_resources(stage, "Lambda::LayerVersion").items() if "Models" in name
    )
    digest = layer["Content"]["S3Key"].removesuffix(".zip")
    files = [each.name for each in (find_assembly(stage) / f"asset.{digest}").iterdir()]

    assert sorted(files) == [f"{stage}.models.toml", f"{stage}.moderation.toml"]
    for name in ("chat", "jobs", "moderation"):
        assert any("ModelsLayer" in resolve(each) for each in _function(find_resources, stage, name)["Layers"])
        environment = _environment(find_resources, stage, name)
        assert environment["MODERATION_FILE"] == f"/opt/{stage}.moderation.toml"
        assert environment.get("MODELS_FILE") == (None if name == "moderation" else f"/opt/{stage}.models.toml")


def test_the_classifier_is_the_moderation_function_s_alone(
    find_resources: FindResources, find_assembly: FindAssembly, stage: str
) -> None:
    (name, layer), *more = (
        (name.rpartition("/")[2], each["Properties"])
        for name, each in find_resources(stage, "Lambda::LayerVersion").items()
        if "MlLayer" in name
    )
    asset = find_assembly(stage) / f"asset.{layer['Content']['S3Key'].removesuffix('.zip')}"
    functions = find_resources(stage, "Lambda::Function").values()
    having = [each["Properties"] for each in functions if {"Ref": name} in each["Properties"].get("Layers", [])]

    assert more == []
    assert (asset / "classifier/classifier.toml").is_file()
    assert [each["FunctionName"] for each in having] == [f"parley-{stage}-moderation"]
    folders = {each: _environment(find_resources, stage, each).get("CLASSIFIER_FOLDER") for each in FUNCTIONS}
    assert {each: folder for each, folder in folders.items() if folder} == {"moderation": "/opt/classifier"}


def test_the_moderation_function_has_a_whole_core_and_reaches_nothing_but_the_database(
    find_resources: FindResources, stage: str
) -> None:
    moderation = _function(find_resources, stage, "moderation")
    (group,) = moderation["VpcConfig"]["SecurityGroupIds"]

    assert moderation["MemorySize"] == 1769
    assert "DatabaseClients" in resolve(group)


def test_whoever_runs_turns_asks_the_alias_of_the_moderation_function(
    find_resources: FindResources, stage: str
) -> None:
    (alias,) = (name.rpartition("/")[2] for name in find_resources(stage, "Lambda::Alias") if "Moderation" in name)

    asked = {name: _environment(find_resources, stage, name).get("MODERATION_FUNCTION") for name in FUNCTIONS}
    assert {name: function for name, function in asked.items() if function} == {"chat": alias, "jobs": alias}


def test_what_is_kept_warm_is_what_the_stage_says(find_resources: FindResources, stage: str) -> None:
    warm = {
        name.rpartition("/")[2]: each["Properties"]["ProvisionedConcurrencyConfig"]["ProvisionedConcurrentExecutions"]
        for name, each in find_resources(stage, "Lambda::Alias").items()
        if "ProvisionedConcurrencyConfig" in each["Properties"]
    }

    wanted = load_config(stage).api.moderation_provisioned
    assert [(name[:10], count) for name, count in warm.items()] == ([("Moderation", wanted)] if wanted else [])
    assert {"dev": 0, "prod": 2}[stage] == wanted


def test_only_who_runs_turns_reaches_the_pools(find_resources: FindResources, stage: str) -> None:
    reaching = {
        name
        for name in FUNCTIONS
        for group in _function(find_resources, stage, name)["VpcConfig"]["SecurityGroupIds"]
        if "EngineClients" in resolve(group)
    }

    assert reaching == {"chat", "jobs"}


def test_whoever_calls_aws_or_the_engine_has_a_way_out(find_resources: FindResources, stage: str) -> None:
    for name in ("authorizer", "chat", "jobs"):
        groups = _function(find_resources, stage, name)["VpcConfig"]["SecurityGroupIds"]
        assert any("HttpsClients" in resolve(group) for group in groups), name


def test_the_sweep_is_asked_for_every_minute_through_the_queue(find_resources: FindResources, stage: str) -> None:
    (schedule,) = (each["Properties"] for each in find_resources(stage, "Scheduler::Schedule").values())

    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Target"]["Input"] == '{"job": "sweep"}'
    assert "Jobs" in resolve(schedule["Target"]["Arn"])
    assert "DeadLetterConfig" in schedule["Target"]


def test_background_turns_come_one_by_one_and_out_of_a_queue_of_their_own(
    find_resources: FindResources, stage: str
) -> None:
    mappings = [each["Properties"] for each in find_resources(stage, "Lambda::EventSourceMapping").values()]
    by_queue = {"Turns" if "Turns" in resolve(each["EventSourceArn"]) else "Jobs": each for each in mappings}

    assert {name: each["BatchSize"] for name, each in by_queue.items()} == {"Turns": 1, "Jobs": 10}
    assert all(each["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for each in mappings)
    assert all(2 <= each["ScalingConfig"]["MaximumConcurrency"] <= 1000 for each in mappings)


def test_a_job_that_runs_is_not_begun_again(find_resources: FindResources, stage: str) -> None:
    timeout_s = _function(find_resources, stage, "jobs")["Timeout"]
    queues = [each["Properties"] for each in find_resources(stage, "SQS::Queue").values()]

    assert [each["VisibilityTimeout"] > timeout_s for each in queues if "RedrivePolicy" in each] == [True, True]
