"""When callbacks are expected to come up: the estimate that callers are told, written down for whoever looks at a list.

Place and wait come from the router alone. They are written when they have changed by more than a moment, so that a
quiet floor writes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.calls.callback_fold import in_line
from careline.calls.floor import Floor
from careline.calls.model import Call, Phase
from careline.platform.db import Database, queries

_q = queries("careline.calls", "callbacks.sql")

#: A moment that moved by less is the same moment.
SAME = timedelta(seconds=10)

_Seen = tuple[int | None, datetime | None]


class Outlook:
    """What was last written of each callback that waits."""

    def __init__(self, db: Database, floor: Floor) -> None:
        self._db = db
        self._floor = floor
        self._written: dict[UUID, _Seen] = {}

    async def publish(self, now: datetime) -> int:
        """Write what has changed; returns how many callbacks that were. Raises what the database raises."""
        waiting = [c for c in self._floor.calls.values() if c.phase is Phase.CALLBACK and c.queue_id]
        self._written = {c.id: self._written[c.id] for c in waiting if c.id in self._written}
        changed: dict[int, dict[UUID, _Seen]] = {}
        for call in waiting:
            found = self._of(call, now)
            if call.id not in self._written or not _same(self._written[call.id], found):
                changed.setdefault(call.tenant_id, {})[call.id] = found
        for tenant_id, those in changed.items():
            rows = [
                {"id": str(call_id), "place": place, "expected_at": at.isoformat() if at else None}
                for call_id, (place, at) in those.items()
            ]
            async with self._db.tenant(tenant_id) as tx:
                await tx.run(_q["write_outlook"], {"rows": Jsonb(rows)})
            self._written |= those
        return sum(map(len, changed.values()))

    def _of(self, call: Call, now: datetime) -> _Seen:
        if not in_line(call) or call.queue_id not in self._floor.queues:
            return None, None
        place, seconds = self._floor.outlook(call, now)
        return place, None if seconds is None else now + timedelta(seconds=seconds)


def _same(before: _Seen, now: _Seen) -> bool:
    if before[0] != now[0] or (before[1] is None) != (now[1] is None):
        return False
    return before[1] is None or now[1] is None or abs(before[1] - now[1]) < SAME
