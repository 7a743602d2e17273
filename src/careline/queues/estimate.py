"""How long a caller will wait, and what of it is told. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from careline.queues.rules import Announce


def expected_wait(place: int, staff: float, handle_seconds: float) -> float | None:
    """Seconds until the caller at `place` (from 1) is served, when everybody is busy; None when nobody is staffed.

    `place` agents must become free, and with `staff` of them one does every handle/staff seconds: the mean of the
    conditional wait in a busy M/M/N group (Gross & Harris, Fundamentals of Queueing Theory).
    """
    return place * handle_seconds / staff if staff > 0 else None


def staff_share(demand: int, everywhere: int) -> float:
    """Which part of an agent in several queues counts for one of them: that queue's part of all who wait there."""
    return demand / everywhere if everywhere > 0 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What a waiting caller is told of the wait, in whole minutes."""

    #: "between low and high minutes"; the same twice says "about"; None for low says "more than high".
    low: int | None
    high: int
    #: Told longer than last time: said with an apology, never silently.
    longer: bool = False


def announce(seconds: float | None, last: Announced | None, rules: Announce) -> Announced | None:
    """What to tell a caller whose expected wait is `seconds`, after `last` was told; None: nothing.

    Rounded up, as a range (the estimate, and half as much again), capped. A figure never grows by itself: while the
    new one is at most twice the last, the last is told again; only beyond that the caller hears a longer one, with an
    apology. Rules of acd-and-ivr §5.
    """
    if seconds is None or not rules.wait:
        return None
    low, high = max(1, math.ceil(seconds / 60)), max(1, math.ceil(seconds * 1.5 / 60))
    new = Announced(low=None, high=rules.cap_minutes) if high > rules.cap_minutes else Announced(low=low, high=high)
    if last is None:
        return new
    if _end(new) < _end(last):
        return new
    if _end(new) > 2 * _end(last):
        return Announced(low=new.low, high=new.high, longer=True)
    if rules.only_if_improved:
        return None
    return Announced(low=last.low, high=last.high)


def _end(told: Announced) -> float:
    return math.inf if told.low is None else told.high


def moving_average_minutes(hold: int, waited: int) -> int:
    """What app_queue would announce (its formula, acd-and-ivr §5): it grows for whoever waits longer than average.

    Kept as the vector that shows what ours must never do.
    """
    return abs(hold + 30 - waited) // 60
