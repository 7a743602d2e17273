"""Fixtures for every tier. `db` is a fresh, migrated database as the application sees it; `tenant` is one in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from careline.platform.db import Database
from careline.platform.postgres import Server
from careline.testing import postgres as testing_postgres
from careline.testing.builders import make_lakeside
from careline.testing.postgres import Urls


@pytest.fixture(scope="session")
def pg_server() -> Iterator[Server]:
    """One PostgreSQL for the whole session."""
    with testing_postgres.server() as server:
        yield server


@pytest.fixture
def pg_urls(pg_server: Server) -> Iterator[Urls]:
    """The addresses of a fresh database."""
    with testing_postgres.database(pg_server) as urls:
        yield urls


@pytest.fixture
async def db(pg_urls: Urls) -> AsyncIterator[Database]:
    """A pool as the application role on a fresh database."""
    database = await Database.open(pg_urls.app)
    yield database
    await database.close()


@pytest.fixture
async def tenant(db: Database) -> int:
    """The id of a fresh tenant."""
    return await make_lakeside(db)
