"""What holds for a callback: the queue's rules, when it may be offered, and when the caller may be rung. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from careline.calls.calling_hours import dialable, window, zones_of
from careline.calls.model import Phase
from careline.calls.step import Step
from careline.queues.rules import Callback as Rules

#: The longest time a recorded question, message or goodbye is waited for: longer than any of them.
LAST_WORD = timedelta(seconds=60)


def rules_of(s: Step) -> Rules:
    """The rules of the queue the call waits in."""
    queue = s.setting.queues.get(s.call.queue_id) if s.call.queue_id else None
    return queue.rules.callback if queue else Rules()


def kept(s: Step) -> timedelta:
    """After this time nobody tries any more; the department gets a message instead."""
    return timedelta(hours=rules_of(s).kept_hours)


def offered(s: Step) -> bool:
    """Whether this waiting caller may ask to be called back now."""
    call, rules = s.call, rules_of(s)
    if call.phase is not Phase.WAITING or not rules.offered or call.emergency or call.arranging or call.ending:
        return False
    if call.queued_at is None or (s.now - call.queued_at).total_seconds() < rules.after_seconds:
        return False
    if rules.estimate_above <= 0:
        return True
    _, seconds = s.setting.outlook(call)
    return seconds is None or seconds > rules.estimate_above


def may_call(s: Step, number: str | None) -> bool:
    """Whether this number can be called back: our own lines cannot, nor what `dialable` refuses."""
    return dialable(number, s.setting.region) and number not in (s.line.number, s.call.dialled)


def timed(s: Step, number: str, earliest: datetime | None = None) -> tuple[datetime | None, datetime | None]:
    """From when the number may be rung (None: from now on), and when that ends (None: it does not).

    `earliest`: the caller's own wish, or the pause after a vain attempt.
    """
    start = max(s.now, earliest or s.now)
    found = window(number, s.line.calendar, s.line.zone, s.setting.region, start)
    if found.opens > s.now:
        return found.opens, None
    return None, found.closes


def local(s: Step, number: str, moment: datetime) -> datetime:
    """A moment as the caller's clock shows it."""
    return moment.astimezone(ZoneInfo(zones_of(number, s.line.zone)[0]))
