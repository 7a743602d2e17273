"""The floor's own events: what it is configured to do, when it was opened, and each new day. Pure.

`opened` holds everything a replay must begin with; `configured` what has changed since. At the first thing that happens
after midnight UTC the floor is opened anew with a new router, so that a day can be replayed from its own rows.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from careline.calls import configured, overflow
from careline.calls.configured import Configuration
from careline.calls.outcome import FloorEvent, Outcome

if TYPE_CHECKING:
    from careline.calls.floor import Floor


def _configuration(floor: Floor, tenant_id: int) -> Configuration:
    queues = [q for q in floor.queues.values() if q.tenant_id == tenant_id]
    people = [a for a in floor.agents.values() if a.tenant_id == tenant_id]
    own = {q.id for q in queues}
    return configured.of(queues, people, {q: s for q, s in floor.handle_seconds.items() if q in own})


def open_floor(floor: Floor, now: datetime) -> Outcome:
    """Begin: a new router, and one event a tenant that says everything it decides by."""
    out = Outcome()
    _open(floor, now, out)
    return out


def _open(floor: Floor, now: datetime, out: Outcome) -> None:
    floor.day = now.date()
    floor.roster.tell(now, out)
    floor.roster.changed.clear()
    floor.dispatch.rebuild(floor.agents, now)
    states = floor.roster.told()
    for tenant_id in floor.codes:
        floor.configuration[tenant_id] = found = _configuration(floor, tenant_id)
        agents = {i: s for i, s in states.items() if floor.agents[i].tenant_id == tenant_id}
        last = {q: a for q, a in floor.dispatch.last.items() if str(q) in found.queues}
        body = {
            **found.body(),
            "agents": {str(i): agents[i] for i in sorted(agents)},
            "last": {str(q): str(last[q]) for q in sorted(last)},
        }
        out.log.append(FloorEvent(tenant_id=tenant_id, kind="opened", at=now, body=body))
    overflow.note_staffing(floor, None, now, out)


def begin_day(floor: Floor, now: datetime, out: Outcome) -> None:
    """Open the floor anew when a day has begun since. Before it was opened for the first time this does nothing."""
    if floor.day is not None and floor.day != now.date():
        _open(floor, now, out)


def note_changes(floor: Floor, now: datetime, out: Outcome) -> None:
    """Leave an event for every tenant whose configuration is not what its events say."""
    if floor.day is None:
        return
    for tenant_id in floor.codes:
        found = _configuration(floor, tenant_id)
        known = floor.configuration.get(tenant_id, Configuration())
        if changes := known.changes(found):
            floor.configuration[tenant_id] = found
            out.log.append(FloorEvent(tenant_id=tenant_id, kind="configured", at=now, body=changes))
