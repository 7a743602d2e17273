"""Use cases of tables: people who write no flows keep them, flows look into them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from careline.flows.store import q
from careline.flows.tables import BadTable, CellChange, Column, changes, columns_of, from_csv, rows_of, to_csv
from careline.flows.views import StaleDraft
from careline.kernel.clock import Clock
from careline.kernel.errors import Conflict, InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.kernel.text import plain
from careline.platform.db import Database, Row, Tx
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission as P

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_READERS = (P.TABLE_EDIT, P.FLOW_EDIT, P.FLOW_PUBLISH, P.BOARD_READ)


class TableNameTaken(Conflict):
    """Another table has this name. Nothing was changed."""

    id = "table-name-taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """A table in the list, as it holds now."""

    id: UUID
    name: str
    version: int
    valid_from: datetime
    rows: int
    made_at: datetime
    made_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContent:
    """A table's newest version, which may be for later, with its rows."""

    id: UUID
    name: str
    #: To be sent back when saving.
    version: int
    valid_from: datetime
    #: The version that holds now.
    present: int
    columns: list[Column]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableVersion:
    """One version in a table's history, with what changed."""

    version: int
    valid_from: datetime
    made_at: datetime
    made_by: str | None
    note: str
    changes: list[CellChange] = field(default_factory=list)


