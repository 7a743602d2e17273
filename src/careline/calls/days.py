"""Reads a day of event rows for a replay, from the last opening of the floor before it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from careline.calls.replay import Replay, Report, Row
from careline.kernel.errors import NotFound
from careline.platform.db import Database, queries

_q = queries("careline.calls", "replay.sql")


async def replay_day(db: Database, tenant_id: int, day: date) -> Report:
    """Decide every offer of a UTC day again. Raises `NotFound` when the floor was not open on that day."""
    begin = datetime.combine(day, time(), UTC)
    span = {"begin": begin, "end": begin + timedelta(days=1)}
    async with db.tenant(tenant_id) as tx:
        opened = await tx.one(_q["find_opening"], span)
        if opened is None:
            raise NotFound("Nothing was decided on that day.")
        found = {**span, "from_id": opened["id"], "opened_at": opened["at"]}
        before = await tx.all(_q["list_calls_before"], found)
        rows = await tx.all(_q["list_rows"], found)
    return Replay(tenant_id, begin).run(Row(**row) for row in [*before, *rows])
