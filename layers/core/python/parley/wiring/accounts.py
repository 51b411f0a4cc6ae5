"""The parts of the accounts function."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from parley.kit.postgres import Pool
from parley.settings import AccountsSettings
from parley.wiring.database import open_database


@dataclass(frozen=True, slots=True)
class Accounts:
    pool: Pool


@asynccontextmanager
async def open_accounts(settings: AccountsSettings) -> AsyncGenerator[Accounts]:
    async with open_database(settings) as pool:
        yield Accounts(pool)
