"""Days that differ, as people write them: one a line, in words or by rule; and the holidays that most practices keep.

2026-12-24 08:00-12:00 Christmas Eve
2026-12-28..2027-01-02 closed Winter break
every 12-25 observed closed Christmas Day
every 4th thu of nov closed Thanksgiving Day
every 1st sat 09:00-12:00 Saturday clinic
FREQ=WEEKLY;INTERVAL=2;BYDAY=WE 08:00-20:00 Late Wednesday
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from careline.kernel.calendar import Opening
from careline.kernel.recurrence import EPOCH

_OPENING = re.compile(r"(\d{1,2}:\d{2})\s*[-–]\s*(\d{1,2}:\d{2})")
_DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
_DAY_WORDS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_RANKS = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "last": -1}

_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\s*\.\.\s*(\d{4}-\d{2}-\d{2}))?\s*(.*)")
_YEARLY = re.compile(r"every\s+(\d{1,2})-(\d{1,2})\b\s*(observed\b)?\s*(.*)", re.IGNORECASE)
_RANKED = re.compile(
    rf"every\s+({'|'.join(_RANKS)})\s+({'|'.join(_DAY_WORDS)})[a-z]*(?:\s+(?:of|in)\s+({'|'.join(_MONTHS)})[a-z]*)?\b\s*(.*)",
    re.IGNORECASE,
)
_RULED = re.compile(r"(FREQ=\S+)(?:\s+from\s+(\d{4}-\d{2}-\d{2}))?\s*(.*)")


@dataclass(frozen=True, slots=True)
class _Rest:
    open: list[list[str]]
    label: str


def read(line: str) -> dict[str, Any] | None:
    """One line as a stored exception (`day`, `last`) or rule (`rule`, `start`, `observed`), with `open` and `label`;
    None when it cannot be understood."""
    line = line.strip()
    if found := _DATED.fullmatch(line):
        rest = _rest(found[3])
        return {"day": found[1], "last": found[2], "open": rest.open, "label": rest.label}
    if found := _YEARLY.fullmatch(line):
        rest = _rest(found[4])
        rule = f"FREQ=YEARLY;BYMONTH={int(found[1])};BYMONTHDAY={int(found[2])}"
        return _ruled(rule, rest, observed=bool(found[3]))
    if found := _RANKED.fullmatch(line):
        rest = _rest(found[4])
        byday = f"BYDAY={_RANKS[found[1].lower()]}{_DAYS[_DAY_WORDS.index(found[2].lower()[:3])].upper()}"
        if found[3]:
            return _ruled(f"FREQ=YEARLY;BYMONTH={_MONTHS.index(found[3].lower()[:3]) + 1};{byday}", rest)
        return _ruled(f"FREQ=MONTHLY;{byday}", rest)
    if found := _RULED.fullmatch(line):
        return _ruled(found[1], _rest(found[3]), start=found[2])
    return None


def _ruled(rule: str, rest: _Rest, *, observed: bool = False, start: str | None = None) -> dict[str, Any]:
    body = {"rule": rule, "observed": observed, "open": rest.open, "label": rest.label}
    return body | {"start": start} if start else body


def _rest(text: str) -> _Rest:
    found = [[a.zfill(5), b.zfill(5)] for a, b in _OPENING.findall(text)]
    label = _OPENING.sub("", text).strip(" ,")
    return _Rest(found, re.sub(r"^(closed|cerrado)\b\s*", "", label, flags=re.IGNORECASE))


def written_rule(rule: str, start: date, observed: bool) -> str:
    """A rule as people write it, when there are words for it."""
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    if start == EPOCH and parts.keys() == {"FREQ", "BYMONTH", "BYMONTHDAY"} and parts["FREQ"] == "YEARLY":
        return f"every {int(parts['BYMONTH']):02}-{int(parts['BYMONTHDAY']):02}{' observed' if observed else ''}"
    found = re.fullmatch(r"(-?\d)([A-Z]{2})", parts.get("BYDAY", ""))
    rank = next((word for word, n in _RANKS.items() if found and n == int(found[1])), None)
    if start == EPOCH and found and rank and not observed:
        weekday = _DAY_WORDS[_DAYS.index(found[2].lower())]
        if parts.keys() == {"FREQ", "BYDAY"} and parts["FREQ"] == "MONTHLY":
            return f"every {rank} {weekday}"
        if parts.keys() == {"FREQ", "BYMONTH", "BYDAY"} and parts["FREQ"] == "YEARLY":
            return f"every {rank} {weekday} of {_MONTHS[int(parts['BYMONTH']) - 1]}"
    return rule if start == EPOCH else f"{rule} from {start.isoformat()}"


def written(openings: tuple[Opening, ...]) -> str:
    """Openings as people write them: "08:00-12:00, 13:00-17:00"."""
    return ", ".join(f"{a:%H:%M}-{'24:00' if f'{b:%H:%M}' == '00:00' else f'{b:%H:%M}'}" for a, b in openings)


#: The legal public holidays of the United States: 5 U.S.C. 6103(a), as of 2021-06-17 (Juneteenth added by Public Law
#: 117-17). Fixed days are observed on the nearest weekday. Which of them a practice keeps is the practice's decision.
US_FEDERAL = (
    "every 01-01 observed closed New Year's Day",
    "every 3rd mon of jan closed Birthday of Martin Luther King, Jr.",
    "every 3rd mon of feb closed Washington's Birthday",
    "every last mon of may closed Memorial Day",
    "every 06-19 observed closed Juneteenth National Independence Day",
    "every 07-04 observed closed Independence Day",
    "every 1st mon of sep closed Labor Day",
    "every 2nd mon of oct closed Columbus Day",
    "every 11-11 observed closed Veterans Day",
    "every 4th thu of nov closed Thanksgiving Day",
    "every 12-25 observed closed Christmas Day",
)
