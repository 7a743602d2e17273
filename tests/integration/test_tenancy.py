"""Row-level security: every table is a tenant's own or on the short list below, and an unset tenant is refused."""

from __future__ import annotations

import psycopg
import pytest

from careline.platform.db import Database
from careline.testing.postgres import Urls

pytestmark = pytest.mark.integration

#: Tables without a tenant's data, or which must be read before the tenant is known. A new one needs a reason in review.
INFRASTRUCTURE = {
    "schema_migration",
    "tenant",
    "timer",
    "lease",
    "outbox_cursor",
    "person_directory",  # which tenant an e-mail address signs in to
    "component_state",  # the state of the installation's own processes
    "sign_in_throttle",  # counts failures of addresses that may belong to no tenant
}


def test_every_table_forces_row_level_security_or_is_infrastructure(pg_urls: Urls) -> None:
    with psycopg.connect(pg_urls.owner) as conn:
        rows = conn.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity,"
            " EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = 'tenant_only')"
            " FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    unprotected = {name for name, forced, policy in rows if not (forced and policy)}
    assert unprotected - INFRASTRUCTURE == set()


def test_no_role_of_ours_escapes_row_level_security(pg_urls: Urls) -> None:
    with psycopg.connect(pg_urls.owner) as conn:
        rows = conn.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'careline%' AND (rolbypassrls OR rolsuper)"
        ).fetchall()
    assert rows == []


async def test_an_unset_tenant_is_an_error_not_an_empty_answer(db: Database, tenant: int) -> None:
    with pytest.raises(psycopg.Error):
        async with db.system() as tx:
            await tx.all("SELECT * FROM event")
    async with db.tenant(tenant) as tx:
        assert await tx.all("SELECT * FROM event") == []
    # After a transaction with a tenant the setting is an empty string on that connection, which must not pass either.
    for _ in range(8):
        with pytest.raises(psycopg.Error):
            async with db.system() as tx:
                await tx.all("SELECT * FROM event")


async def test_another_tenants_rows_are_invisible_and_cannot_be_written(db: Database, tenant: int) -> None:
    async with db.system() as tx:
        row = await tx.one("INSERT INTO tenant (slug, name) VALUES ('other', 'Other') RETURNING id")
    assert row is not None
    other = row["id"]
    insert = "INSERT INTO event (stream, stream_id, kind, body) VALUES ('t', gen_random_uuid(), 'k', '{}')"
    async with db.tenant(tenant) as tx:
        await tx.run(insert)
    async with db.tenant(other) as tx:
        assert await tx.all("SELECT * FROM event") == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(other) as tx:
            await tx.run(
                "INSERT INTO event (tenant_id, stream, stream_id, kind, body)"
                " VALUES (%s, 't', gen_random_uuid(), 'k', '{}')", (tenant,)
            )


async def test_history_cannot_be_rewritten_by_the_application(db: Database, tenant: int) -> None:
    for statement in ("UPDATE event SET kind = 'x'", "DELETE FROM event", "TRUNCATE event"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with db.tenant(tenant) as tx:
                await tx.run(statement)
