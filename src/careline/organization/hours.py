"""Opening hours as they are stored and edited: wall times in a zone, by weekday, with exceptions by day. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from careline.kernel.calendar import Calendar, Opening
from careline.kernel.errors import InvalidInput

_WALL = re.compile(r"[0-2]\d:[0-5]\d")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class InvalidHours(InvalidInput):
    """These opening hours are not valid."""

    id = "invalid-hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningException:
    """One day that differs, and why: no openings means closed."""

    day: date
    label: str
    open: tuple[Opening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """One version of some opening hours."""

    zone: str
    weekly: Mapping[str, tuple[Opening, ...]]
    exceptions: tuple[OpeningException, ...] = ()

    def calendar(self) -> Calendar:
        """As a calendar that answers questions about instants."""
        return Calendar(
            zone=self.zone,
            weekly={WEEKDAYS.index(day): openings for day, openings in self.weekly.items()},
            exceptions={e.day: e.open for e in self.exceptions},
        )

    def label_on(self, at: datetime) -> str | None:
        """The name of the exception that holds at an instant, if there is one."""
        day = at.astimezone(ZoneInfo(self.zone)).date()
        return next((e.label for e in self.exceptions if e.day == day), None)

    def to_body(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "zone": self.zone,
            "weekly": {day: _pairs(self.weekly.get(day, ())) for day in WEEKDAYS},
            "exceptions": [
                {"day": e.day.isoformat(), "label": e.label, "open": _pairs(e.open)}
                for e in sorted(self.exceptions, key=lambda e: e.day)
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
                    day=date.fromisoformat(e["day"]), label=str(e.get("label", "")), open=_openings(e.get("open", []))
                )
                for e in body.get("exceptions", [])
            )
        except (ZoneInfoNotFoundError, OSError) as error:
            raise InvalidHours("There is no such time zone.") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidHours("Opening hours are pairs of times such as 08:00 and 17:00.") from error
        if unknown := sorted(set(weekly) - set(WEEKDAYS)):
            raise InvalidHours(f"There is no such weekday: {unknown[0]}.")
        if any("\x00" in e.label or len(e.label) > 200 for e in exceptions):
            raise InvalidHours("A day's name has at most 200 characters, without NUL.")
        if len({e.day for e in exceptions}) != len(exceptions):
            raise InvalidHours("A day has two exceptions.")
        for openings in (*weekly.values(), *(e.open for e in exceptions)):
            _check_apart(openings)
        return cls(zone=zone, weekly=weekly, exceptions=exceptions)


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
