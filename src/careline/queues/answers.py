"""The router's answers to questions that decide nothing: place, expected wait, and why. Pure."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from careline.queues import ageing, explain, standing
from careline.queues import estimate as estimates
from careline.queues.explain import Reasons, Why
from careline.queues.index import bits

if TYPE_CHECKING:
    from careline.queues.router import Router
    from careline.queues.turns import Entry


def position(router: Router, entry: Entry, micros: int) -> int:
    """The call's place in its queue, from 1."""
    return 1 + _ahead(router, entry, micros) + sum(_gated_ahead(router, entry, micros).values())


def _ahead(router: Router, entry: Entry, micros: int, sharing: int | None = None) -> int:
    """Calls of the queue before this one that may be offered now; `sharing`: only those that these agents suit too."""
    tier, weight, scored, base, start, number = router.places.turns.rank(entry, micros)
    prefix = (tier, weight, scored)
    ahead = 0
    for bucket in entry.line.buckets:
        if sharing is not None and not bucket.group.base.able & sharing:
            continue
        other = bucket.lane.key
        if other[:3] < prefix:
            ahead += len(bucket.keys)
        elif other[:3] == prefix:
            ahead += bisect_left(bucket.keys, (base + other[3] * micros, start, number))
    return ahead


def _gated_ahead(router: Router, entry: Entry, micros: int, sharing: int | None = None) -> dict[int, bool]:
    """Calls of the queue that are not to be offered now, and whether they come before this one."""
    own = router.places.turns.rank(entry, micros)
    entries = router.places.entries
    return {
        n: router.places.turns.rank(entries[n], micros) < own
        for n in entry.line.gated
        if sharing is None or entries[n].group.base.able & sharing
    }


def estimate(router: Router, entry: Entry, micros: int) -> float | None:
    """Expected seconds of waiting: the calls before it that draw on the same agents, and those agents' share for this
    queue. None when nobody who suits is on the floor."""
    people, line = router.people, entry.line
    able = entry.group.base.able & people.staffed
    staff = 0.0
    for number in bits(able):
        agent = people.agents[number]
        if agent is not None:
            serves = router.places.serves[agent.id]
            staff += estimates.staff_share(len(line.entries), sum(len(other.entries) for other in serves))
    place = 1 + _ahead(router, entry, micros, able) + sum(_gated_ahead(router, entry, micros, able).values())
    seconds = router.handling.get(line.queue.id, line.queue.expected_handle_seconds)
    return estimates.expected_wait(place, staff, seconds)


def why(router: Router, entry: Entry, now: datetime, chosen: tuple[UUID, ...]) -> Reasons:
    """The reasons of a decision, or of there being none: as things stand now, worked out when they are read."""
    people, call, line = router.people, entry.call, entry.line
    micros = ageing.micros(now)
    ahead = _ahead(router, entry, micros)
    position = 1 + ahead + sum(_gated_ahead(router, entry, micros).values())
    where = _where(router, entry, now)
    strategy = router.places.strategy(line.queue)
    reserve_on, last = line.reserve_on, router.last.get(line.queue.id)
    # Agents are frozen: a copy of the list is everybody as they are at this moment.
    everybody, taken = tuple(people.agents), people.taken

    def explained() -> Why:
        return explain.explain(
            call,
            where,
            (a for a in everybody if a is not None),
            strategy,
            now,
            reserve_on=reserve_on,
            last=last,
            chosen=chosen,
            position=position,
            passed_over=ahead if chosen else 0,
            taken={a.id for n in bits(taken) if (a := everybody[n])},
        )

    return Reasons(explained)


def _where(router: Router, entry: Entry, now: datetime) -> standing.Standing:
    """Where a call stands, plainly; what the indexes know already is not worked out anew."""
    call, group = entry.call, entry.group
    if group.kept is None:
        gate = standing.gate_of(call, entry.queue)
        return standing.Standing(queue=entry.queue, step=entry.step, reach=group.reach, not_before=gate)
    where = standing.standing(call, router.queues, router.people.by_id, now, router.places.held(call))
    assert where is not None
    return where
