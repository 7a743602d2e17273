"""When somebody may be called back: the practice's hours and the quiet hours where the caller is. Pure.

The hours are dated data (`calling_hours.yaml`). Where a number is, its numbering plan says (phonenumbers' data: the
area code in North America); a number that could be in several zones may be rung only when it is allowed in all of them,
and one that could be anywhere counts as the line's own place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
import yaml
from phonenumbers import PhoneNumberType
from phonenumbers.timezone import time_zones_for_number

from careline.kernel.calendar import Calendar

#: A number that may be in more zones than this could be anywhere in its country (mobile, toll-free).
_MOST_ZONES = 4
#: Openings looked at before we say that there is none.
_MOST_CHANGES = 60
_PREMIUM = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PAGER})


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietRule:
    """One dated rule: in this country, people are rung from `opens` to `closes` of their own time."""

    country: str
    since: date
    opens: time
    closes: time
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch in which the caller may be rung."""

    opens: datetime
    #: None: it does not end.
    closes: datetime | None


@cache
def shipped() -> tuple[QuietRule, ...]:
    """The rules as shipped, with their sources."""
    raw = yaml.safe_load(files("careline.calls").joinpath("calling_hours.yaml").read_text("utf-8"))
    return tuple(
        QuietRule(
            country=entry["country"],
            since=entry["since"],
            opens=time.fromisoformat(entry["from"]),
            closes=time.fromisoformat(entry["to"]),
            source=entry["source"],
        )
        for entry in raw
    )


def rule_for(country: str | None, day: date) -> QuietRule:
    """The rule that holds for a country on a day."""
    held = [rule for rule in shipped() if rule.since <= day and rule.country in (country, "*")]
    return max(held, key=lambda rule: (rule.country == country, rule.since))


@lru_cache(maxsize=8192)
def zones_of(number: str, fallback: str) -> tuple[str, ...]:
    """The IANA zones where a number (E.164) may be; `fallback` when that says nothing."""
    found = [zone for zone in time_zones_for_number(phonenumbers.parse(number, None)) if _known(zone)]
    return tuple(found) if 0 < len(found) <= _MOST_ZONES else (fallback,)


def _known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return zone != "Etc/Unknown"


def dialable(number: str | None, region: str) -> bool:
    """Whether we call a number back: a complete one of our own country, and none that costs extra.

    Calling anywhere in the world because a stranger typed it would make the line a target for toll fraud.
    """
    if not number:
        return False
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return False
    home = phonenumbers.country_code_for_region(region)
    if parsed.country_code != home or not phonenumbers.is_possible_number(parsed):
        return False
    where = phonenumbers.region_code_for_number(parsed)
    return where in (None, region) and phonenumbers.number_type(parsed) not in _PREMIUM


def window(number: str, calendar: Calendar | None, zone: str, region: str, at: datetime) -> Window:
    """The first stretch from `at` on in which a number may be rung: inside the practice's hours (`calendar`; None:
    always) and outside the quiet hours of every zone it may be in. A practice that never opens does not count."""
    country = phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or region
    rule = rule_for(country, at.date())
    every = dict.fromkeys(range(7), ((rule.opens, rule.closes),))
    quiet = [Calendar(zone=where, weekly=every) for where in zones_of(number, zone)]
    found = _together([*quiet, calendar] if calendar else quiet, at)
    return found or _together(quiet, at) or Window(opens=at, closes=None)


def _together(calendars: list[Calendar], at: datetime) -> Window | None:
    for _ in range(_MOST_CHANGES):
        shut = [calendar for calendar in calendars if not calendar.is_open(at)]
        if not shut:
            changes = [calendar.next_change(at) for calendar in calendars]
            return Window(opens=at, closes=min((c for c in changes if c), default=None))
        openings = [calendar.next_change(at) for calendar in shut]
        if any(opening is None for opening in openings):
            return None
        at = max(opening for opening in openings if opening)
    return None
