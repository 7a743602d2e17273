"""The audit log: complete, in one order, append-only, and proof against those who own the database (K2)."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from careline.kernel.errors import Forbidden, InvalidInput
from careline.kernel.ids import new_id
from careline.platform.db import Database
from careline.security import audit, chain, housekeeping
from careline.security.actor import Actor, system_actor
from careline.security.audit import Action
from careline.security.chain import anchor_all, anchors_file, export_all, read_anchors, verify_all, verify_chain
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.security.service import Security
from careline.security.trail import AuditQuery
from careline.testing.builders import make_person, make_tenant
from careline.testing.clock import ManualClock
from careline.testing.postgres import Urls
from careline.testing.security import make_security

pytestmark = pytest.mark.integration


@pytest.fixture
def keyring() -> Keyring:
    return Keyring.ephemeral()


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    return anchors_file(tmp_path)


@pytest.fixture
def security(db: Database, keyring: Keyring, tmp_path: Path) -> Security:
    return make_security(db, ManualClock(), tmp_path, keyring=keyring)


async def write(db: Database, tenant: int, rows: int, *, patient: UUID | None = None) -> None:
    for number in range(rows):
        async with db.tenant(tenant) as tx:
            await audit.record(
                tx,
                system_actor(tenant),
                Action.READ,
                "patient",
                new_id(),
                patients=[patient] if patient else [],
                fields=["name", "birth_date"],
                detail={"número": number, "ratio": 0.1, "quote": 'a"b\\c\n'},
            )


async def tamper(urls: Urls, statement: str, params: tuple[object, ...] = ()) -> None:
    """What somebody with the superuser's password can do: triggers are off, row-level security does not apply."""
    async with await psycopg.AsyncConnection.connect(urls.admin) as conn:
        await conn.execute("SET session_replication_role = replica")
        await conn.execute(statement, params)


async def test_k2_untouched_chain_is_whole_in_any_time_zone(
    db: Database, tenant: int, keyring: Keyring, anchors: Path, pg_urls: Urls
) -> None:
    await write(db, tenant, 20)
    state = await verify_chain(db, tenant, keyring, anchors)
    assert state.whole and state.rows == 20
    elsewhere = await Database.open(pg_urls.app)
    try:
        async with elsewhere.pool.connection() as conn:
            await conn.execute("SET timezone = 'Asia/Kathmandu'")
            await conn.execute("SET datestyle = 'German'")
            await conn.execute("SET extra_float_digits = 0")
            await conn.commit()
        assert (await verify_chain(elsewhere, tenant, keyring, anchors)).whole
        await write(elsewhere, tenant, 3)
    finally:
        await elsewhere.close()
    assert (await verify_chain(db, tenant, keyring, anchors)).rows == 23


async def test_k2_concurrent_writers_make_one_chain(db: Database, tenant: int, keyring: Keyring, anchors: Path) -> None:
    await asyncio.gather(*(write(db, tenant, 15) for _ in range(6)))
    state = await verify_chain(db, tenant, keyring, anchors)
    assert state.whole and state.rows == 90


async def test_k2_each_tenant_has_a_chain_of_its_own(
    db: Database, tenant: int, keyring: Keyring, anchors: Path, pg_urls: Urls
) -> None:
    other = await make_tenant(db, "other")
    await write(db, tenant, 5)
    await write(db, other, 7)
    await write(db, tenant, 5)
    await tamper(pg_urls, "UPDATE audit_log SET actor_name = 'X' WHERE tenant_id = %s AND seq = 3", (other,))
    states = {state.tenant_id: state for state in await verify_all(db, keyring, anchors)}
    assert states[tenant].whole and states[tenant].rows == 10
    assert states[other].bad_seq == 3


@pytest.mark.parametrize(
    ("change", "first_bad"),
    [
        ("UPDATE audit_log SET patient_id = uuidv7() WHERE seq = 7", 7),
        ("UPDATE audit_log SET at = at + interval '1 microsecond' WHERE seq = 7", 7),
        ("UPDATE audit_log SET detail = detail || '{\"ratio\": 0.2}' WHERE seq = 7", 7),
        ("UPDATE audit_log SET fields = fields[2:] WHERE seq = 7", 7),
        ("UPDATE audit_log SET outcome = 'refused' WHERE seq = 1", 1),
        ("DELETE FROM audit_log WHERE seq = 7", 8),
        ("DELETE FROM audit_log WHERE seq = 1", 2),
        ("UPDATE audit_log SET seq = -seq WHERE seq = 7", -7),
        # A row changed together with its hash: the next one does not follow from it.
        (
            "WITH changed AS (SELECT a AS row FROM audit_log a WHERE seq = 7) UPDATE audit_log"
            " SET hash = sha256(prev || 'forged'), actor_name = 'X' WHERE seq = 7",
            7,
        ),
    ],
)
async def test_k2_tampering_by_a_superuser_is_found_and_named(
    db: Database, tenant: int, keyring: Keyring, anchors: Path, pg_urls: Urls, change: str, first_bad: int
) -> None:
    await write(db, tenant, 12)
    await tamper(pg_urls, change)
    state = await verify_chain(db, tenant, keyring, anchors)
    assert not state.whole
    assert state.bad_seq == first_bad
    assert state.reason


