"""Durable timers: armed in the transaction that wants them, fired once by whichever worker comes first.

The claim, the handler's effect and the next timer are one transaction. A worker that is killed rolls back, and another
takes the timer. What leaves the database (a page, an e-mail) goes through the outbox and stays at-least-once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from careline.kernel.clock import Clock
from careline.kernel.ids import new_id
from careline.platform.db import Database, DatabaseAway, Tx, queries
from careline.platform.metrics import counter, histogram

log = logging.getLogger(__name__)
_q = queries("careline.platform")

FIRED = counter("careline_timers", "Timers that fired, by kind and outcome.", ("kind", "outcome"))
LAG = histogram(
    "careline_timer_lag_seconds", "Due to done.", ("kind",), (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 300)
)

#: Longest sleep: also how late a timer can be noticed that was armed, already due, by another process.
POLL = 0.2
_BACKOFF = (1, 5, 30, 120, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A timer that is firing. Its row is gone when the handler's transaction commits."""

    id: UUID
    due: datetime
    kind: str
    #: What it is about: a message, a call, an escalation.
    ref: UUID
    tenant_id: int
    body: Mapping[str, Any]
    #: How often it has failed before.
    attempts: int


#: Does the work inside the claiming transaction. It must look again whether there is still something to do: a timer
#: may fire in the very moment in which it is cancelled. Raising rolls everything back, and it is tried again later.
Handler = Callable[[Tx, Timer], Awaitable[None]]


async def arm(tx: Tx, kind: str, ref: UUID, due: datetime, body: Mapping[str, Any] | None = None) -> UUID:
    """Arm a timer for `ref` in this transaction's tenant; returns its id."""
    timer_id = new_id()
    await tx.run(
        _q["arm_timer"], {"id": timer_id, "due": due, "kind": kind, "ref": ref, "body": Jsonb(dict(body or {}))}
    )
    return timer_id


async def cancel(tx: Tx, *, timer_id: UUID | None = None, ref: UUID | None = None, kind: str | None = None) -> int:
    """Disarm one timer by its id, or all of `ref` (of a `kind`); returns how many. One that fires right now is left."""
    return await tx.run(_q["cancel_timers"], {"id": timer_id, "ref": ref, "kind": kind})


class TimerWorker:
    """Fires due timers of the kinds it has handlers for. Any number may run at once, on any number of machines."""

    def __init__(
        self, db: Database, clock: Clock, handlers: Mapping[str, Handler], *, concurrency: int = 2, poll: float = POLL
    ) -> None:
        self._db = db
        self._clock = clock
        self._handlers = dict(handlers)
        self._concurrency = concurrency
        self._poll = poll

    async def run(self) -> None:
        """Until cancelled. The database may go away and come back."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._loop())

    async def fire_due(self) -> int:
        """Fire everything that is due now, and return how many were (for tests and for `run`)."""
        fired = 0
        while await self._fire_one():
            fired += 1
        return fired

    async def _loop(self) -> None:
        while True:
            try:
                await self.fire_due()
                await asyncio.sleep(await self._time_to_next())
            except DatabaseAway:
                log.warning("timers wait for the database")
                await asyncio.sleep(1)
            except Exception:
                # Whatever it is, the timers must go on.
                log.exception("timers failed")
                await asyncio.sleep(1)

    async def _time_to_next(self) -> float:
        async with self._db.system() as tx:
            row = await tx.one(_q["next_timer_due"], {"kinds": list(self._handlers)})
        if row is None or row["due"] is None:
            return self._poll
        due: datetime = row["due"]
        return min(self._poll, max(0.001, (due - self._clock.now()).total_seconds()))

    async def _fire_one(self) -> bool:
        """Claim and handle one due timer; False when none is due."""
        timer: Timer | None = None
        try:
            async with self._db.system() as tx:
                row = await tx.one(_q["claim_timer"], {"now": self._clock.now(), "kinds": list(self._handlers)})
                if row is None:
                    return False
                row.pop("set_config")
                timer = Timer(**row)
                tx.tenant_id = timer.tenant_id
                await self._handlers[timer.kind](tx, timer)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            return True  # rolled back by the server's choice, nothing wrong with the timer: take it again at once
        except Exception as error:
            if timer is None or isinstance(error, DatabaseAway):
                raise  # the database, not the handler
            await self._postpone(timer)
            return True
        FIRED.labels(timer.kind, "done").inc()
        LAG.labels(timer.kind).observe(max(0.0, (self._clock.now() - timer.due).total_seconds()))
        return True

    async def _postpone(self, timer: Timer) -> None:
        """A handler failed: later again, for ever, with growing pauses. What was asked for is never dropped."""
        pause = _BACKOFF[min(timer.attempts, len(_BACKOFF) - 1)]
        log.exception(
            "a timer's handler failed",
            extra={"kind": timer.kind, "timer_id": timer.id, "attempts": timer.attempts + 1, "seconds": pause},
        )
        FIRED.labels(timer.kind, "failed").inc()
        due = self._clock.now() + timedelta(seconds=pause)
        async with self._db.system() as tx:
            await tx.run(_q["postpone_timer"], {"id": timer.id, "due": due, "attempts": timer.attempts})
