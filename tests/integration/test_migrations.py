"""Migrations: from nothing, again, and what they refuse."""

from __future__ import annotations

import psycopg
import pytest

from careline.platform import migrate as module
from careline.platform.migrate import MigrationError, migrate, migrations, pending
from careline.testing.postgres import Urls

pytestmark = pytest.mark.integration


def test_a_second_run_changes_nothing(pg_urls: Urls) -> None:
    assert pending(pg_urls.owner) == []
    assert migrate(pg_urls.admin) == []


def test_a_changed_migration_is_refused(pg_urls: Urls) -> None:
    with psycopg.connect(pg_urls.owner) as conn:
        conn.execute("UPDATE schema_migration SET checksum = 'other' WHERE version = 1")
    with pytest.raises(MigrationError, match="changed after"):
        migrate(pg_urls.admin)


def test_a_newer_database_is_refused(pg_urls: Urls) -> None:
    with psycopg.connect(pg_urls.owner) as conn:
        conn.execute("INSERT INTO schema_migration (version, name, checksum) VALUES (9999, 'future', 'x')")
    with pytest.raises(MigrationError, match="newer version"):
        migrate(pg_urls.admin)


def test_a_failing_migration_leaves_nothing_behind(pg_urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = module.Migration(9998, "broken", "CREATE TABLE half_done (id int); SELECT 1/0;")
    shipped = (*migrations(), broken)
    monkeypatch.setattr(module, "migrations", lambda: shipped)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(pg_urls.admin)
    with psycopg.connect(pg_urls.owner) as conn:
        assert conn.execute("SELECT to_regclass('half_done')").fetchone() == (None,)
        assert conn.execute("SELECT count(*) FROM schema_migration WHERE version = 9998").fetchone() == (0,)
