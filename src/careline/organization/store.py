"""Rows of the organisation, to and from its model."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.kernel.calendar import Calendar
from careline.organization.hours import Hours
from careline.organization.model import Closure, Door, LineConfig, LineRef, LineView
from careline.platform.db import Row, Tx, queries

q = queries("careline.organization")


async def find_line(tx: Tx, number: str) -> LineRef | None:
    """Whose line a number is, in any tenant."""
    row = await tx.one(q["find_line"], {"number": number})
    return LineRef(tenant_id=row["tenant_id"], line_id=row["line_id"]) if row else None


async def line_view(tx: Tx, line_id: UUID, at: datetime) -> LineView | None:
    """A line as it is at an instant."""
    row = await tx.one(q["get_line"], {"line_id": line_id, "at": at})
    return await _view(tx, row, at, await closures(tx, at)) if row else None


async def line_views(tx: Tx, at: datetime, *, retired: bool) -> list[LineView]:
    """Every line of the tenant as it is at an instant, those out of service only when wanted."""
    on = await closures(tx, at)
    return [await _view(tx, row, at, on) for row in await tx.all(q["list_lines"], {"at": at, "retired": retired})]


async def hours_at(tx: Tx, hours_id: UUID, at: datetime) -> Hours | None:
    """The version of some opening hours that holds at an instant."""
    row = await tx.one(q["get_hours"], {"hours_id": hours_id, "at": at})
    return Hours.from_body(row["body"]) if row else None


async def closures(tx: Tx, at: datetime) -> list[tuple[UUID | None, UUID | None, Closure]]:
    """The emergency closures that are on, each with the location or line it is limited to."""
    return [
        (
            row["location_id"],
            row["line_id"],
            Closure(
                id=row["id"],
                scope=row["scope"],
                reason=row["reason"],
                closed_at=row["closed_at"],
                closed_by=row["closed_by"],
                until=row["until"],
            ),
        )
        for row in await tx.all(q["closures_on"], {"at": at})
    ]


async def add_version(
    tx: Tx,
    statement: str,
    id_column: str,
    id_: UUID,
    body: dict[str, Any],
    valid_from: datetime,
    by: UUID | None,
    note: str,
) -> int:
    """Append an effective-dated version (of a line's configuration or of opening hours); returns its number."""
    row = await tx.one(
        q[statement], {id_column: id_, "valid_from": valid_from, "body": Jsonb(body), "made_by": by, "note": note}
    )
    assert row is not None
    return int(row["version"])


async def _view(tx: Tx, row: Row, at: datetime, on: list[tuple[UUID | None, UUID | None, Closure]]) -> LineView:
    config = LineConfig.from_body(row["body"]) if row["body"] else LineConfig()
    door, changes_at, reason, calendar = Door.OPEN, None, None, None
    if config.hours_id is not None:
        # Hours that do not hold yet are no hours: the caller meets the closed door and may leave a message.
        hours = await hours_at(tx, config.hours_id, at)
        calendar = hours.calendar() if hours is not None else Calendar(zone=row["zone"])
        door = Door.OPEN if calendar.is_open(at) else Door.CLOSED
        changes_at = calendar.next_change(at)
    for location_id, line_id, closure in on:
        everywhere = location_id is None and line_id is None
        if everywhere or location_id == row["location_id"] or line_id == row["id"]:
            door, changes_at, reason = Door.EMERGENCY_CLOSED, closure.until, closure.reason
            break
    return LineView(
        tenant_id=row["tenant_id"],
        line_id=row["id"],
        number=row["number"],
        label=row["label"],
        active=row["active"],
        account_id=row["account_id"],
        account_name=row["account_name"],
        location_id=row["location_id"],
        location_name=row["location_name"],
        zone=row["zone"],
        config=config,
        version=row["version"] or 0,
        door=door,
        changes_at=changes_at,
        calendar=calendar,
        closure_reason=reason,
    )