async def test_k2_swapped_rows_are_found(
    db: Database, tenant: int, keyring: Keyring, anchors: Path, pg_urls: Urls
) -> None:
    await write(db, tenant, 6)
    await tamper(pg_urls, "UPDATE audit_log SET seq = 100 WHERE seq = 3")
    await tamper(pg_urls, "UPDATE audit_log SET seq = 3 WHERE seq = 4")
    await tamper(pg_urls, "UPDATE audit_log SET seq = 4 WHERE seq = 100")
    assert (await verify_chain(db, tenant, keyring, anchors)).bad_seq == 3


REBUILD = """
DO $$
DECLARE
  row_ audit_log;
  last bytea := '\\x';
BEGIN
  FOR row_ IN SELECT * FROM audit_log ORDER BY seq LOOP
    row_.prev := last;
    last := careline_audit_hash(row_);
    UPDATE audit_log SET prev = row_.prev, hash = last WHERE seq = row_.seq;
  END LOOP;
  UPDATE audit_head SET hash = last, seq = (SELECT max(seq) FROM audit_log);
END $$
"""


class TestAnchors:
    async def test_k2_cut_tail_is_found_by_its_anchor(
        self, db: Database, tenant: int, keyring: Keyring, anchors: Path, pg_urls: Urls
    ) -> None:
        await write(db, tenant, 10)
        assert await anchor_all(db, ManualClock(), keyring, anchors) == 1
        await tamper(pg_urls, "DELETE FROM audit_log WHERE seq > 8")
        # With the head left as it was the chain itself betrays it.
        assert not (await verify_chain(db, tenant, keyring, Path("/nonexistent"))).whole
        await tamper(
            pg_urls,
            "UPDATE audit_head SET seq = 8, hash = (SELECT hash FROM audit_log WHERE seq = 8)",
        )
        # With the head put right, the chain alone is consistent again: only the anchor knows.
        assert (await verify_chain(db, tenant, keyring, Path("/nonexistent"))).whole
        state = await verify_chain(db, tenant, keyring, anchors)
        assert not state.whole and state.bad_seq == 9 and state.anchors == 1

    async def test_k2_chain_computed_anew_is_found_by_its_anchor(
        self, db: Database, tenant: int, keyring: Keyring, anchors: Path, pg_urls: Urls
    ) -> None:
        await write(db, tenant, 10)
        await anchor_all(db, ManualClock(), keyring, anchors)
        await write(db, tenant, 2)
        await tamper(pg_urls, "UPDATE audit_log SET actor_name = 'Somebody Else' WHERE seq = 4")
        await tamper(pg_urls, REBUILD)
        assert (await verify_chain(db, tenant, keyring, Path("/nonexistent"))).whole
        state = await verify_chain(db, tenant, keyring, anchors)
        assert not state.whole and state.bad_seq == 10

    async def test_forged_and_damaged_anchors_are_found(
        self, db: Database, tenant: int, keyring: Keyring, anchors: Path
    ) -> None:
        await write(db, tenant, 4)
        await anchor_all(db, ManualClock(), keyring, anchors)
        line = json.loads(anchors.read_text())
        anchors.write_text(json.dumps({**line, "seq": 3}) + "\n")
        state = await verify_chain(db, tenant, keyring, anchors)
        assert not state.whole and "not signed" in str(state.reason)
        anchors.write_text("not json\n")
        assert "cannot be read" in str((await verify_chain(db, tenant, keyring, anchors)).reason)

    async def test_an_anchor_of_another_system_does_not_count(self, db: Database, tenant: int, anchors: Path) -> None:
        await write(db, tenant, 4)
        await anchor_all(db, ManualClock(), Keyring.ephemeral(), anchors)
        assert not (await verify_chain(db, tenant, Keyring.ephemeral(), anchors)).whole

    async def test_anchors_grow_only_with_the_log_and_outlive_key_rotation(
        self, db: Database, tenant: int, keyring: Keyring, anchors: Path
    ) -> None:
        clock = ManualClock()
        await write(db, tenant, 4)
        assert await anchor_all(db, clock, keyring, anchors) == 1
        assert await anchor_all(db, clock, keyring, anchors) == 0
        keyring.add_master_key()
        await write(db, tenant, 1)
        assert await anchor_all(db, clock, keyring, anchors) == 1
        assert [a.key for a in read_anchors(anchors)] == ["k1", "k2"]
        assert (await verify_chain(db, tenant, keyring, anchors)).anchors == 2
        assert (await verify_chain(db, tenant, keyring, anchors)).whole
        keyring.drop_old_master_keys()
        assert (await verify_chain(db, tenant, keyring, anchors)).whole
        assert anchors.stat().st_mode & 0o077 == 0


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_log SET actor_name = 'X'",
            "DELETE FROM audit_log",
            "TRUNCATE audit_log",
            "UPDATE audit_head SET seq = 0",
            "INSERT INTO audit_head VALUES (1, 1, '')",
            "DELETE FROM audit_head",
            "SELECT set_config('session_replication_role', 'replica', true)",
            "ALTER TABLE audit_log DISABLE TRIGGER audit_chain",
        ],
    )
    async def test_k2_the_application_may_only_append(self, db: Database, tenant: int, statement: str) -> None:
        await write(db, tenant, 2)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with db.tenant(tenant) as tx:
                await tx.run(statement)

    @pytest.mark.parametrize(
        "statement", ["UPDATE audit_log SET actor_name = 'X'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
    )
    async def test_k2_even_the_owner_is_refused_by_the_triggers(
        self, db: Database, tenant: int, pg_urls: Urls, statement: str
    ) -> None:
        await write(db, tenant, 2)
        async with await psycopg.AsyncConnection.connect(pg_urls.owner) as conn:
            await conn.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant),))
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                await conn.execute(statement)

    async def test_the_writer_chooses_neither_number_nor_time_nor_hash(
        self, db: Database, tenant: int, keyring: Keyring, anchors: Path
    ) -> None:
        await write(db, tenant, 1)
        async with db.tenant(tenant) as tx:
            await tx.run(
                "INSERT INTO audit_log (seq, at, actor_kind, actor_name, action, object_type, fields, purpose, outcome,"
                " detail, prev, hash) VALUES (99, '2000-01-01', 'person', 'X', 'read', 'patient', '{}', 'TREAT', 'ok',"
                " '{}', 'x', 'y')"
            )
            row = await tx.one("SELECT seq, at > now() - interval '1 hour' AS recent FROM audit_log WHERE seq > 1")
        assert row == {"seq": 2, "recent": True}
        assert (await verify_chain(db, tenant, keyring, anchors)).whole

    async def test_rows_of_another_tenant_are_neither_seen_nor_written(self, db: Database, tenant: int) -> None:
        other = await make_tenant(db, "other")
        await write(db, tenant, 2)
        async with db.tenant(other) as tx:
            assert await tx.all("SELECT seq FROM audit_log") == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with db.tenant(other) as tx:
                await tx.run(
                    "INSERT INTO audit_log (tenant_id, seq, at, actor_kind, actor_name, action, object_type, fields,"
                    " purpose, outcome, detail, prev, hash) VALUES (%s, 0, now(), 'person', 'X', 'read', 'patient',"
                    " '{}', 'TREAT', 'ok', '{}', '', '')",
                    (tenant,),
                )

    async def test_an_act_without_its_audit_row_is_not_committed(self, db: Database, tenant: int) -> None:
        async def act() -> None:
            async with db.tenant(tenant) as tx:
                await tx.run("UPDATE tenant SET name = 'Changed'")
                await audit.record(tx, system_actor(tenant), Action.UPDATE, "tenant", detail={"bad": "\x00"})

        with pytest.raises(psycopg.DataError):
            await act()
        async with db.system() as tx:
            row = await tx.one("SELECT name FROM tenant")
        assert row is not None and row["name"] != "Changed"


