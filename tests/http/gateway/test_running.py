"""What runs beside the requests, and how the gateway is configured."""

import asyncio

import pytest

from local.gateway.running import background, repeat
from local.gateway.settings import GatewaySettings
from parley.kit.telemetry import open_logger
from parley.settings import SettingsError


async def test_a_job_that_fails_is_logged_and_tried_again(caplog):
    done, tries = asyncio.Event(), []

    async def job() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("postgres://user:hidden@host")
        done.set()

    async with background([lambda: repeat(job, 0, open_logger("gateway"))]), asyncio.timeout(5):
        await done.wait()

    logged = str([vars(record) for record in caplog.records])
    assert "background_job_failed" in logged
    assert "hidden" not in logged


async def test_jobs_end_with_the_block():
    ended = asyncio.Event()

    async def job() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async with background([job]):
        await asyncio.sleep(0)

    assert ended.is_set()


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PORT", "9090")
    monkeypatch.setenv("PARLEY_HOME", str(tmp_path))
    monkeypatch.setenv("JOBS_DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("AUTH_DATABASE_URL", "postgresql://y")
    monkeypatch.setenv("REVIEW_DATABASE_URL", "postgresql://z")
    monkeypatch.setenv("CLASSIFIER_FOLDER", str(tmp_path))
    monkeypatch.setenv("CORS_ORIGINS", "http://127.0.0.1:5173, http://localhost:5173")

    settings = GatewaySettings.from_env()

    assert (settings.url, settings.parley_home) == ("http://127.0.0.1:9090", tmp_path)
    assert settings.cors_origins == ("http://127.0.0.1:5173", "http://localhost:5173")


def test_every_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("PORT", "no")
    monkeypatch.delenv("JOBS_DATABASE_URL", raising=False)
    monkeypatch.delenv("AUTH_DATABASE_URL", raising=False)
    monkeypatch.delenv("REVIEW_DATABASE_URL", raising=False)

    with pytest.raises(SettingsError) as caught:
        GatewaySettings.from_env()

    assert "PORT" in str(caught.value)
    assert "JOBS_DATABASE_URL" in str(caught.value)
    assert "AUTH_DATABASE_URL" in str(caught.value)
    assert "REVIEW_DATABASE_URL" in str(caught.value)