class TableService:
    """Use cases of the people who keep tables."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock

    async def list(self, actor: Actor) -> Sequence[TableView]:
        """Every table as it holds now."""
        actor.require(*_READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(q["list_tables"], {"at": self.clock.now(), "id": None, "name": None})
        return [
            TableView(
                **{k: row[k] for k in ("id", "name", "version", "valid_from", "made_at", "made_by")},
                rows=len(row["rows"]),
            )
            for row in rows
        ]

    async def get(self, actor: Actor, table_id: UUID, *, at: datetime | None = None) -> TableContent:
        """A table's newest version; with `at` the one that held, or will hold, then. Raises `NotFound`."""
        actor.require(*_READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            return await self._content(tx, table_id, at)

    async def create(
        self, actor: Actor, name: str, columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Any]] = ()
    ) -> TableContent:
        """A new table. Raises `BadTable`, `TableNameTaken`."""
        actor.require(P.TABLE_EDIT)
        if not _NAME.fullmatch(name):
            raise InvalidInput("A table's name is written in small letters, digits and _.", field="name")
        kinds = columns_of(columns)
        made, table_id = rows_of(kinds, rows), new_id()
        try:
            async with self.db.tenant(actor.tenant_id) as tx:
                await tx.run(q["insert_table"], {"id": table_id, "name": name})
                await self._add(tx, actor, table_id, kinds, made, self.clock.now(), "made")
                content = await self._content(tx, table_id, None)
                await audit.record(tx, actor, Action.CREATE, "flow-table", table_id)
        except UniqueViolation as error:
            raise TableNameTaken from error
        return content

    async def save(
        self,
        actor: Actor,
        table_id: UUID,
        rows: Sequence[Sequence[Any]],
        *,
        based_on: int,
        columns: Sequence[Mapping[str, Any]] | None = None,
        valid_from: datetime | None = None,
        note: str = "",
    ) -> TableContent:
        """A new version, valid from now or a later instant. Raises `StaleDraft` (409) when somebody saved meanwhile."""
        actor.require(P.TABLE_EDIT)
        note, start = plain(note, "note", most=200, needed=False), self._from(valid_from)
        async with self.db.tenant(actor.tenant_id) as tx:
            newest = await self._lock(tx, table_id)
            if newest["version"] != based_on:
                raise StaleDraft(version=newest["version"])
            kinds = columns_of(columns if columns is not None else newest["columns"])
            made = rows_of(kinds, rows)
            await self._add(tx, actor, table_id, kinds, made, start, note)
            content = await self._content(tx, table_id, None)
            detail: dict[str, object] = {"version": content.version, "rows": len(made)}
            await audit.record(tx, actor, Action.UPDATE, "flow-table", table_id, detail=detail)
        return content

    async def history(self, actor: Actor, table_id: UUID) -> Sequence[TableVersion]:
        """Every version, newest first, with who changed what. Raises `NotFound`."""
        actor.require(*_READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(q["table_history"], {"id": table_id})
        if not rows:
            raise NotFound()
        found = []
        for row, before in zip(rows, [*rows[1:], None], strict=True):
            old_columns, old_rows = (before["columns"], before["rows"]) if before else (row["columns"], [])
            found.append(
                TableVersion(
                    **{k: row[k] for k in ("version", "valid_from", "made_at", "made_by", "note")},
                    changes=changes(old_columns, old_rows, row["columns"], row["rows"])[:500],
                )
            )
        return found

    async def export_csv(self, actor: Actor, table_id: UUID) -> str:
        """The newest version as CSV."""
        actor.require(*_READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            content = await self._content(tx, table_id, None)
            await audit.record(tx, actor, Action.EXPORT, "flow-table", table_id)
        return to_csv(content.columns, content.rows)

    async def import_csv(
        self, actor: Actor, table_id: UUID, text: str, *, based_on: int, valid_from: datetime | None = None
    ) -> TableContent:
        """Replace every row by those of a CSV text, whose header names the columns in any order. New columns become
        columns of texts; those that are left out go away."""
        actor.require(P.TABLE_EDIT)
        header, rows = from_csv(text)
        content = await self.get(actor, table_id)
        known = {column.name: column for column in content.columns}
        columns = [asdict(known.get(name) or Column(name=name)) for name in header]
        if header and header[0] != content.columns[0].name:
            raise BadTable(f"The first column must be “{content.columns[0].name}”: flows find rows by it.")
        return await self.save(
            actor, table_id, rows, based_on=based_on, columns=columns, valid_from=valid_from, note="CSV"
        )

    # --- inside -------------------------------------------------------------------------------------------------------

    def _from(self, valid_from: datetime | None) -> datetime:
        now = self.clock.now()
        if valid_from is None:
            return now
        if valid_from.tzinfo is None:
            raise InvalidInput("A time needs its zone.", field="valid_from")
        if valid_from < now:
            raise InvalidInput("The past cannot be changed: choose now or a later time.", field="valid_from")
        return valid_from

    async def _lock(self, tx: Tx, table_id: UUID) -> Row:
        if await tx.one(q["know_table"], {"id": table_id}) is None:
            raise NotFound()
        newest = await tx.one(q["newest_table"], {"id": table_id})
        assert newest is not None, "a table begins with a version"
        return newest

    async def _add(
        self,
        tx: Tx,
        actor: Actor,
        table_id: UUID,
        columns: Sequence[Column],
        rows: Sequence[Any],
        start: datetime,
        note: str,
    ) -> None:
        params = {
            "id": table_id,
            "valid_from": start,
            "columns": Jsonb([asdict(column) for column in columns]),
            "rows": Jsonb(rows),
            "by": actor.person_id,
            "note": note,
        }
        row = await tx.one(q["insert_table_version"], params)
        body = {"version": row["version"] if row else None}
        event = NewEvent(stream="flow-table", stream_id=table_id, kind="saved", body=body, person_id=actor.person_id)
        await append(tx, [event])

    async def _content(self, tx: Tx, table_id: UUID, at: datetime | None) -> TableContent:
        present = await tx.one(q["list_tables"], {"at": at or self.clock.now(), "id": table_id, "name": None})
        newest = await tx.one(q["newest_table"], {"id": table_id})
        if newest is None:
            raise NotFound()
        shown = present if at is not None and present is not None else newest
        name = await tx.one(q["table_name"], {"id": table_id})
        assert name is not None
        return TableContent(
            id=table_id,
            name=name["name"],
            version=shown["version"],
            valid_from=shown["valid_from"],
            present=present["version"] if present else 0,
            columns=columns_of(shown["columns"]),
            rows=shown["rows"],
        )