class TestSearch:
    async def officer(self, db: Database, tenant: int) -> Actor:
        return await make_person(db, tenant, Role.PRIVACY_OFFICER, name="Pat Officer")

    async def test_k2_reads_are_in_it_and_who_saw_a_chart_is_answered(
        self, db: Database, tenant: int, security: Security
    ) -> None:
        officer, agent = await self.officer(db, tenant), await make_person(db, tenant, Role.AGENT, name="Ana Agent")
        patient, another, call = new_id(), new_id(), new_id()
        async with db.tenant(tenant) as tx:
            await audit.record(
                tx, agent, Action.READ, "patient", patient, patients=[patient], contact_id=call, fields=["name"]
            )
            # A search that showed two patients leaves a row for each.
            await audit.record(tx, agent, Action.SEARCH, "patient", patients=[patient, another], outcome="ok")
        rows = await security.audit.who_saw(officer, patient)
        assert [(r.actor_name, r.action, list(r.fields), r.contact_id) for r in rows] == [
            ("Ana Agent", "search", [], None),
            ("Ana Agent", "read", ["name"], call),
        ]
        # Asking was itself an act on this patient's data.
        again = await security.audit.who_saw(officer, patient)
        assert (again[0].actor_name, again[0].action, again[0].object_type) == ("Pat Officer", "search", "audit-log")

    async def test_filters_and_paging(self, db: Database, tenant: int, security: Security) -> None:
        officer, agent = await self.officer(db, tenant), await make_person(db, tenant, Role.AGENT)
        await write(db, tenant, 5)
        async with db.tenant(tenant) as tx:
            await audit.record(tx, agent, Action.LISTEN, "recording", new_id())
        assert agent.person_id is not None
        by_person = await security.audit.search(officer, AuditQuery(person_id=agent.person_id))
        assert [r.action for r in by_person] == ["listen"]
        assert [r.action for r in await security.audit.search(officer, AuditQuery(action=Action.LISTEN))] == ["listen"]
        first = await security.audit.search(officer, AuditQuery(action=Action.READ, limit=2))
        second = await security.audit.search(officer, AuditQuery(action=Action.READ, limit=9, before=first[-1].seq))
        assert [r.seq for r in (*first, *second)] == [5, 4, 3, 2, 1]
        soon = first[0].at.replace(year=first[0].at.year + 1)
        assert await security.audit.search(officer, AuditQuery(since=soon)) == []
        with pytest.raises(InvalidInput):
            await security.audit.search(officer, AuditQuery(since=soon, until=soon))

    async def test_only_those_who_answer_for_privacy_may_look(
        self, db: Database, tenant: int, security: Security
    ) -> None:
        everybody_else = [role for role in Role if role is not Role.PRIVACY_OFFICER]
        person = await make_person(db, tenant, *everybody_else)
        with pytest.raises(Forbidden):
            await security.audit.search(person, AuditQuery())
        with pytest.raises(Forbidden):
            await security.audit.verify(person)

    async def test_verifying_through_the_service_says_and_notes_the_state(
        self, db: Database, tenant: int, security: Security, pg_urls: Urls
    ) -> None:
        officer = await self.officer(db, tenant)
        await write(db, tenant, 3)
        assert (await security.audit.verify(officer)).whole
        await tamper(pg_urls, "UPDATE audit_log SET action = 'search' WHERE seq = 2")
        assert (await security.audit.verify(officer)).bad_seq == 2
        async with db.tenant(tenant) as tx:
            rows = await tx.all("SELECT outcome FROM audit_log WHERE action = 'verify' ORDER BY seq")
        assert [r["outcome"] for r in rows] == ["ok", "broken"]


