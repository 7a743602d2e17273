"""When a call counts, and as what: every entry into a queue has one day, one queue and one fate. Pure.

The rules are stated here once, in plain loops over a call's events; `queries.sql` does the same in the database, and a
test holds the two against each other. docs/metrics.md lists them for readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from careline.reporting.model import Counts


class Fate(StrEnum):
    """What became of an entry into a queue."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    FLOWED_OUT = "flowed-out"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event of a call, as far as it matters here."""

    call_id: UUID
    kind: str
    at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry into a queue. The clock starts here, and not in the menu before it."""

    call_id: UUID
    queue_id: UUID
    at: datetime
    fate: Fate
    #: Seconds until its fate was decided; None while it waits.
    waited: float | None


#: An entry right after one of these continues an earlier one: an agent was lost, or a callback's place was kept.
_CONTINUED = frozenset({"requeued", "callback_arranged"})
#: What ends a wait otherwise than by an answer or a caller who hangs up.
_ELSEWHERE = frozenset({"queued", "transferred", "voicemail_started", "flow_moved", "callback_arranged", "ending"})
_DECISIVE = _CONTINUED | _ELSEWHERE | {"connected", "ended"}


def entries(events: Sequence[Happened]) -> list[Entry]:
    """Every entry into a queue, from the events of any number of calls, each call's in order."""
    by_call: dict[UUID, list[Happened]] = {}
    for event in events:
        if event.kind in _DECISIVE:
            by_call.setdefault(event.call_id, []).append(event)
    return [entry for steps in by_call.values() for entry in _of_call(steps)]


def _of_call(steps: Sequence[Happened]) -> Iterable[Entry]:
    for number, step in enumerate(steps):
        before = steps[number - 1].kind if number else None
        if step.kind != "queued" or before in _CONTINUED:
            continue
        following = steps[number + 1] if number + 1 < len(steps) else None
        yield Entry(
            call_id=step.call_id,
            queue_id=UUID(str(step.body["queue_id"])),
            at=step.at,
            fate=_fate(following),
            waited=(following.at - step.at).total_seconds() if following else None,
        )


def _fate(following: Happened | None) -> Fate:
    if following is None:
        return Fate.WAITING
    if following.kind == "connected":
        return Fate.ANSWERED
    if following.kind == "ended" and following.body.get("by") == "caller":
        return Fate.ABANDONED
    if following.kind == "requeued":
        return Fate.WAITING
    return Fate.FLOWED_OUT


def count(found: Iterable[Entry], *, threshold: float, short: float) -> Counts:
    """Raw counters of one queue. `threshold`: T of the service level in seconds; `short`: bound of short abandons."""
    every = list(found)

    def of(fate: Fate, within: float | None = None) -> list[float]:
        waits = [e.waited or 0.0 for e in every if e.fate is fate]
        return [w for w in waits if within is None or w <= within]

    return Counts(
        presented=len(every),
        answered=len(of(Fate.ANSWERED)),
        answered_in_t=len(of(Fate.ANSWERED, threshold)),
        abandoned=len(of(Fate.ABANDONED)),
        abandoned_in_t=len(of(Fate.ABANDONED, threshold)),
        short_abandoned=len(of(Fate.ABANDONED, short)),
        flow_out=len(of(Fate.FLOWED_OUT)),
        answered_wait_seconds=sum(of(Fate.ANSWERED)),
    )


def local_day(day: date, zone: str) -> tuple[datetime, datetime]:
    """The first instant of a local day and of the next, in UTC: 23, 24 or 25 hours apart."""
    return _begins(day, zone), _begins(day + timedelta(days=1), zone)


def _begins(day: date, zone: str) -> datetime:
    # Where midnight does not exist, the day begins at the first instant after the gap: `fold=0` reads the wall time
    # with the offset before it, which names just that instant.
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
