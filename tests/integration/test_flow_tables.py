"""Tables that people keep: versions, dates, who changed what, and a refusal for whoever saves on top of a colleague."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from careline.flows.shelf import Shelves
from careline.flows.table_service import TableNameTaken, TableService
from careline.flows.tables import BadTable
from careline.flows.views import StaleDraft
from careline.kernel.errors import Forbidden, InvalidInput
from careline.platform.db import Database
from careline.security.actor import Actor
from careline.security.permissions import Role
from careline.testing.builders import make_person
from careline.testing.clock import ManualClock

pytestmark = pytest.mark.integration

MONDAY = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
COLUMNS = [
    {"name": "prefix", "type": "text"},
    {"name": "accepted", "type": "boolean"},
    {"name": "since", "type": "date"},
]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def tables(db: Database, clock: ManualClock) -> TableService:
    return TableService(db, clock)


@pytest.fixture
async def someone(db: Database, tenant: int) -> Actor:
    return await make_person(db, tenant, Role.SUPERVISOR, name="Sam Reed")


async def test_q5_a_table_has_versions_dates_and_a_history_of_who_changed_what(
    tables: TableService, someone: Actor, clock: ManualClock, db: Database, tenant: int
) -> None:
    made = await tables.create(someone, "insurers", COLUMNS, [["ABC", "yes", "2026-01-01"], ["XYZ", False, None]])
    assert made.rows == [["ABC", True, "2026-01-01"], ["XYZ", False, None]]
    later = MONDAY + timedelta(days=30)
    changed = await tables.save(
        someone, made.id, [["ABC", False, None], ["NEW", True, None]], based_on=1, valid_from=later, note="new year"
    )
    assert (changed.version, changed.present) == (2, 1), "it is for later"

    shelves = Shelves(db)
    now = await shelves.load(tenant, clock.now())
    assert now.row("insurers", "ABC") == {"prefix": "ABC", "accepted": True, "since": "2026-01-01"}
    assert now.row("insurers", "NEW") is None
    assert now.row("nothing", "ABC") is None
    clock.advance(days=31)
    then = await shelves.load(tenant, clock.now())
    assert then.row("insurers", "ABC") == {"prefix": "ABC", "accepted": False, "since": None}
    assert then.row("insurers", "XYZ") is None

    newest, first = await tables.history(someone, made.id)
    assert (newest.made_by, newest.note, newest.valid_from) == ("Sam Reed", "new year", later)
    assert {(c.code, c.key, c.column, c.before, c.after) for c in newest.changes} == {
        ("removed", "XYZ", None, None, None),
        ("added", "NEW", None, None, None),
        ("changed", "ABC", "accepted", True, False),
        ("changed", "ABC", "since", "2026-01-01", None),
    }
    assert [c.code for c in first.changes] == ["added", "added"]
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT action FROM audit_log WHERE object_type = 'flow-table' ORDER BY seq")
    assert [row["action"] for row in rows] == ["create", "update"]


async def test_q5_who_saves_on_top_of_a_colleagues_change_is_refused(tables: TableService, someone: Actor) -> None:
    made = await tables.create(someone, "insurers", COLUMNS, [["ABC", True, None]])
    await tables.save(someone, made.id, [["ABC", False, None]], based_on=1)
    with pytest.raises(StaleDraft) as refused:
        await tables.save(someone, made.id, [], based_on=1)
    assert refused.value.status == 409
    assert refused.value.facts == {"version": 2}
    assert (await tables.get(someone, made.id)).rows == [["ABC", False, None]]


async def test_q5_a_table_goes_to_a_spreadsheet_and_back(tables: TableService, someone: Actor) -> None:
    columns = [*COLUMNS, {"name": "note", "type": "text"}]
    made = await tables.create(someone, "insurers", columns, [["ABC", True, None, "=1+1"], ["0012", False, None, None]])
    text = await tables.export_csv(someone, made.id)
    assert "'=1+1" in text, "a spreadsheet must not run it"
    back = await tables.import_csv(someone, made.id, text, based_on=1)
    assert back.rows == made.rows
    assert back.columns == made.columns
    other = await tables.import_csv(someone, made.id, "\ufeffprefix;accepted\r\nABC;no\r\n\r\n", based_on=2)
    assert other.rows == [["ABC", False]]
    with pytest.raises(BadTable, match="first column"):
        await tables.import_csv(someone, made.id, "accepted,prefix\nno,ABC\n", based_on=3)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["ABC", True, None], ["ABC", False, None]], "there twice"),
        ([["ABC", "perhaps", None]], "not a yes or no"),
        ([["ABC", True, "31.12.2026"]], "not a date"),
        ([["", True, None]], "by which it would be found"),
        ([["ABC", True]], "2 cells"),
        ([["A\x00", True, None]], "at most"),
    ],
)
async def test_q5_a_table_that_makes_no_sense_is_refused_with_its_row(
    tables: TableService, someone: Actor, rows: list[list[object]], said: str
) -> None:
    with pytest.raises(BadTable, match=said):
        await tables.create(someone, "insurers", COLUMNS, rows)
    assert await tables.list(someone) == []


async def test_q5_names_rights_and_the_past(
    tables: TableService, someone: Actor, db: Database, tenant: int, clock: ManualClock
) -> None:
    made = await tables.create(someone, "insurers", COLUMNS)
    with pytest.raises(TableNameTaken):
        await tables.create(someone, "insurers", COLUMNS)
    with pytest.raises(InvalidInput):
        await tables.create(someone, "Our insurers", COLUMNS)
    with pytest.raises(InvalidInput, match="past"):
        await tables.save(someone, made.id, [], based_on=1, valid_from=clock.now() - timedelta(seconds=1))
    agent = await make_person(db, tenant, Role.AGENT)
    with pytest.raises(Forbidden):
        await tables.save(agent, made.id, [], based_on=1)
