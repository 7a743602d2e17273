"""Business calendars: weekly wall-time hours in a zone, with holidays and exceptions. Expanded to instants late.

Wall times survive changes of the zone's rules; instants stored ahead of time would not. On the day clocks go forward a
time that does not exist moves forward; on the day they go back an opening means the first and a closing the second
occurrence, so that nobody is turned away during an hour in which the doors are posted as open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from careline.kernel.recurrence import Recurrence

#: One opening: from, until. Until at or before from means the next day; 00:00 to 00:00 is the whole day.
Opening = tuple[time, time]

#: How far ahead a change is looked for.
HORIZON_DAYS = 400


def to_instant(day: date, wall: time, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The UTC instant of a wall time on a day; `last` picks the second of two occurrences."""
    local = datetime.combine(day, wall, zone)
    exists = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
    # In the gap, the offset before it (fold 0) is the one that moves the time forward.
    return local.replace(fold=1 if last and exists else 0).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When something is open. No openings at all means never; see `ALWAYS` for the opposite."""

    zone: str
    #: Openings by weekday, 0 Monday to 6 Sunday.
    weekly: Mapping[int, tuple[Opening, ...]] = field(default_factory=dict)
    #: Days that differ: holidays have no openings.
    exceptions: Mapping[date, tuple[Opening, ...]] = field(default_factory=dict)
    #: Days that differ by rule ("the fourth Thursday of November").
    recurring: tuple[tuple[Recurrence, tuple[Opening, ...]], ...] = ()

    def openings(self, day: date) -> tuple[Opening, ...]:
        """The openings of a local day: a day's own exception first, then the rules, of which a closed one beats an
        open one (a holiday on a clinic Saturday is a holiday), then the week."""
        if day in self.exceptions:
            return self.exceptions[day]
        special = [openings for rule, openings in self.recurring if rule.on(day)]
        if special:
            return () if not all(special) else tuple(o for openings in special for o in openings)
        return self.weekly.get(day.weekday(), ())

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """The openings that begin on a local day, as UTC instants, in order."""
        zone = ZoneInfo(self.zone)
        found = []
        for opens, closes in sorted(self.openings(day)):
            start = to_instant(day, opens, zone)
            end = to_instant(day if closes > opens else day + timedelta(days=1), closes, zone, last=True)
            if end > start:
                found.append((start, end))
        return found

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at an instant."""
        local = at.astimezone(ZoneInfo(self.zone)).date()
        days = (local - timedelta(days=1), local)
        return any(start <= at < end for day in days for start, end in self.spans(day))

    def next_change(self, at: datetime) -> datetime | None:
        """The next instant after `at` when it opens or closes; None when nothing changes within the horizon."""
        local = at.astimezone(ZoneInfo(self.zone)).date()
        open_until: datetime | None = None
        was_open = self.is_open(at)
        for offset in range(-1, HORIZON_DAYS):
            for start, end in self.spans(local + timedelta(days=offset)):
                if not was_open:
                    if start > at:
                        return start
                elif open_until is None:
                    if start <= at < end:
                        open_until = end
                elif start <= open_until:
                    open_until = max(open_until, end)
                else:
                    return open_until
        # Open without a gap to the horizon is open for good.
        if open_until is not None and open_until < at + timedelta(days=HORIZON_DAYS - 2):
            return open_until
        return None


ALWAYS = Calendar(zone="UTC", weekly={day: ((time(0), time(0)),) for day in range(7)})
