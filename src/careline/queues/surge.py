"""The surge switch: one audited click for a day with more calls than people.

While it is on, the reserve takes calls at once, waiting callers are offered a callback from the beginning, and they
hear that the wait is longer than usual. Nothing else of a queue's rules changes, and nobody loses a place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import Conflict, InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.platform.db import Database, queries
from careline.platform.events import NewEvent, append
from careline.queues.model import Queue
from careline.queues.rules import ReserveLevel
from careline.security import audit
from careline.security.actor import Actor
from careline.security.permissions import Permission

_q = queries("careline.queues", "surge.sql")

#: The longest time after which a surge may end by itself.
LONGEST = timedelta(days=7)


class AlreadySurging(Conflict):
    """The surge switch is on already."""

    id = "already-surging"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """A surge that is on."""

    id: UUID
    #: None: every queue.
    queue_id: UUID | None
    queue: str | None
    began_at: datetime
    began_by: str | None
    until: datetime | None


def surged(queue: Queue) -> Queue:
    """The queue as it works during a surge. Pure."""
    rules = queue.rules
    callback = replace(rules.callback, offered=True, after_seconds=0.0, estimate_above=0.0)
    # Above no wait at all, and never below less than none: every level of the reserve is on, and stays on.
    reserve = tuple(ReserveLevel(wait_above=0.0, wait_below=0.0, waiting_above=0) for _ in rules.reserve)
    return replace(queue, surge=True, rules=replace(rules, callback=callback, reserve=reserve))


class SurgeSwitch:
    """Throwing the switch. Part of the queue service."""

    db: Database
    clock: Clock

    async def surges(self, actor: Actor) -> list[Surge]:
        """The surges that are on, the oldest first."""
        actor.require(Permission.QUEUE_MANAGE, Permission.BOARD_READ, Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [Surge(**row) for row in await tx.all(_q["list_surges"], {"at": self.clock.now()})]

    async def begin_surge(self, actor: Actor, *, queue_id: UUID | None = None, hours: float | None = None) -> UUID:
        """Throw the switch for one queue or (None) for all, until it is ended or `hours` have passed.

        Raises `AlreadySurging` when that queue, or everything, is in a surge already.
        """
        actor.require(Permission.CLOSURE_SWITCH)
        if hours is not None and not 0 < hours <= LONGEST.total_seconds() / 3600:
            raise InvalidInput("A surge lasts up to seven days.", field="hours")
        now, surge_id = self.clock.now(), new_id()
        async with self.db.tenant(actor.tenant_id) as tx:
            if queue_id is not None and await tx.one(_q["know_queue"], {"id": queue_id}) is None:
                raise NotFound
            await tx.run(_q["lock_switch"])
            if await tx.one(_q["find_surge"], {"queue_id": queue_id, "at": now}) is not None:
                raise AlreadySurging
            until = now + timedelta(hours=hours) if hours is not None else None
            values = {"id": surge_id, "queue_id": queue_id, "at": now, "by": actor.person_id, "until": until}
            await tx.run(_q["insert_surge"], values)
            await append(tx, [_happened(actor, surge_id, "began")])
            await audit.record(tx, actor, audit.Action.EXECUTE, "surge", surge_id, detail={"on": True})
        return surge_id

    async def end_surge(self, actor: Actor, surge_id: UUID) -> None:
        """Back to the ordinary rules. Ending it twice is harmless. Raises `NotFound`."""
        actor.require(Permission.CLOSURE_SWITCH)
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.run(_q["end_surge"], {"id": surge_id, "at": self.clock.now(), "by": actor.person_id}):
                await append(tx, [_happened(actor, surge_id, "ended")])
                await audit.record(tx, actor, audit.Action.EXECUTE, "surge", surge_id, detail={"on": False})
            elif await tx.one(_q["known_surge"], {"id": surge_id}) is None:
                raise NotFound


def _happened(actor: Actor, surge_id: UUID, kind: str) -> NewEvent:
    return NewEvent(stream="surge", stream_id=surge_id, kind=kind, body={}, person_id=actor.person_id)