async def test_k2_export_carries_every_row_with_its_hashes(db: Database, tenant: int) -> None:
    other = await make_tenant(db, "other")
    await write(db, tenant, 3)
    await write(db, other, 2)
    out = io.StringIO()
    assert await export_all(db, out) == 5
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["tenant"], line["seq"]) for line in lines] == [
        (tenant, 1),
        (tenant, 2),
        (tenant, 3),
        (other, 1),
        (other, 2),
    ]
    assert lines[0]["prev"] == "" and lines[1]["prev"] == lines[0]["hash"]
    assert lines[0]["detail"]["número"] == 0
    for line in lines:
        # What an auditor does without us.
        text = bytes.fromhex(line["prev"]) + line["canonical"].encode()
        assert hashlib.sha256(text).hexdigest() == line["hash"]


async def test_export_of_a_long_log_is_read_in_pieces(
    db: Database, tenant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = dict(chain._q)
    statements["export_audit"] = statements["export_audit"].replace("LIMIT 1000", "LIMIT 2")
    monkeypatch.setattr(chain, "_q", statements)
    await write(db, tenant, 5)
    assert [row["seq"] async for row in chain.export_chain(db, tenant)] == [1, 2, 3, 4, 5]


async def test_housekeeping_anchors_again_and_survives_a_bad_round(
    db: Database, tenant: int, keyring: Keyring, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await write(db, tenant, 2)
    blocked = tmp_path / "audit"
    blocked.write_text("a file where the folder should be")
    task = asyncio.create_task(housekeeping.run(db, ManualClock(), keyring, tmp_path, every=timedelta(milliseconds=5)))
    try:
        async with asyncio.timeout(20):
            while not caplog.records:
                await asyncio.sleep(0.005)
            blocked.unlink()
            while not anchors_file(tmp_path).exists():
                await asyncio.sleep(0.005)
    finally:
        task.cancel()
    assert {record.getMessage() for record in caplog.records} == {"security housekeeping failed"}
    assert [a.seq for a in read_anchors(anchors_file(tmp_path))] == [2]
