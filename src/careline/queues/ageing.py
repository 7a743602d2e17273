"""Whose turn it is: how priority, waiting time, class and weight of the queue make one order of all calls. Pure.

The order of all waiting calls, whatever their queues:

1. callers in danger, the longest wait first;
2. callers past the hard maximum wait of their class, the longest wait first;
3. the queue's weight;
4. queues that go by priority alone before those that go by a score;
5. the priority (call + queue), or the score of the queue's formula;
6. the longer wait; the call's id.

The formulas are those of acd-and-ivr §4. Inside, scores are whole numbers of microseconds waited × 1000, so that every
comparison is exact, whichever way it is made; a formula by minutes and one by seconds compare by the time behind them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from careline.queues.model import Queue, Waiting
from careline.queues.rules import EMERGENCY

#: Sorts calls: the smallest first.
Rank: TypeAlias = tuple[int, int, int, int, int, int]

DANGER, OVERDUE, IN_TURN = 0, 1, 2

#: Points of a score of one: a minute, or a second, in microseconds × 1000.
MINUTE, SECOND = 60_000_000_000, 1_000_000_000


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)


@dataclass(frozen=True, slots=True)
class Line:
    """How a call's standing moves with time: points(now) = slope × now - base."""

    #: Microseconds: where the clock started.
    start: int
    #: Thousandths per microsecond; 0 does not age.
    slope: int
    base: int
    cap: int | None = None

    def points(self, now: int) -> int:
        """The standing at a moment, the higher the sooner."""
        value = self.slope * now - self.base
        return value if self.cap is None else min(value, self.cap)

    def capped_at(self) -> int | None:
        """The microsecond from which the cap holds; None when it never does."""
        if self.cap is None or (not self.slope and -self.base < self.cap):
            return None
        return -(-(self.cap + self.base) // self.slope) if self.slope else 0


def line_of(call: Waiting, queue: Queue) -> Line:
    """The formula of a call's queue applied to the call."""
    ageing = queue.rules.ageing
    start = micros((call.arrived_at or call.place_at) if ageing.since == "arrival" else call.place_at)
    priority = call.priority + queue.priority
    match ageing.formula:
        case "priority":
            return Line(start, 0, -priority * MINUTE)
        case "minutes":
            return Line(start, 1000, 1000 * start - priority * MINUTE)
        case "seconds":
            return Line(start, 1000, 1000 * start - priority * SECOND)
        case "accelerated":
            slope = round(1000 * ageing.acceleration)
            cap = None if ageing.cap is None else round(ageing.cap * MINUTE)
            return Line(start, slope, slope * start - priority * MINUTE, cap)


def score(call: Waiting, queue: Queue, now: datetime) -> float:
    """A call's score in its queue's own unit: points per minute or, under "seconds", per second."""
    unit = SECOND if queue.rules.ageing.formula == "seconds" else MINUTE
    return line_of(call, queue).points(micros(now)) / unit


def overdue_at(call: Waiting, queue: Queue) -> datetime | None:
    """When the call is past the hard maximum wait of its class; None without one."""
    seconds = queue.rules.max_wait.get(call.klass)
    return None if seconds is None else call.place_at + timedelta(seconds=seconds)


def tier(call: Waiting, queue: Queue, now: datetime) -> int:
    """Danger, overdue, or in turn."""
    if call.klass == EMERGENCY:
        return DANGER
    late = overdue_at(call, queue)
    return OVERDUE if late is not None and late <= now else IN_TURN


def rank(call: Waiting, queue: Queue, now: datetime) -> Rank:
    """The call's place in the order of all calls at a moment: the smallest first."""
    level, own = tier(call, queue, now), call.call_id.int
    if level != IN_TURN:
        return level, 0, 0, 0, micros(call.place_at), own
    line = line_of(call, queue)
    scored = int(queue.rules.ageing.formula != "priority")
    return level, -queue.rules.weight, scored, -line.points(micros(now)), line.start, own
