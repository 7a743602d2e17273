"""Patients, what a caller states, how far that verifies the caller, and what may be shown then. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from careline.kernel.errors import CarelineError, Conflict, InvalidInput

#: What a caller may state about the patient, and what the stored value is compared with.
IDENTIFIERS = ("name", "birth_date", "phone", "postal_code", "street", "mrn", "email", "member_id")


class UnknownRole(InvalidInput):
    """There is no such caller role."""

    id = "unknown-caller-role"


class VerificationNeeded(CarelineError):
    """Verify the caller first."""

    id = "verification-needed"
    status = 403


class VerificationLocked(CarelineError):
    """Verification of this patient is locked after repeated failures; a supervisor can unlock it."""

    id = "verification-locked"
    status = 423


class ContactClosed(Conflict):
    """This contact is over; a patient's data opens only with an open contact."""

    id = "contact-closed"


class TooLittleToSearch(InvalidInput):
    """Search needs a telephone number, an MRN, a member id, or a name together with a date of birth or a first name."""

    id = "too-little-to-search"


class Outcome(StrEnum):
    """How an attempt to verify ended."""

    #: A level was reached.
    VERIFIED = "verified"
    #: Nothing disagreed, but more is needed.
    INCOMPLETE = "incomplete"
    #: Something stated disagrees with the record.
    FAILED = "failed"
    #: Not even tried: locked after repeated failures.
    LOCKED = "locked"
    #: Opened without verification in an emergency.
    EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What the caller said, as the agent typed it. None: not asked or not said."""

    name: str | None = None
    birth_date: date | None = None
    phone: str | None = None
    postal_code: str | None = None
    street: str | None = None
    mrn: str | None = None
    email: str | None = None
    member_id: str | None = None
    #: Who is speaking, when it is not the patient.
    caller_name: str | None = None

    def given(self) -> frozenset[str]:
        """The identifiers that were stated."""
        return frozenset(f.name for f in fields(self) if f.name in IDENTIFIERS and getattr(self, f.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is known when looking for a patient."""

    name: str = ""
    birth_date: date | None = None
    phone: str = ""
    mrn: str = ""
    member_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """One of a patient's telephone numbers."""

    number: str
    use: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who may act for a patient, and in what."""

    id: UUID
    holder_name: str
    holder_phone: str | None
    role: str
    scope: frozenset[str]
    basis: str
    note: str
    valid_from: date
    valid_until: date | None
    age_out: date | None
    revoked_at: datetime | None

    def holds(self, today: date) -> bool:
        """Whether it gives any right on a day."""
        ended = any(day is not None and today >= day for day in (self.valid_until, self.age_out))
        return self.revoked_at is None and self.valid_from <= today and not ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A patient's stored identity. Never leaves the server as a whole."""

    id: UUID
    mrn: str
    given: str
    middle: str
    family: str
    suffix: str
    preferred: str
    former_family: str
    birth_date: date
    household_id: UUID | None = None
    street: str = ""
    postal_code: str = ""
    email: str = ""
    deceased_on: date | None = None
    phones: tuple[Phone, ...] = ()
    member_ids: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()

    def age(self, today: date) -> int:
        """Completed years on a day."""
        before_birthday = (today.month, today.day) < (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - before_birthday

    def full_name(self) -> str:
        """As it is written."""
        return " ".join(x for x in (self.given, self.middle, self.family, self.suffix) if x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody the caller may be calling about, as far as it may be shown before verification."""

    patient_id: UUID
    #: "Candidate A".
    label: str
    initials: str
    #: `adult` or `minor`.
    age_group: str
    #: Why it is a candidate: codes such as `phone-own`, `phone-proxy`, `name-sounds`, `birth-date`.
    matched: tuple[str, ...]
    score: int
    #: The highest level reached on this contact already.
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Candidates, best first. A hint, never a verification."""

    found: tuple[Candidate, ...]
    #: More fit than are shown.
    more: int = 0
    #: The number belongs to so many patients (a nursing home, a school) that it says nothing.
    shared_number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Where verification stands after an attempt. Names of identifiers only; never a stored value."""

    patient_id: UUID
    outcome: Outcome
    level: int
    caller_role: str
    agreed: tuple[str, ...]
    disagreed: tuple[str, ...]
    #: What may be talked about with this caller.
    scope: tuple[str, ...]
    #: Identifiers that would help to reach the next level; empty when no further one can be reached by stating them.
    ask_next: tuple[str, ...]
    attempts_left: int
    #: Why the level is lower than the identifiers alone would give: `no-grant`, `no-authority`, `minor`, or nothing.
    limited_by: str | None = None
    #: What may be done now, and what each further action needs.
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A patient whose verification is locked after repeated failures."""

    patient_id: UUID
    initials: str
    failures: int
    last_at: datetime
    #: Where and before whom it failed last.
    call_id: UUID
    agent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One appointment, for display."""

    starts_at: datetime
    zone: str
    minutes: int
    visit_type: str
    provider: str
    location: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastContact:
    """An earlier call about this patient."""

    call_id: UUID
    at: datetime
    reason: str | None
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A patient's card, holding what the level and the caller's scope allow; the rest is None or masked."""

    patient_id: UUID
    level: int
    caller_role: str
    #: Opened without verification, in an emergency.
    emergency: bool
    name: str
    preferred: str
    pronouns: str
    birth_date: date
    age: int
    sex: str
    language: str
    interpreter: bool
    mrn: str
    provider: str | None
    deceased: bool
    vip: bool
    confidential: bool
    alerts: tuple[tuple[str, str], ...]
    #: Twins and others of a similar name in the household, or with the same birth date: how many.
    look_alikes: int
    visits: tuple[Visit, ...] | None
    coverage: tuple[Mapping[str, str | None], ...] | None
    phones: tuple[Mapping[str, str], ...]
    address: str | None
    email: str | None
    proxies: tuple[Mapping[str, str | None], ...] | None
    last_contacts: tuple[LastContact, ...]
    scope: tuple[str, ...]
    #: What is not shown, and the level that would show it.
    withheld: Mapping[str, int] = field(default_factory=dict)


def mask(value: str, shown: int = 2) -> str:
    """A stored value of which only the last characters may be seen."""
    return "•" * 4 + value[-shown:] if len(value) > shown else "•" * 4
