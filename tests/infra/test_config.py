"""A stage's file is checked before anything is synthesised, and what is wrong is said by its key."""

import shutil
from pathlib import Path

import pytest

import cdk.config
from cdk.config import STAGES, ConfigError, load_config

STAGE_FILES = Path(cdk.config.__file__).parent / "stages"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the stages' files that a test may spoil."""
    return Path(shutil.copytree(STAGE_FILES, tmp_path / "stages"))


def _spoil(folder: Path, stage: str, old: str, new: str) -> str:
    """What is said of the stage's file when `old` reads `new`."""
    file = folder / f"{stage}.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as error:
        load_config(stage, folder)
    return str(error.value)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_file_that_holds(stage: str) -> None:
    config = load_config(stage)

    assert config.stage == stage


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('region = "us-east-1"', 'region = "Virginia"', "region"),
        ('region = "us-east-1"', "", "region"),
        ('region = "us-east-1"', 'region = "us-east-1"\naccount = "12"', "account"),
        ('region = "us-east-1"', 'region = "us-east-1"\nacount = "123456789012"', "acount"),
        ("retain_data = true", 'retain_data = "yes"', "retain_data"),
        ("retain_data = true", "retain_data = false", "retain_data"),
        ('"parley-prod"', '"Parley"', "identity.domain_prefix"),
        ('"parley-prod"', '"aws-parley"', "identity.domain_prefix"),
        ('["https://chat.example.com"]', "[]", "identity.page_origins"),
        ('["https://chat.example.com"]', '["http://chat.example.com"]', "identity.page_origins.0"),
        ('["https://chat.example.com"]', '["https://chat.example.com/"]', "identity.page_origins.0"),
        ('["https://chat.example.com"]', '["https://a.example.com", "javascript:alert(1)"]', "identity.page_origins.1"),
        ('python = "3.14"', 'python = "3.9"', "build.python"),
        ('python = "3.14"', 'python = "3.14"\nclassifier = "a; rm -r b"', "build.classifier"),
        ("us-east-1c", "eu-west-1c", "network.availability_zones"),
        ("nat_gateways = 3", "nat_gateways = 1", "network.nat_gateways"),
        ("multi_az_cluster = true", 'multi_az_cluster = "yes"', "database.multi_az_cluster"),
        ("iops = 12000", "", "iops"),
        ("replicas_per_shard = 1", "replicas_per_shard = 0", "cache.replicas_per_shard"),
        ("[pools.fast]", '[engine]\nurl = "https://engine.example.com/v1"\n\n[pools.fast]', "engine"),
        ("gpus_per_replica = 2", "gpus_per_replica = 3", "pools.quality"),
        ("max_instances = 1\n", "max_instances = 1\nmin_instances = 2\n", "prod.toml"),
        ('profile = "fast"', 'profile = "fast"\nstop_timeout_s = 10', "pools.fast.stop_timeout_s"),
        ("0 7 ? * MON-FRI *", "0 7 * * *", "pools.fast.schedule.0.cron"),
        ("log_days = 90", "log_days = 90\nturn_deadline_s = 890", "api.turn_deadline_s"),
        ("log_days = 90", "log_days = 91", "api.log_days"),
        ("moderation_provisioned = 2", "moderation_provisioned = -1", "api.moderation_provisioned"),
        ("acm:us-east-1", "acm:eu-west-1", "web.certificate_arn"),
        ('domain = "chat.example.com"', "", "certificate_arn"),
        ('domain = "chat.example.com"', 'domain = "talk.example.com"', "identity.page_origins"),
        ("parley-prod@example.com", "nobody", "alarms.email"),
        ("self_sign_up = false", "", "identity.self_sign_up"),
        ("self_sign_up = false", "self_sign_up = false\naccess_token_minutes = 1", "identity.access_token_minutes"),
        ("self_sign_up = false", "self_sign_up = false\nrefresh_token_days = 4000", "identity.refresh_token_days"),
    ],
)
def test_a_wrong_key_is_named(folder: Path, old: str, new: str, key: str) -> None:
    said = _spoil(folder, "prod", old, new)

    assert said.startswith("prod.toml: ")
    assert f"{key}: " in said


def test_every_problem_is_named_at_once(folder: Path) -> None:
    said = _spoil(folder, "dev", 'region = "us-east-1"', "surprise = 1")

    assert len(said.splitlines()) == 2


def test_a_file_that_is_no_toml_is_named(folder: Path) -> None:
    assert "dev.toml: " in _spoil(folder, "dev", "retain_data = false", "retain_data =")


def test_a_stage_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="stage: must be one of dev, prod"):
        load_config("../prod")
