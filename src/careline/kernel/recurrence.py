"""Days that come again by a rule: RFC 5545 recurrence rules over local dates. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from dateutil.rrule import rrule, rruleset, rrulestr

#: Parts of a rule that speak of days. Hours and seconds belong to the openings, not to the day.
_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYSETPOS"}) | {
    f"BY{unit}" for unit in ("DAY", "MONTHDAY", "YEARDAY", "WEEKNO", "MONTH")
}
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
#: Rules begin here unless they say otherwise: a day before any configuration of this system.
EPOCH = date(2020, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """An RRULE, such as `FREQ=YEARLY;BYMONTH=11;BYDAY=4TH`, counted from a day."""

    rule: str
    start: date = EPOCH
    #: Whether a Saturday's day is kept on the Friday before and a Sunday's on the Monday after, as US federal holidays
    #: are (5 U.S.C. 6103(b); Executive Order 11582, section 3).
    observed: bool = False

    def check(self) -> None:
        """Raise `ValueError`, saying what is wrong, unless the rule names days."""
        parts = dict(_part(text) for text in self.rule.split(";"))
        if unknown := sorted(parts.keys() - _PARTS):
            raise ValueError(f"a rule for days cannot have {unknown[0]}")
        if parts.get("FREQ") not in _FREQUENCIES:
            raise ValueError("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY")
        if not self.rule.isascii() or len(self.rule) > 200:
            raise ValueError("the rule is too long")
        _rule(self.rule, self.start)

    def on(self, day: date) -> bool:
        """Whether the rule names this day."""
        if self._names(day):
            return not (self.observed and day.weekday() >= 5)
        if not self.observed:
            return False
        if day.weekday() == 4:
            return self._names(day + timedelta(days=1))
        return day.weekday() == 0 and self._names(day - timedelta(days=1))

    def _names(self, day: date) -> bool:
        return day in _days(self.rule, self.start, day.year)


def _part(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise ValueError(f"“{text[:40]}” is not a part of a rule")
    return name, value


@lru_cache(maxsize=512)
def _rule(rule: str, start: date) -> rrule | rruleset:
    return rrulestr(rule, dtstart=datetime.combine(start, time(0)))


@lru_cache(maxsize=2048)
def _days(rule: str, start: date, year: int) -> frozenset[date]:
    """The days of a year that a rule names."""
    first, last = datetime(year, 1, 1), datetime(year, 12, 31)  # noqa: DTZ001 - local days have no zone
    return frozenset(moment.date() for moment in _rule(rule, start).between(first, last, inc=True))
