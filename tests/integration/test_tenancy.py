"""Row-level security: every table is a tenant's own or on the short list below, and an unset tenant is refused."""

from __future__ import annotations

import re

import psycopg
import pytest

from careline.kernel.ids import new_id
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


#: Functions that run with other rights than their caller's and do not keep to the tenant by their own text.
ACROSS_TENANTS = {
    "careline_find_person",  # an e-mail address → the tenants in which somebody signs in with it
    "careline_find_line",  # a number that was dialled → the tenant whose line it is
    "careline_audit_chain",  # a trigger, under the owner's own forced policies
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


#: References between two tables of tenants which do not say that both rows are the same tenant's.
ACROSS = """
SELECT c.conrelid::regclass || '.' || c.conname
FROM pg_constraint c
JOIN pg_attribute here ON here.attrelid = c.conrelid AND here.attname = 'tenant_id' AND NOT here.attisdropped
JOIN pg_attribute there ON there.attrelid = c.confrelid AND there.attname = 'tenant_id' AND NOT there.attisdropped
WHERE c.contype = 'f' AND NOT EXISTS (
  SELECT FROM unnest(c.conkey, c.confkey) AS pair (mine, its) WHERE mine = here.attnum AND its = there.attnum
)
"""


def test_every_reference_holds_the_tenant(pg_urls: Urls) -> None:
    with psycopg.connect(pg_urls.owner) as conn:
        assert conn.execute(ACROSS).fetchall() == []
        unchecked = "SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"
        assert conn.execute(unchecked).fetchall() == []
        conn.execute("CREATE TABLE loose (tenant_id int, person_id uuid CONSTRAINT alone REFERENCES person (id))")
        assert conn.execute(ACROSS).fetchall() == [("loose.alone",)]
        conn.rollback()


async def test_a_row_cannot_point_at_another_tenants(db: Database, tenant: int) -> None:
    async with db.system() as tx:
        other = await tx.one("INSERT INTO tenant (slug, name) VALUES ('other', 'Other') RETURNING id")
    assert other is not None
    person, queue = new_id(), new_id()
    async with db.tenant(tenant) as tx:
        await tx.run("INSERT INTO person (id, email, name) VALUES (%(id)s, 'a@example.org', 'A')", {"id": person})
    async with db.tenant(other["id"]) as tx:
        await tx.run("INSERT INTO queue (id, name) VALUES (%(id)s, 'Theirs')", {"id": queue})
    points = "INSERT INTO queue_member (queue_id, person_id) VALUES (%(queue)s, %(person)s)"
    for mine in (tenant, other["id"]):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            async with db.tenant(mine) as tx:
                await tx.run(points, {"queue": queue, "person": person})


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
                " VALUES (%s, 't', gen_random_uuid(), 'k', '{}')",
                (tenant,),
            )


async def test_history_cannot_be_rewritten_by_the_application(db: Database, tenant: int) -> None:
    for statement in ("UPDATE event SET kind = 'x'", "DELETE FROM event", "TRUNCATE event"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with db.tenant(tenant) as tx:
                await tx.run(statement)


def tenant_tables(conn: psycopg.Connection) -> list[str]:
    rows = conn.execute(
        "SELECT c.oid::regclass::text FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    return [name for (name,) in rows if name not in INFRASTRUCTURE]


def test_every_tenant_table_lets_the_application_see_one_tenant_only(pg_urls: Urls) -> None:
    with psycopg.connect(pg_urls.owner) as conn:
        tables = tenant_tables(conn)
        assert len(tables) > 10
        policies = conn.execute(
            "SELECT tablename, policyname, roles::text[], qual, with_check FROM pg_policies WHERE schemaname = 'public'"
        ).fetchall()
        required = conn.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE a.attname = 'tenant_id' AND a.attnotnull AND c.relname = ANY(%s)",
            (tables,),
        ).fetchall()
    wanted = "(tenant_id = (current_setting('app.tenant'::text))::integer)"
    for table in tables:
        for_app = [p for p in policies if p[0] == table and {"public", "careline_app"} & set(p[2])]
        assert [(p[1], p[3], p[4]) for p in for_app] == [("tenant_only", wanted, wanted)], table
    # Other roles' policies: the relay reads events, the lookup role the tables it was given, and nobody else anything.
    others = {(p[0], *p[2]) for p in policies if p[1] != "tenant_only"}
    assert {role for _, *roles in others for role in roles} <= {"careline_relay", "careline_lookup"}
    assert {table for table, *roles in others if "careline_relay" in roles} == {"event"}
    assert {name for (name,) in required} == set(tables)


def test_every_tenant_table_refuses_an_unset_tenant(pg_urls: Urls) -> None:
    with psycopg.connect(pg_urls.owner) as conn:
        tables = tenant_tables(conn)
    open_without_tenant = []
    with psycopg.connect(pg_urls.app, autocommit=True) as conn:
        for table in tables:
            try:
                conn.execute(f"SELECT * FROM {table}")
                open_without_tenant.append(table)
            except psycopg.Error:
                continue
    assert open_without_tenant == []


def test_functions_that_escape_the_policies_are_few_and_known(pg_urls: Urls) -> None:
    """Each either is on the list of what must be found before the tenant is known, or keeps to the tenant by itself."""
    with psycopg.connect(pg_urls.owner) as conn:
        rows = conn.execute(
            "SELECT proname, prosrc FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        ).fetchall()
    across = {name for name, body in rows if "current_setting('app.tenant')" not in body}
    assert across - ACROSS_TENANTS == set()
    tables = {"patient", "coverage", "message", "recording", "event"}
    for name, body in rows:
        if name in across:
            assert not any(re.search(rf"\b(FROM|JOIN)\s+{table}\b", body, re.I) for table in tables), name
