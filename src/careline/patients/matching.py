"""Finding a patient tolerantly: how well a record fits what is known, and why. Pure.

Search is generous (53 % of first-name mismatches in confirmed duplicates are misspellings), attaching is strict: see
`verification`.
"""

from __future__ import annotations

import re
from datetime import date

from careline.patients.model import Record, Sought
from careline.patients.names import near, same_given, words

_NOT_CODE = re.compile(r"[^0-9A-Z]+")


def code(text: str) -> str:
    """A record or member number as it is compared: capitals and digits only."""
    return _NOT_CODE.sub("", text.upper())


def birth_date_slips(day: date) -> frozenset[date]:
    """Dates that one slip makes of a birth date: day and month swapped, two neighbouring digits transposed."""
    found = set()
    digits = f"{day:%Y%m%d}"
    spelled = [digits[:4] + digits[6:] + digits[4:6]]
    spelled += [digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :] for i in range(2, 7)]
    for text in spelled:
        try:
            found.add(date(int(text[:4]), int(text[4:6]), int(text[6:])))
        except ValueError:
            continue
    return frozenset(found - {day})


def fit(record: Record, sought: Sought, *, phone: str | None) -> tuple[int, tuple[str, ...]]:
    """How well a record fits (0 to 100 and beyond), and the reasons. 0: it does not."""
    score = 0
    reasons: list[str] = []
    if sought.mrn and code(sought.mrn) == code(record.mrn):
        score, reasons = score + 60, [*reasons, "mrn"]
    if sought.member_id and code(sought.member_id) in map(code, record.member_ids):
        score, reasons = score + 50, [*reasons, "member-id"]
    if phone and any(p.number == phone for p in record.phones):
        score, reasons = score + 25, [*reasons, "phone"]
    if sought.birth_date is not None:
        if sought.birth_date == record.birth_date:
            score, reasons = score + 35, [*reasons, "birth-date"]
        elif record.birth_date in birth_date_slips(sought.birth_date):
            score, reasons = score + 18, [*reasons, "birth-date-slip"]
    if sought.name:
        how = name_fit(record, sought.name)
        if how is not None:
            points, reason = how
            score, reasons = score + points, [*reasons, reason]
        elif not any(r in reasons for r in ("mrn", "member-id", "phone")):
            return 0, ()
    return score, tuple(reasons)


def name_fit(record: Record, name: str) -> tuple[int, str] | None:
    """How a name fits a record: exact, swapped, nickname, sound or slip, one part alone; None: not at all."""
    said = words(name)
    if not said:
        return None
    givens, families = words(record.given, record.preferred), words(record.family, record.former_family)
    middles = words(record.middle)
    if len(said) == 1:
        if said[0] in families or said[0] in givens:
            return 15, "name-part"
        if any(near(said[0], x) for x in (*families, *givens)):
            return 8, "name-sounds"
        return None
    if _covers(said, givens, middles, families, exact=True):
        # Given name first is how it is said; the other order is a slip worth knowing, as when forms are read aloud.
        return (40, "name-exact") if said[0] in (*givens, *middles) else (36, "name-swapped")
    if any(same_given(s, g) for s in said for g in givens) and any(s in families for s in said):
        return 34, "name-nickname"
    if _covers(said, givens, middles, families, exact=False):
        return 24, "name-sounds"
    return None


def _covers(
    said: tuple[str, ...], givens: tuple[str, ...], middles: tuple[str, ...], families: tuple[str, ...], *, exact: bool
) -> bool:
    """Whether some said word is a given name and another a family name."""

    def hits(word: str, names: tuple[str, ...]) -> bool:
        return word in names if exact else any(near(word, n) for n in names)

    if not givens or not families:
        return any(hits(word, givens or families) for word in said)
    pairs = ((a, b) for i, a in enumerate(said) for j, b in enumerate(said) if i != j)
    return any(hits(a, (*givens, *middles)) and hits(b, families) for a, b in pairs)
