"""Migrations: from nothing, again, and what they refuse."""

from __future__ import annotations

import asyncio
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from careline.kernel.ids import new_id
from careline.platform import migrate as module
from careline.platform import outbox, postgres
from careline.platform.db import Database
from careline.platform.events import NewEvent, append
from careline.platform.migrate import MigrationError, migrate, migrations, pending
from careline.testing import builders
from careline.testing.floor import Floor
from careline.testing.postgres import Urls

pytestmark = pytest.mark.integration

DATA = Path(__file__).parent / "data"


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


def schema(url: str) -> list[str]:
    """Everything but the rows, in an order that does not depend on how it came about."""
    command = [str(postgres.binaries() / "pg_dump"), "--schema-only", "--restrict-key=test", "--dbname", url]
    dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted(line for line in dumped.splitlines() if line and not line.startswith("--"))


def older(url: str, version: int) -> None:
    """Put a database of an older version in the place of a fresh one."""
    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as conn:
        conn.execute(f'DROP DATABASE "{name}"')
    migrate(url, upto=0)
    with psycopg.connect(url) as conn:
        conn.execute("SET ROLE careline_owner")
        conn.execute("DROP TABLE schema_migration")
        conn.execute((DATA / f"era_{version:04}.sql").read_text("utf-8"))


async def test_an_older_database_is_upgraded_with_everything_in_it(pg_urls: Urls) -> None:
    fresh = schema(pg_urls.admin)
    older(pg_urls.admin, 1)
    assert [name[:4] for name in pending(pg_urls.owner)] == [f"{m.version:04}" for m in migrations()[1:]]
    assert migrate(pg_urls.admin) == [f"{m.version:04}_{m.name}" for m in migrations()[1:]]
    assert schema(pg_urls.admin) == fresh
    db = await Database.open(pg_urls.app)
    async with db.system() as tx:
        tenants = await tx.all("SELECT slug, kind, zone FROM tenant ORDER BY id")
        timer = await tx.one("SELECT kind, body FROM timer")
        lease = await tx.one("SELECT token FROM lease")
    assert [t["slug"] for t in tenants] == ["lakeside", "harbor"]
    assert timer == {"kind": "message.escalate", "body": {"level": 1}} and lease == {"token": 7}
    async with db.tenant(1) as tx:
        rows = await tx.all("SELECT kind FROM event ORDER BY id")
        await append(tx, [NewEvent(stream="call", stream_id=new_id(), kind="new", body={})])
    assert [r["kind"] for r in rows] == ["call.arrived", "call.answered", "call.ended"]
    # A follower of that time goes on from its place.
    async with asyncio.timeout(20), aclosing(outbox.follow(pg_urls.relay, "mailer")) as batches:
        kinds = [e.kind for e in await anext(batches)]
        while "new" not in kinds:
            kinds += [e.kind for e in await anext(batches)]
    assert kinds == ["call.ended", "call.ended", "new"]
    await db.close()


def test_an_upgrade_one_version_at_a_time_comes_to_the_same(pg_urls: Urls) -> None:
    fresh = schema(pg_urls.admin)
    older(pg_urls.admin, 1)
    for migration in migrations()[1:]:
        assert len(migrate(pg_urls.admin, upto=migration.version)) == 1
    assert schema(pg_urls.admin) == fresh


def test_several_machines_may_upgrade_at_once(pg_urls: Urls) -> None:
    older(pg_urls.admin, 1)
    with ThreadPoolExecutor(4) as machines:
        applied = list(machines.map(lambda _: migrate(pg_urls.admin), range(4)))
    assert sorted(name for names in applied for name in names) == [f"{m.version:04}_{m.name}" for m in migrations()[1:]]


async def test_a_lookup_function_sees_all_tenants_and_nothing_else_does(pg_urls: Urls, db: Database) -> None:
    with psycopg.connect(pg_urls.owner) as conn:
        conn.execute(
            "CREATE TABLE thing (id int, tenant_id int NOT NULL REFERENCES tenant (id));"
            "SELECT careline_tenant_table('thing');"
            "CREATE FUNCTION tenant_of(wanted int) RETURNS int LANGUAGE sql STABLE AS"
            " 'SELECT tenant_id FROM thing WHERE id = wanted';"
            "SELECT careline_lookup('tenant_of(int)', 'thing')"
        )
    async with db.system() as tx:
        row = await tx.one("INSERT INTO tenant (slug, name) VALUES ('one', 'One') RETURNING id")
    assert row is not None
    async with db.tenant(row["id"]) as tx:
        await tx.run("INSERT INTO thing (id) VALUES (7)")
    async with db.system() as tx:
        assert await tx.one("SELECT tenant_of(7) AS t") == {"t": row["id"]}
    with pytest.raises(psycopg.Error):
        async with db.system() as tx:
            await tx.all("SELECT * FROM thing")
    with psycopg.connect(pg_urls.relay) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("SELECT tenant_of(7)")


async def test_an_old_handling_that_nobody_wrapped_up_opens_no_patient_any_more(pg_urls: Urls, db: Database) -> None:
    ended: dict[str, tuple[int, UUID]] = {}
    now = datetime.now(UTC)
    day = 86_400
    for slug, number in (("one", "+15555550101"), ("two", "+15555550102")):
        tenant_id = await builders.make_tenant(db, slug)
        floor = Floor(db, tenant_id, now)
        line, queue = await floor.line(number=number), await floor.queue("Front desk")
        for name, left in (("forgotten", 2 * day), ("recent", 600), ("still wrapping up", 2 * day), ("talking", None)):
            call = await floor.call(line, arrived=3 * day, queue_id=queue)
            state = {"status": "wrap_up", "call_id": call} if name == "still wrapping up" else {"status": "away"}
            agent = await floor.agent(f"{name} {slug}", queue, **state)
            left_at = None if left is None else floor.ago(left)
            times = {"connected_at": floor.ago(3 * day), "left_at": left_at}
            handling = await floor.insert("call_handling", id=new_id(), call_id=call, person_id=agent, **times)
            ended[f"{name} at {slug}"] = (tenant_id, handling)
    (migration,) = (m for m in migrations() if m.version == 22)
    with psycopg.connect(pg_urls.owner) as conn:
        conn.execute(migration.text)
    done = {}
    for name, (tenant_id, handling) in ended.items():
        async with db.tenant(tenant_id) as tx:
            row = await tx.one("SELECT wrapped_up_at, left_at FROM call_handling WHERE id = %s", (handling,))
        assert row is not None
        done[name] = row["wrapped_up_at"] == row["left_at"] if row["wrapped_up_at"] else False
    assert [name for name, closed in done.items() if closed] == ["forgotten at one", "forgotten at two"]
