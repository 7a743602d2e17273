"""Verifying a caller: what was stated is compared with the record, and authority is looked up. Pure and strict.

The answer says which identifiers agree, never what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import date

from careline.kernel.phone import to_e164
from careline.patients.matching import code
from careline.patients.model import Grant, Record, Stated, UnknownRole
from careline.patients.names import near, same_given, words
from careline.patients.policy import Policy

#: What people write in more than one way in an address, and what does not tell two streets apart.
_STREET_WORDS = re.compile(
    r"\b(st|street|ave|avenue|rd|road|blvd|boulevard|dr|drive|ln|lane|ct|court|pl|place|apt|apartment|unit|suite|n|s|e|w"
    r"|north|south|east|west)\b\.?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """By what right a caller speaks."""

    kind: str
    most_level: int
    scope: frozenset[str]
    grant: Grant | None = None
    limited_by: str | None = None


def compare(
    stated: Stated, record: Record, look_alikes: Iterable[Record], region: str = "US"
) -> tuple[frozenset[str], frozenset[str]]:
    """The identifiers that agree with the record and those that disagree."""
    agree = {
        "name": lambda: same_name(stated.name or "", record, look_alikes),
        "birth_date": lambda: stated.birth_date == record.birth_date,
        "phone": lambda: to_e164(stated.phone, region) in {p.number for p in record.phones},
        "postal_code": lambda: _same_postal_code(stated.postal_code or "", record.postal_code),
        "street": lambda: _same_street(stated.street or "", record.street),
        "mrn": lambda: code(stated.mrn or "") == code(record.mrn),
        "email": lambda: (stated.email or "").strip().casefold() == record.email.strip().casefold() != "",
        "member_id": lambda: code(stated.member_id or "") in {code(m) for m in record.member_ids},
    }
    agreed = frozenset(name for name in stated.given() if agree[name]())
    return agreed, stated.given() - agreed


def similar(a: Record, b: Record) -> bool:
    """Whether two people are easily taken for one another: twins, namesakes born on one day, Jr and Sr in one house."""
    if a.id == b.id:
        return False
    together = a.household_id is not None and a.household_id == b.household_id
    same_family = bool(set(words(a.family, a.former_family)) & set(words(b.family, b.former_family)))
    same_day = a.birth_date == b.birth_date
    givens_a, givens_b = words(a.given, a.preferred), words(b.given, b.preferred)
    alike = any(near(x, y) or same_given(x, y) for x in givens_a for y in givens_b)
    return (same_day and (same_family or together)) or (alike and (together or (same_day and same_family)))


def same_name(said: str, record: Record, look_alikes: Iterable[Record]) -> bool:
    """Whether a stated full name is this patient's: every word of it explained, one as given and one as family name.

    A word misheard or mistyped is let through, except where somebody similar exists: there every letter counts.
    """
    said_words = words(said)
    strict = any(True for _ in look_alikes)
    givens, middles = words(record.given, record.preferred), words(record.middle)
    families = words(record.family, record.former_family)

    def given(word: str) -> bool:
        known = any(same_given(word, g) for g in givens)
        return known or (not strict and any(near(word, g) for g in givens))

    def family(word: str) -> bool:
        return word in families or (not strict and any(near(word, f) for f in families))

    def middle(word: str) -> bool:
        return word in middles or (len(word) == 1 and any(m[0] == word for m in (*middles, *givens)))

    if not said_words or not all(given(w) or family(w) or middle(w) for w in said_words):
        return False
    if not givens:
        return any(family(w) for w in said_words)
    return any(given(a) and family(b) for a in said_words for b in said_words if a != b) or (
        # A person whose given and family name are one word states it once.
        set(givens) & set(families) == set(said_words)
    )


def authority(policy: Policy, role: str, caller_name: str | None, record: Record, today: date) -> Authority:
    """By what right somebody in a role speaks for a patient. Raises `UnknownRole`."""
    kind = policy.roles.get(role)
    if kind is None:
        raise UnknownRole(roles=sorted(policy.roles))
    most, scope = policy.authorities[kind]
    if kind == "own":
        if role == "self" and record.age(today) < policy.minor_age:
            return Authority(kind=kind, most_level=policy.minor_level, scope=policy.minor_scope, limited_by="minor")
        return Authority(kind=kind, most_level=most, scope=scope)
    if kind == "grant":
        grant = _grant_of(role, caller_name, record.grants, today)
        if grant is None:
            return Authority(kind=kind, most_level=0, scope=frozenset(), limited_by="no-grant")
        return Authority(kind=kind, most_level=most, scope=grant.scope, grant=grant)
    return Authority(kind=kind, most_level=most, scope=scope, limited_by="no-authority" if most == 0 else None)


def _grant_of(role: str, caller_name: str | None, grants: Iterable[Grant], today: date) -> Grant | None:
    said = set(words(caller_name or ""))
    if not said:
        return None
    for grant in grants:
        holder = set(words(grant.holder_name))
        if grant.holds(today) and grant.role == role and len(said & holder) >= min(2, len(holder)):
            return grant
    return None


def with_earlier(agreed: Set[str], disagreed: Set[str], earlier: Iterable[str]) -> frozenset[str]:
    """What agrees on this contact so far. What was stated anew and disagrees does not count from earlier."""
    return frozenset(agreed | (set(earlier) - disagreed))


def _same_postal_code(said: str, stored: str) -> bool:
    def digits(text: str) -> str:
        return re.sub(r"\W", "", text).upper()[:5]

    return len(digits(said)) >= 4 and digits(said) == digits(stored)


def _same_street(said: str, stored: str) -> bool:
    """The same house number and the same street name, however the kind of street is written."""

    def parts(text: str) -> tuple[set[str], tuple[str, ...]]:
        plain = _STREET_WORDS.sub(" ", text.casefold())
        return set(re.findall(r"\d+", plain)), words(re.sub(r"\d+", " ", plain))

    (said_numbers, said_words), (numbers, names) = parts(said), parts(stored)
    if not said_numbers or not said_words or not numbers:
        return False
    return bool(said_numbers & numbers) and any(near(a, b) for a in said_words for b in names)
