"""What a queue's rings achieve: how many calls came to each, found an agent there, or went on. Read from the events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from careline.kernel.clock import Clock
from careline.kernel.errors import InvalidInput, NotFound
from careline.platform.db import Database, queries
from careline.queues.rings import StepEvent, measure
from careline.queues.rules import Ring, from_body
from careline.security.actor import Actor
from careline.security.permissions import Permission

_rings = queries("careline.queues", "ring_effect.sql")
_lists = queries("careline.queues")


@dataclass(frozen=True, slots=True, kw_only=True)
class RingResult:
    """One step's figures. Step 0 is the queue as it is; step n follows once n rings are open."""

    step: int
    #: When the step opens, in seconds from joining; null for a step that the present rules do not have.
    after_seconds: float | None
    #: Calls that came to the step; of them: went on to a later one, found an agent here, left the queue here.
    queued: int
    expired: int
    joined: int
    left: int


class RingEffects:
    """Reading the figures. Part of the queue service."""

    db: Database
    clock: Clock

    async def ring_effect(self, actor: Actor, queue_id: UUID, days: int = 7) -> list[RingResult]:
        """Each step's figures of the last days; the first step first. Calls that still wait count where they are."""
        actor.require(Permission.QUEUE_MANAGE, Permission.BOARD_READ)
        if not 1 <= days <= 90:
            raise InvalidInput("The figures are of 1 to 90 days.", field="days")
        since = self.clock.now() - timedelta(days=days)
        async with self.db.tenant(actor.tenant_id) as tx:
            queue = await tx.one(_lists["list_queues"], {"id": queue_id})
            if queue is None:
                raise NotFound
            rows = await tx.all(_rings["list_ring_events"], {"id": queue_id, "since": since})
        rings = from_body(queue["rules"]).rings
        times = [0.0, *(ring.after_seconds for ring in rings)]
        return [
            RingResult(
                step=step,
                after_seconds=times[step] if step < len(times) else None,
                queued=count.queued,
                expired=count.expired,
                joined=count.joined,
                left=count.left,
            )
            for step, count in measure(steps(rows, queue_id, rings)).items()
        ]


@dataclass(slots=True)
class _InLine:
    since: datetime
    rings: tuple[Ring, ...]
    step: int


def steps(rows: Iterable[Mapping[str, Any]], queue_id: UUID, rings: tuple[Ring, ...]) -> Iterator[StepEvent]:
    """The steps of calls in a queue, from their events in order. Pure.

    An offer names its step; between offers steps are those that time opened. `rings` are the queue's present ones, for
    calls that did not note the rings they came in with.
    """
    waiting: dict[UUID, _InLine] = {}

    def on(call_id: UUID, call: _InLine, to: int) -> Iterator[StepEvent]:
        while call.step < to:
            call.step += 1
            yield StepEvent(call_id=call_id, kind="entered", step=call.step)

    def by_time(call: _InLine, at: datetime) -> int:
        return sum(1 for ring in call.rings if at - call.since >= timedelta(seconds=ring.after_seconds))

    for row in rows:
        call_id, kind = row["call_id"], row["kind"]
        call = waiting.get(call_id)
        here = row["queue_id"] == queue_id
        if kind == "queued" and here:
            if call is None:
                noted = row.get("rings")
                held = rings if noted is None else msgspec.convert(noted, tuple[Ring, ...])
                call = waiting[call_id] = _InLine(row["at"], held, 0)
                call.step = by_time(call, row["at"])
                yield StepEvent(call_id=call_id, kind="entered", step=call.step)
        elif call is None:
            continue
        elif kind == "offered":
            yield from on(call_id, call, max(row["ring"] or 0, call.step))
        elif kind == "connected":
            del waiting[call_id]
            yield StepEvent(call_id=call_id, kind="joined", step=call.step)
        else:
            yield from on(call_id, call, by_time(call, row["at"]))
            del waiting[call_id]
            yield StepEvent(call_id=call_id, kind="left", step=call.step)
