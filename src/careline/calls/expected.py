"""Expected waits of the queues and of those who wait, for boards: what callers are told, from the router alone.

Written when something has changed by more than a moment, so that a quiet floor writes nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.calls.floor import Floor
from careline.calls.model import Phase
from careline.platform.db import Database, queries

_q = queries("careline.calls", "expected.sql")

#: A wait that differs by fewer seconds is the same wait.
SAME = 10.0
#: So many calls are looked at before offers have their turn again; and so many altogether: no board shows more.
AT_ONCE, MOST = 5, 300

#: The wait of a caller who joins now, and of each who waits; None: nobody who suits is on the floor.
_Seen = tuple[float | None, Mapping[UUID, float | None]]


class ExpectedWaits:
    """What was last written of each queue."""

    def __init__(self, db: Database, floor: Floor) -> None:
        self._db = db
        self._floor = floor
        self._written: dict[UUID, _Seen] = {}

    async def publish(self, now: datetime) -> int:
        """Write what has changed; returns how many queues that were. Raises what the database raises."""
        floor, languages = self._floor, self._languages()
        waiting = [c for c in floor.dispatch.in_line().values() if c.phase is Phase.WAITING]
        calls: dict[UUID, dict[UUID, float | None]] = defaultdict(dict)
        for n, call in enumerate(waiting[:MOST]):
            if n % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            # Who was taken meanwhile does not wait any more.
            if call.queue_id in floor.queues and call.id in floor.dispatch.in_line():
                calls[call.queue_id][call.id] = floor.outlook(call, now)[1]
        changed: dict[int, dict[UUID, _Seen]] = defaultdict(dict)
        self._written = {q: seen for q, seen in self._written.items() if q in floor.queues}
        for queue in list(floor.queues.values()):
            seen = floor.dispatch.newcomer(queue.id, languages.get(queue.tenant_id, "en"), now), calls[queue.id]
            if queue.id not in self._written or not _same(self._written[queue.id], seen):
                changed[queue.tenant_id][queue.id] = seen
        for tenant_id, those in changed.items():
            rows = [
                {"queue_id": str(queue_id), "seconds": seconds, "calls": {str(c): s for c, s in found.items()}}
                for queue_id, (seconds, found) in those.items()
            ]
            async with self._db.tenant(tenant_id) as tx:
                await tx.run(_q["write_expected"], {"rows": Jsonb(rows)})
            self._written |= those
        return sum(map(len, changed.values()))

    def _languages(self) -> dict[int, str]:
        """The language in which a tenant's lines greet: that of a caller of whom nothing is known yet."""
        return {line.tenant_id: line.language for line in reversed(list(self._floor.lines.values()))}


def _same(before: _Seen, now: _Seen) -> bool:
    return (
        _close(before[0], now[0])
        and before[1].keys() == now[1].keys()
        and all(_close(before[1][call], seconds) for call, seconds in now[1].items())
    )


def _close(before: float | None, now: float | None) -> bool:
    if before is None or now is None or 0.0 in (before, now):
        return before == now
    return abs(before - now) < SAME
