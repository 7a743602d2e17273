"""Emergencies that need somebody's eyes: on the board until a person acknowledges them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import NotFound
from careline.platform.db import Database, Tx, queries
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.permissions import Permission

_q = queries("careline.reporting", "alarms.sql")

#: `nobody-signed-on`: raised when nobody took calls; `not-taken`: nobody took it in time; `nobody-reached`: no number
#: outside did either; `caller-left`: hung up before a person was there; `voicemail`: words of a message may mean one.
Why = Literal["nobody-signed-on", "not-taken", "nobody-reached", "caller-left", "voicemail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One call that somebody must look at. No caller's number, no words."""

    call_id: UUID
    #: Every reason, in order.
    why: list[str]
    raised_at: datetime
    #: Where the call is now: `waiting`, `talking`, `ended` …
    phase: str
    line: str


async def raise_alarm(tx: Tx, call_id: UUID, why: Why, now: datetime) -> None:
    """Put a call on the board until somebody acknowledges it. The same reason again changes nothing."""
    if await tx.one(_q["raise_alarm"], {"call_id": call_id, "why": why, "now": now}) is not None:
        await append(tx, [NewEvent(stream="emergency", stream_id=call_id, kind="alarm_raised", body={"why": why})])


class AlarmService:
    """Reads and acknowledges them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def list(self, actor: Actor) -> list[Alarm]:
        """Those that nobody has acknowledged, the oldest first."""
        actor.require(Permission.BOARD_READ)
        async with self._db.tenant(actor.tenant_id) as tx:
            return [Alarm(**row) for row in await tx.all(_q["list_alarms"])]

    async def acknowledge(self, actor: Actor, call_id: UUID) -> None:
        """The actor looks after it: it leaves the board. Audited. Raises `NotFound` when nothing is left to do."""
        actor.require(Permission.AGENT_MANAGE, Permission.CLOSURE_SWITCH)
        values = {"call_id": call_id, "now": self._clock.now(), "by": actor.person_id}
        async with self._db.tenant(actor.tenant_id) as tx:
            if not (why := [row["why"] for row in await tx.all(_q["acknowledge_alarm"], values)]):
                raise NotFound("Somebody has acknowledged this already.")
            event = NewEvent(
                stream="emergency",
                stream_id=call_id,
                kind="alarm_acknowledged",
                body={"why": why},
                person_id=actor.person_id,
            )
            await append(tx, [event])
            detail: dict[str, object] = {"step": "alarm-acknowledged", "why": why}
            await audit.record(tx, actor, audit.Action.EMERGENCY, "call", call_id, contact_id=call_id, detail=detail)
