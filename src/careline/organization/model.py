"""Accounts, locations, departments, providers and lines, and what a line does at a given time. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from careline.kernel.calendar import Calendar
from careline.kernel.errors import InvalidInput
from careline.kernel.phone import to_e164


class Door(StrEnum):
    """What a caller meets at a line."""

    #: Inside opening hours.
    OPEN = "open"
    #: Outside opening hours.
    CLOSED = "closed"
    #: Somebody threw the emergency-closure switch.
    EMERGENCY_CLOSED = "emergency-closed"


class InvalidLineConfig(InvalidInput):
    """This line configuration is not valid."""

    id = "invalid-line-config"


class NumberTaken(InvalidInput):
    """This telephone number already belongs to a line."""

    id = "number-taken"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuChoice:
    """One key of a line's menu: what the caller hears, and the queue it leads to."""

    key: str
    #: Short code of what the caller wants (`appointments`); shown to agents as the reason of the call.
    reason: str
    queue_id: UUID
    #: What the key is for, by language: {"en": "appointments", "es": "citas"}.
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowChoice:
    """One rule of which flow a line's callers meet. The first rule that fits counts."""

    flow_id: UUID
    #: What the door must be: open, closed, closure; none named: whatever it is.
    doors: tuple[str, ...] = ()
    #: The first and the last day, in the location's zone; None: no bound.
    first_day: date | None = None
    last_day: date | None = None
    #: Only while these opening hours are open; None: at any hour.
    hours_id: UUID | None = None
    #: The number of the version callers meet, whatever is published later; None: what is live.
    version: int | None = None

    @property
    def special(self) -> bool:
        """Whether it holds sometimes only."""
        return bool(self.doors or self.first_day or self.last_day or self.hours_id)

    def fits(self, door: str, day: date, *, in_hours: bool = True) -> bool:
        """Whether the rule holds for a caller at this door on this local day; `in_hours`: its hours are open."""
        if (self.doors and door not in self.doors) or (self.hours_id is not None and not in_hours):
            return False
        return (self.first_day is None or day >= self.first_day) and (self.last_day is None or day <= self.last_day)

    def to_body(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "flow_id": str(self.flow_id),
            "doors": list(self.doors),
            "first_day": self.first_day.isoformat() if self.first_day else None,
            "last_day": self.last_day.isoformat() if self.last_day else None,
            "hours_id": _text(self.hours_id),
            "version": self.version,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> FlowChoice:
        """From JSON values."""
        first, last = body.get("first_day"), body.get("last_day")
        return cls(
            flow_id=UUID(str(body["flow_id"])),
            doors=tuple(str(door) for door in body.get("doors", [])),
            first_day=date.fromisoformat(first) if first else None,
            last_day=date.fromisoformat(last) if last else None,
            hours_id=_uuid(body.get("hours_id")),
            version=int(body["version"]) if body.get("version") else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyContact:
    """Somebody outside who is rung when nobody here takes an emergency: a charge nurse, a security desk."""

    name: str
    #: In E.164.
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineConfig:
    """How a line behaves. Stored as one effective-dated version; never overwritten."""

    languages: tuple[str, ...] = ("en",)
    #: None: always open.
    hours_id: UUID | None = None
    #: The practice's own words after the emergency notice, by language; spoken by the bundled voice.
    greeting: Mapping[str, str] = field(default_factory=dict)
    menu: tuple[MenuChoice, ...] = ()
    #: Where callers go who choose nothing, or when there is no menu.
    queue_id: UUID | None = None
    #: Whose inbox voicemails and after-hours messages reach.
    voicemail_department_id: UUID | None = None
    record: bool = True
    #: Whether callers are told that the call is recorded.
    announce_recording: bool = True
    #: Offer voicemail after so long in a queue.
    max_wait_seconds: int = 1800
    #: Straight into the queue, without greeting or menu: internal lines and measurements.
    direct: bool = False
    #: Which flow callers meet; none: the usual one, made from the settings above.
    flows: tuple[FlowChoice, ...] = ()
    #: The key that raises an emergency at every point of a call; empty: none.
    emergency_key: str = "*"
    #: Whether callers are listened to for words that may mean danger while nobody else hears them.
    listen_for_emergencies: bool = True
    #: Where a caller in an emergency goes, when somebody is signed on there; None: to the present queue.
    emergency_queue_id: UUID | None = None
    #: Rung in this order when nobody is signed on, or nobody has taken the caller after so many seconds.
    emergency_contacts: tuple[EmergencyContact, ...] = ()
    emergency_patience: int = 30

    def label(self, key: str, language: str) -> str:
        """What a menu key is for, in the caller's language when there is one."""
        for choice in self.menu:
            if choice.key == key:
                return choice.labels.get(language) or choice.labels.get("en") or choice.reason
        return ""

    def to_body(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "languages": list(self.languages),
            "hours_id": _text(self.hours_id),
            "greeting": dict(self.greeting),
            "menu": [
                {"key": c.key, "reason": c.reason, "queue_id": str(c.queue_id), "labels": dict(c.labels)}
                for c in self.menu
            ],
            "queue_id": _text(self.queue_id),
            "voicemail_department_id": _text(self.voicemail_department_id),
            "record": self.record,
            "announce_recording": self.announce_recording,
            "max_wait_seconds": self.max_wait_seconds,
            "direct": self.direct,
            "flows": [choice.to_body() for choice in self.flows],
            "emergency_key": self.emergency_key,
            "listen_for_emergencies": self.listen_for_emergencies,
            "emergency_queue_id": _text(self.emergency_queue_id),
            "emergency_contacts": [{"name": c.name, "number": c.number} for c in self.emergency_contacts],
            "emergency_patience": self.emergency_patience,
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> LineConfig:
        """Read a stored or submitted configuration. Raises `InvalidLineConfig` naming what is wrong."""
        try:
            config = cls(
                languages=tuple(str(x) for x in body.get("languages", ["en"])),
                hours_id=_uuid(body.get("hours_id")),
                greeting={str(k): str(v) for k, v in dict(body.get("greeting", {})).items()},
                menu=tuple(
                    MenuChoice(
                        key=str(c["key"]),
                        reason=str(c["reason"]),
                        queue_id=UUID(str(c["queue_id"])),
                        labels={str(k): str(v) for k, v in dict(c.get("labels", {})).items()},
                    )
                    for c in body.get("menu", [])
                ),
                queue_id=_uuid(body.get("queue_id")),
                voicemail_department_id=_uuid(body.get("voicemail_department_id")),
                record=bool(body.get("record", True)),
                announce_recording=bool(body.get("announce_recording", True)),
                max_wait_seconds=int(body.get("max_wait_seconds", 1800)),
                direct=bool(body.get("direct", False)),
                flows=tuple(FlowChoice.from_body(choice) for choice in body.get("flows") or []),
                emergency_key=str(body.get("emergency_key", "*")),
                listen_for_emergencies=bool(body.get("listen_for_emergencies", True)),
                emergency_queue_id=_uuid(body.get("emergency_queue_id")),
                emergency_contacts=tuple(_contact(c) for c in body.get("emergency_contacts") or []),
                emergency_patience=int(body.get("emergency_patience", 30)),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InvalidLineConfig("The line's configuration cannot be read.") from error
        config.check()
        return config

    def check(self) -> None:
        """Refuse what no caller could get through."""
        if not self.languages or any(not re.fullmatch(r"[a-z]{2,3}", x) for x in self.languages):
            raise InvalidLineConfig("A line needs at least one language, as two-letter codes.")
        if len(set(self.languages)) != len(self.languages):
            raise InvalidLineConfig("A language is listed twice.")
        texts = [*self.greeting.values(), *(x for c in self.menu for x in (c.reason, *c.labels.values()))]
        if any("\x00" in text or len(text) > 500 for text in (*texts, *self.greeting)):
            raise InvalidLineConfig("Words have at most 500 characters, without NUL.")
        keys = [c.key for c in self.menu]
        if any(not re.fullmatch("[1-9]", key) for key in keys):
            raise InvalidLineConfig("Menu keys are the digits 1 to 9.")
        if len(set(keys)) != len(keys):
            raise InvalidLineConfig("A menu key is used twice.")
        if self.emergency_key and not re.fullmatch(r"[*03-9]", self.emergency_key):
            raise InvalidLineConfig("The emergency key is the star, 0, or one of 3 to 9: 1, 2 and # have other uses.")
        if self.emergency_key in keys:
            raise InvalidLineConfig(f"Key {self.emergency_key} cannot be both the emergency key and a menu key.")
        for choice in self.menu:
            missing = [x for x in self.languages if not choice.labels.get(x)]
            if missing:
                raise InvalidLineConfig(f"Menu key {choice.key} has no words in: {', '.join(missing)}.")
        if len(self.flows) > 20 or any(set(c.doors) - {"open", "closed", "closure"} for c in self.flows):
            raise InvalidLineConfig("A flow is for the door open, closed or closure; a line has at most 20 rules.")
        if any(c.first_day and c.last_day and c.first_day > c.last_day for c in self.flows):
            raise InvalidLineConfig("A flow's last day is not before its first.")
        if len(self.emergency_contacts) > 5 or any(
            not c.name or len(c.name) > 60 or not c.name.isprintable() for c in self.emergency_contacts
        ):
            raise InvalidLineConfig("At most five people are rung in an emergency, each with a name.")
        if any(not re.fullmatch(r"\+[1-9]\d{6,14}", c.number) for c in self.emergency_contacts):
            raise InvalidLineConfig(
                "A number for emergencies is a whole telephone number. 911 is never rung from here: it would be told "
                "this site's address, not the caller's."
            )
        if not 0 <= self.emergency_patience <= 300:
            raise InvalidLineConfig("Others are rung in an emergency after 0 to 300 seconds.")
        if not 60 <= self.max_wait_seconds <= 7200:
            raise InvalidLineConfig("The longest wait is between 60 and 7200 seconds.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRef:
    """Whose line a dialled number is."""

    tenant_id: int
    line_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """A line with the configuration valid at one instant, and what a caller meets then."""

    tenant_id: int
    line_id: UUID
    number: str
    label: str
    account_id: UUID
    account_name: str
    location_id: UUID
    location_name: str
    #: The location's IANA zone.
    zone: str
    config: LineConfig
    version: int
    door: Door
    #: The next time the door changes by the calendar, when one is foreseeable.
    changes_at: datetime | None
    #: The opening hours that hold now, for whoever must look ahead; None: always open.
    calendar: Calendar | None = None
    #: Why an emergency closure is on.
    closure_reason: str | None = None
    #: In service. A line out of service answers no call, whatever its hours say.
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place where patients are seen."""

    id: UUID
    account_id: UUID
    account_name: str
    name: str
    street: str
    city: str
    state: str
    postal_code: str
    zone: str
    phone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """A department and its inbox."""

    id: UUID
    name: str
    specialty: str
    location_id: UUID
    location_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Somebody whom patients see."""

    id: UUID
    name: str
    credential: str
    specialty: str
    department_id: UUID
    department_name: str
    person_id: UUID | None
    languages: tuple[str, ...]
    accepts_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeInfo:
    """A thing callers ask about a practice, who answers for it and when it was last confirmed."""

    id: UUID
    topic: str
    body: str
    owner: str
    last_confirmed: date
    location_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """An emergency closure that is on."""

    id: UUID
    #: `tenant`, or the name of the location or line it closes.
    scope: str
    reason: str
    closed_at: datetime
    closed_by: str | None
    until: datetime | None


def _contact(body: Mapping[str, Any]) -> EmergencyContact:
    number = str(body["number"]).strip()
    return EmergencyContact(name=str(body["name"]).strip(), number=to_e164(number) or number)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _uuid(value: object) -> UUID | None:
    return None if value is None or value == "" else UUID(str(value))
