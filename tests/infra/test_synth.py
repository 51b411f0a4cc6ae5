"""What the CLI and the checks get: the same bytes each time, without an account, a network or a Node of the machine's own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_cognito as cognito
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks

import cdk.config
from capacity.standing import describe_standing_cost
from cdk.application import CDK_JSON, add_stacks, build_app
from cdk.build import find_build
from cdk.catalogue import load_catalogue
from cdk.config import STAGES, ConfigError, load_config
from gpu_workers.vllm.settings import read_settings
from parley.models.catalogue import load_catalogue as load_models
from tests.infra.conftest import FindAssembly, FindBuild
from tests.infra.intrinsics import resolve

STACKS = ("network", "identity", "data", "model-store", "pools", "pool-fast", "api", "web", "observability")
_PARTNER = """
default = "partner-large"

[pools.partner]
dialect = "openai"
url = "https://api.example.com/v1"
api_key_secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:partner-AbCdEf"

[[models]]
name = "partner-large"
pool = "partner"
context_tokens = 128000
"""


def _run_app(root: Path, outdir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python app.py` with nothing in its environment but where to write."""
    environment = {"CDK_OUTDIR": str(outdir), "HOME": str(Path.home()), "PATH": ""}
    return subprocess.run(
        [sys.executable, "app.py", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def _deployed_files(assembly: Path) -> list[Path]:
    """All but notes for developers, which name the folder that jsii has unpacked itself into, another one each time."""
    files = [file for file in assembly.rglob("*") if file.is_file()]
    return [file for file in files if not file.name.endswith((".metadata.json", "validation-report.json"))]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_synthesises_to_the_same_bytes_and_says_nothing_but_its_cost(
    root: Path, tmp_path: Path, find_assembly: FindAssembly, fake_build: FindBuild, stage: str
) -> None:
    run = _run_app(root, tmp_path, "-c", f"stage={stage}", "-c", f"build={fake_build(stage)}")

    assert (run.returncode, run.stdout, run.stderr) == (0, "", describe_standing_cost(stage))
    first, second = (
        {file.relative_to(each): file.read_bytes() for file in _deployed_files(each)}
        for each in (find_assembly(stage), tmp_path)
    )
    assert {Path(f"parley-{stage}-{stack}.template.json") for stack in STACKS} <= first.keys()
    assert {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)} == set()


@pytest.mark.parametrize("arguments", [(), ("-c", "stage=test")])
def test_a_stage_that_is_missing_or_wrong_is_said_in_one_line(
    root: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    run = _run_app(root, tmp_path, *arguments)

    assert run.returncode == 1
    assert run.stderr.startswith("stage: ")
    assert len(run.stderr.splitlines()) == 1


def test_an_application_needs_a_stage(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        build_app({}, outdir=str(tmp_path))


@pytest.mark.parametrize("stage", STAGES)
def test_cfn_lint_has_nothing_to_say(find_assembly: FindAssembly, stage: str) -> None:
    templates = list(find_assembly(stage).glob("*.template.json"))

    linter = Path(sys.executable).with_name("cfn-lint")
    run = subprocess.run([linter, *templates], capture_output=True, text=True, check=False)

    assert templates
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_a_stage_elsewhere_has_its_front_in_us_east_1_and_the_secret_there_too(
    tmp_path: Path, fake_build: FindBuild
) -> None:
    stages = Path(shutil.copytree(Path(cdk.config.__file__).parent / "stages", tmp_path / "stages"))
    file = stages / "dev.toml"
    file.write_text(file.read_text().replace("us-east-1", "eu-west-1"))
    config = load_config("dev", stages)
    app = App(outdir=str(tmp_path / "out"), context=json.loads(CDK_JSON.read_text())["context"])

    add_stacks(app, config, load_catalogue(config, stages), find_build(config.build, str(fake_build("dev"))))
    assembly = app.synth()

    regions = {each.stack_name: each.environment.region for each in assembly.stacks}
    assert {name for name, region in regions.items() if region != "eu-west-1"} == {"parley-dev-web"}
    assert regions["parley-dev-web"] == "us-east-1"
    data = Template.from_json(assembly.get_stack_by_name("parley-dev-data").template)
    data.has_resource_properties("AWS::SecretsManager::Secret", {"ReplicaRegions": [{"Region": "us-east-1"}]})


@pytest.fixture
def without_pools(tmp_path: Path) -> Path:
    """The stages' files, where `dev` has another's models and no GPU of its own."""
    stages = Path(shutil.copytree(cdk.config.STAGES_FOLDER, tmp_path / "stages"))
    text = (stages / "dev.toml").read_text()
    (stages / "dev.toml").write_text(text[: text.index("[pools.fast]")] + text[text.index("[api]") :])
    (stages / "dev.models.toml").write_text(_PARTNER)
    return stages


def test_a_stage_without_pools_is_served_by_another_s(
    without_pools: Path, tmp_path: Path, fake_build: FindBuild
) -> None:
    config = load_config("dev", without_pools)
    app = App(outdir=str(tmp_path / "out"), context=json.loads(CDK_JSON.read_text())["context"])

    add_stacks(app, config, load_catalogue(config, without_pools), find_build(config.build, str(fake_build("dev"))))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    assembly = app.synth()

    names = {each.stack_name.removeprefix("parley-dev-") for each in assembly.stacks}
    assert names == {"network", "identity", "data", "api", "web", "observability"}
    (partner,) = load_models(without_pools / "dev.models.toml", "dev").pools
    api = Template.from_json(assembly.get_stack_by_name("parley-dev-api").template)
    reading = {"Action": "secretsmanager:GetSecretValue", "Resource": partner.api_key_secret_arn}
    for function in ("Chat", "Jobs"):
        (role,) = (
            each["Properties"]
            for name, each in api.find_resources("AWS::IAM::Role").items()
            if name.startswith(f"{function}Role")
        )
        statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
        assert any(reading.items() <= each.items() for each in statements)


def test_a_pool_may_be_on_spot_and_serve_adapters(tmp_path: Path, fake_build: FindBuild) -> None:
    stages = Path(shutil.copytree(cdk.config.STAGES_FOLDER, tmp_path / "stages"))
    file = stages / "dev.toml"
    file.write_text(file.read_text().replace("stop_timeout_s = 60", "stop_timeout_s = 300\nspot = true"))
    with (stages / "dev.models.toml").open("a") as catalogue:
        catalogue.write(f'[models.adapters]\ntone = {{ source = "example/tone", revision = "{"b" * 40}" }}\n')
    config = load_config("dev", stages)
    app = App(outdir=str(tmp_path / "out"), context=json.loads(CDK_JSON.read_text())["context"])

    add_stacks(app, config, load_catalogue(config, stages), find_build(config.build, str(fake_build("dev"))))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    pool = Template.from_json(app.synth().get_stack_by_name("parley-dev-pool-fast").template)

    market = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}
    pool.has_resource_properties("AWS::EC2::LaunchTemplate", {"LaunchTemplateData": {"InstanceMarketOptions": market}})
    tasks = [each["Properties"] for each in pool.find_resources("AWS::ECS::TaskDefinition").values()]
    (worker,) = (each for task in tasks for each in task["ContainerDefinitions"] if each["Name"] == "vllm")
    settings = read_settings({each["Name"]: resolve(each["Value"]) for each in worker["Environment"]})
    assert settings.drain_timeout_s <= 90
    assert settings.adapters == {"tone": f"s3://ModelBucket/adapters/tone/{'b' * 40}"}
    assert f"/adapters/tone/{'b' * 40}/*" in json.dumps(pool.find_resources("AWS::IAM::Policy"))


@pytest.mark.parametrize("stage", STAGES)
def test_the_api_is_deployed_whether_or_not_its_pools_are(find_assembly: FindAssembly, stage: str) -> None:
    manifest = json.loads((find_assembly(stage) / "manifest.json").read_text())["artifacts"]
    template = (find_assembly(stage) / f"parley-{stage}-api.template.json").read_text()
    pools = {name for name in manifest if name.startswith((f"parley-{stage}-pool", f"parley-{stage}-model-store"))}

    assert {f"parley-{stage}-pool-{name}.assets" for name in load_config(stage).pools} <= pools
    assert not pools & set(manifest[f"parley-{stage}-api"]["dependencies"])
    assert not any(f'"{name}"' in template for name in pools)


def test_what_cdk_nag_finds_stops_the_synthesis(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    cognito.UserPool(Stack(app, "careless"), "Users")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))

    with pytest.raises(RuntimeError, match="alidation"):
        app.synth()
