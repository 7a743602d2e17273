"""Who talked with a caller the last time: looked up at arrival, in time or not at all. The call never waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta

import psycopg
import psycopg_pool

from careline.calls.floor import Floor
from careline.calls.model import Call, Kind, Phase
from careline.calls.outcome import Outcome
from careline.kernel.clock import Clock
from careline.platform.db import Database, queries

log = logging.getLogger(__name__)
_q = queries("careline.calls", "control.sql")

#: How long the look-up may take: about as long as the greeting.
PATIENCE = 2.0
#: How far back it looks; queues may look back less far.
BACK = timedelta(days=365)


class Recognition:
    """Looks up callers where that is wanted: a queue keeps them for their agent, or the line has a flow of its own."""

    def __init__(self, db: Database, floor: Floor, clock: Clock, apply: Callable[[Outcome], None]) -> None:
        self._db = db
        self._floor = floor
        self._clock = clock
        self._apply = apply
        self._looking: set[asyncio.Task[None]] = set()

    def follow(self, outcome: Outcome) -> None:
        """Look up the caller of every call that has just arrived."""
        for event in outcome.events:
            if event.kind is Kind.ARRIVED and (call := self._floor.calls.get(event.call_id)) and self._wanted(call):
                task = asyncio.create_task(self._look(call))
                self._looking.add(task)
                task.add_done_callback(self._looking.discard)

    def _wanted(self, call: Call) -> bool:
        if call.caller is None or call.phase is Phase.ENDED:
            return False
        queues = [q for q in self._floor.queues.values() if q.tenant_id == call.tenant_id]
        return call.flow is not None or any(q.rules.sticky.mode != "off" for q in queues)

    async def _look(self, call: Call) -> None:
        wanted = {"caller": call.caller, "call_id": call.id, "since": call.arrived_at - BACK}
        row = None
        with contextlib.suppress(TimeoutError, psycopg.Error, psycopg_pool.PoolTimeout):
            async with asyncio.timeout(PATIENCE), self._db.tenant(call.tenant_id) as tx:
                row = await tx.one(_q["find_last_agent"], wanted)
        if row is not None:
            self._apply(self._floor.recognise(call.id, row["person_id"], row["left_at"], self._clock.now()))

    async def close(self) -> None:
        """Stop looking."""
        for task in self._looking:
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
