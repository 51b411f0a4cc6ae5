"""The model store: who may do what with weights, and that CodeBuild can run the job that brings them in."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from aws_cdk import App, Environment, Validations
from cdk_nag import AwsSolutionsChecks

from cdk.application import CDK_JSON
from cdk.config import load_config
from cdk.stacks.model_store import ModelStoreStack
from tests.infra.intrinsics import resolve

Find = Callable[[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def assemble(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder with the stack of a stage; what cdk-nag finds in it would raise here."""

    @cache
    def make(stage: str) -> Path:
        outdir, config = tmp_path_factory.mktemp(stage), load_config(stage)
        app = App(outdir=str(outdir), context=json.loads(CDK_JSON.read_text())["context"], analytics_reporting=False)
        ModelStoreStack(app, "store", config, Environment(account=config.account, region=config.region))
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        app.synth()
        return outdir

    return make


@pytest.fixture(scope="module")
def find(assemble: Callable[[str], Path]) -> Find:
    """All resources of a type in the stack of a stage."""

    def find(stage: str, kind: str) -> list[dict[str, Any]]:
        template = json.loads((assemble(stage) / "store.template.json").read_text())
        return [each for each in template["Resources"].values() if each["Type"] == f"AWS::{kind}"]

    return find


def test_cfn_lint_has_nothing_to_say_of_it(assemble: Callable[[str], Path], stage: str) -> None:
    linter = Path(sys.executable).with_name("cfn-lint")

    run = subprocess.run([linter, assemble(stage) / "store.template.json"], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_both_buckets_are_private_encrypted_and_keep_what_was_deleted_for_a_week(find: Find, stage: str) -> None:
    buckets = [each["Properties"] for each in find(stage, "S3::Bucket")]

    assert len(buckets) == 2
    for bucket in buckets:
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        (rule,) = bucket["LifecycleConfiguration"]["Rules"]
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}


def test_weights_never_expire_and_who_reads_them_is_logged(find: Find, stage: str) -> None:
    (models,) = (each for each in find(stage, "S3::Bucket") if "LoggingConfiguration" in each["Properties"])
    (rule,) = models["Properties"]["LifecycleConfiguration"]["Rules"]

    assert "ExpirationInDays" not in rule
    assert models["Properties"]["LoggingConfiguration"]["LogFilePrefix"] == "models/"


def test_nothing_is_read_without_tls(find: Find, stage: str) -> None:
    policies = [each["Properties"]["PolicyDocument"]["Statement"] for each in find(stage, "S3::BucketPolicy")]

    assert len(policies) == 2
    for statements in policies:
        (denied,) = (each for each in statements if each["Effect"] == "Deny")
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert (denied["Action"], denied["Principal"]) == ("s3:*", {"AWS": "*"})


@pytest.mark.parametrize(("stage", "policy"), [("dev", "Delete"), ("prod", "Retain")])
def test_weights_outlive_the_stack_in_production(find: Find, stage: str, policy: str) -> None:
    assert {each["DeletionPolicy"] for each in find(stage, "S3::Bucket")} == {policy}


def test_the_job_writes_below_its_two_folders_and_deletes_nothing(find: Find, stage: str) -> None:
    (policy,) = find(stage, "IAM::Policy")
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    where = {action: _as_list(each["Resource"]) for each in statements for action in _as_list(each["Action"])}

    # The last three are CDK's grant to read the job's source, which is one object of the bucket of assets.
    writing = {"s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"}
    reading = {"s3:ListBucket", "s3:GetBucket*", "s3:GetObject*", "s3:List*"}
    logging = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
    assert where.keys() == writing | reading | logging | {"secretsmanager:GetSecretValue"}
    for action in writing:
        assert {resolve(each).rpartition(".Arn")[2] for each in where[action]} == {"/models/*", "/adapters/*"}
    (secret,) = where["secretsmanager:GetSecretValue"]
    assert resolve(secret) == f"arn:aws:secretsmanager:us-east-1:123456789012:secret:parley-{stage}/hugging-face-token*"


def test_the_job_has_a_name_that_the_command_knows_and_no_rights_over_its_machine(find: Find, stage: str) -> None:
    (project,) = (each["Properties"] for each in find(stage, "CodeBuild::Project"))

    assert project["Name"] == f"parley-{stage}-push-model"
    assert project["Environment"]["PrivilegedMode"] is False
    assert "VpcConfig" not in project
    names = {each["Name"]: each["Type"] for each in project["Environment"]["EnvironmentVariables"]}
    assert names == dict.fromkeys(("BUCKET", "TOKEN_SECRET", "JOB"), "PLAINTEXT")


@pytest.mark.parametrize(
    ("asked", "arguments"),
    [
        ({}, ["--revision", "main"]),
        ({"REVISION": "v1"}, ["--revision", "v1"]),
        ({"ACCEPT_LICENCE": "a b"}, ["--revision", "main", "--accept-licence", "a b"]),
        ({"QUANTISE": "fp8"}, ["--revision", "main", "--quantise", "fp8", "--quantiser", "{job}/quantiser/bin/python"]),
    ],
)
def test_codebuild_finds_the_job_in_its_source_and_hands_on_what_was_asked(
    assemble: Callable[[str], Path], tmp_path: Path, asked: dict[str, str], arguments: list[str]
) -> None:
    (source,) = (each for each in assemble("dev").glob("asset.*") if (each / "buildspec.yml").exists())
    spec = yaml.safe_load((source / "buildspec.yml").read_text())
    job = tmp_path / "job"
    say = "import gpu_workers.weights.errors, json, sys; print(json.dumps(sys.argv[1:]))"
    shim = tmp_path / "bin" / "python"
    shim.parent.mkdir()
    shim.write_text(f"""#!/bin/sh\nexec '{sys.executable}' -c '{say}' "$@"\n""")
    shim.chmod(0o755)
    given = {"BUCKET": "b", "FOLDER": "models/m", "SOURCE": "org/m", "TOKEN_SECRET": "t", "JOB": str(job)}
    environ = {"PATH": f"{shim.parent}:/usr/bin:/bin", "CODEBUILD_SRC_DIR": str(source), **given, **asked}

    commands = "\n".join(["set -e", *spec["phases"]["build"]["commands"]])
    run = subprocess.run(["sh", "-c", commands], env=environ, cwd=source, capture_output=True, text=True, check=True)

    begin = [
        "-m",
        "gpu_workers.weights",
        "org/m",
        "--bucket",
        "b",
        "--folder",
        "models/m",
        "--scratch",
        f"{job}/scratch",
    ]
    asked_for = [each.format(job=job) for each in arguments]
    assert json.loads(run.stdout) == [*begin, *asked_for, "--token-secret", "t"]
    assert not list(source.rglob("__pycache__"))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
