"""Opening hours as they are stored and edited: wall times in a zone, by weekday, with exceptions by day. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from careline.kernel.calendar import Calendar, Opening
from careline.kernel.errors import InvalidInput
from careline.kernel.recurrence import EPOCH, Recurrence

_WALL = re.compile(r"[0-2]\d:[0-5]\d")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class InvalidHours(InvalidInput):
    """These opening hours are not valid."""

    id = "invalid-hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningException:
    """A day that differs, or several in a row, and why: no openings means closed."""

    day: date
    label: str
    open: tuple[Opening, ...]
    #: The last day of several.
    last: date | None = None

    @property
    def days(self) -> list[date]:
        """Every day it covers."""
        return [self.day + timedelta(days=n) for n in range(((self.last or self.day) - self.day).days + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningRule:
    """Days that differ by rule, year after year: a holiday, a monthly clinic."""

    recurrence: Recurrence
    label: str
    open: tuple[Opening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """One version of some opening hours."""

    zone: str
    weekly: Mapping[str, tuple[Opening, ...]]
    exceptions: tuple[OpeningException, ...] = ()
    recurring: tuple[OpeningRule, ...] = ()

    def calendar(self) -> Calendar:
        """As a calendar that answers questions about instants."""
        return Calendar(
            zone=self.zone,
            weekly={WEEKDAYS.index(day): openings for day, openings in self.weekly.items()},
            exceptions={day: e.open for e in self.exceptions for day in e.days},
            recurring=tuple((r.recurrence, r.open) for r in self.recurring),
        )

    def label_on(self, at: datetime) -> str | None:
        """The name of the exception or holiday that holds at an instant, if there is one."""
        day = at.astimezone(ZoneInfo(self.zone)).date()
        dated = next((e.label for e in self.exceptions if e.day <= day <= (e.last or e.day)), None)
        if dated is not None:
            return dated
        rules = sorted((bool(r.open), r.label) for r in self.recurring if r.recurrence.on(day))
        return rules[0][1] if rules else None

    def to_body(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "zone": self.zone,
            "weekly": {day: _pairs(self.weekly.get(day, ())) for day in WEEKDAYS},
            "exceptions": [
                {"day": e.day.isoformat(), "label": e.label, "open": _pairs(e.open)}
                | ({"last": e.last.isoformat()} if e.last else {})
                for e in sorted(self.exceptions, key=lambda e: e.day)
            ],
            "recurring": [
                {
                    "rule": r.recurrence.rule,
                    "start": r.recurrence.start.isoformat(),
                    "observed": r.recurrence.observed,
                    "label": r.label,
                    "open": _pairs(r.open),
                }
                for r in self.recurring
            ],
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Hours:
        """Read stored or submitted hours. Raises `InvalidHours` naming what is wrong."""
        try:
            zone = str(body["zone"])
            ZoneInfo(zone)
            weekly = {str(day): _openings(pairs) for day, pairs in dict(body["weekly"]).items()}
            exceptions = tuple(
                OpeningException(
                    day=date.fromisoformat(e["day"]),
                    label=str(e.get("label", "")),
                    open=_openings(e.get("open", [])),
                    last=date.fromisoformat(e["last"]) if e.get("last") else None,
                )
                for e in body.get("exceptions", [])
            )
            recurring = tuple(_rule(r) for r in body.get("recurring", []))
        except (ZoneInfoNotFoundError, OSError) as error:
            raise InvalidHours("There is no such time zone.") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidHours("Opening hours are pairs of times such as 08:00 and 17:00.") from error
        if unknown := sorted(set(weekly) - set(WEEKDAYS)):
            raise InvalidHours(f"There is no such weekday: {unknown[0]}.")
        special: tuple[OpeningException | OpeningRule, ...] = (*exceptions, *recurring)
        if any("\x00" in e.label or len(e.label) > 200 for e in special):
            raise InvalidHours("A day's name has at most 200 characters, without NUL.")
        if any(e.last and not 0 <= (e.last - e.day).days <= 400 for e in exceptions):
            raise InvalidHours("A range of days ends after it begins, within 400 days.")
        days = [day for e in exceptions for day in e.days]
        if len(set(days)) != len(days):
            raise InvalidHours("A day has two exceptions.")
        for openings in (*weekly.values(), *(e.open for e in special)):
            _check_apart(openings)
        return cls(zone=zone, weekly=weekly, exceptions=exceptions, recurring=recurring)


def _rule(body: Mapping[str, Any]) -> OpeningRule:
    recurrence = Recurrence(
        rule=str(body["rule"]),
        start=date.fromisoformat(body["start"]) if body.get("start") else EPOCH,
        observed=bool(body.get("observed", False)),
    )
    try:
        recurrence.check()
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidHours(f"A rule for days cannot be read: {error}.") from error
    return OpeningRule(recurrence=recurrence, label=str(body.get("label", "")), open=_openings(body.get("open", [])))


def _openings(pairs: Any) -> tuple[Opening, ...]:
    return tuple(sorted((_time(opens), _time(closes)) for opens, closes in pairs))


def _time(text: str) -> time:
    # 24:00 is how people write the end of a day; the next day's 00:00 is the same instant.
    if text == "24:00":
        return time(0)
    if not _WALL.fullmatch(text):
        raise ValueError(text)
    return time.fromisoformat(text)


def _pairs(openings: tuple[Opening, ...]) -> list[list[str]]:
    return [[a.strftime("%H:%M"), "24:00" if b == time(0) else b.strftime("%H:%M")] for a, b in openings]


def _check_apart(openings: tuple[Opening, ...]) -> None:
    for (_, closes), (opens, _) in pairwise(openings):
        if closes == time(0) or closes > opens:
            raise InvalidHours("Two openings of one day overlap.")
