"""What pages and the API see of queues and of those who serve them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.kernel.errors import InvalidInput

_CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRules:
    """What can be set on a queue."""

    name: str
    #: Skill -> least proficiency (0..100) an agent must have; all of them.
    skills: dict[str, float] = field(default_factory=dict)
    match_language: bool = True
    priority: int = 0
    ring_seconds: int = 20
    wrap_up_seconds: int = 120
    announce_seconds: int = 45
    service_level_seconds: int = 30
    #: 0..1
    service_level_target: float = 0.8
    expected_handle_seconds: int = 240
    active: bool = True
    #: Strategy, requirement, rings, ageing, overflow and the rest (see docs/routing.md); null leaves them as they are.
    routing: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPlace:
    """A member's place in a queue."""

    #: Order of linear and round-robin strategies, smallest first.
    position: int = 0
    #: The team: 0 first; rings open the next ones.
    rank: int = 0
    #: Share of calls under weighted-random.
    weight: float = 1.0
    #: 0: serves the queue always; n: only while the reserve of level n is called on.
    reserve: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """A queue with its rules and members."""

    id: UUID
    rules: QueueRules
    members: list[UUID]
    #: Members whose place differs from the ordinary one.
    places: dict[UUID, MemberPlace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRules:
    """What holds for an agent whatever the queue."""

    #: Seniority under the strategy "level", the higher first.
    level: int = 0
    #: The agent's own wrap-up time, at most the queue's; null: the queue's.
    wrap_up_seconds: int | None = None
    #: Channel -> how much of it at once.
    capacity: dict[str, int] = field(default_factory=dict)
    #: Channel of work in hand -> channels whose work may come in beside it.
    interrupts: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """What an agent can do."""

    id: UUID
    name: str
    languages: list[str]
    skills: dict[str, float]
    queues: list[UUID]
    #: The place in each of these queues.
    places: dict[UUID, MemberPlace] = field(default_factory=dict)
    work: WorkRules = field(default_factory=WorkRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpCode:
    """A reason to close a call with."""

    code: str
    label_en: str
    label_es: str
    position: int = 0
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPhone:
    """A SIP telephone on somebody's desk."""

    id: UUID
    label: str
    username: str
    person_id: UUID
    person: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeskPhone:
    """A desk phone just made, with the password that is shown this once."""

    id: UUID
    username: str
    password: str


#: What a member's place may hold.
PLACE_LIMITS: Mapping[str, tuple[int, int]] = {
    "position": (-10_000, 10_000),
    "rank": (0, 1000),
    "weight": (0, 1000),
    "reserve": (0, 9),
}


def check_place(place: MemberPlace) -> None:
    """Refuse a place outside the limits. Raises `InvalidInput`."""
    for name, (least, most) in PLACE_LIMITS.items():
        if not least <= getattr(place, name) <= most:
            raise InvalidInput(f"{name} goes from {least} to {most}.", field=name)


def check_work(work: WorkRules) -> None:
    """Refuse what no agent can do. Raises `InvalidInput`."""
    if not -1000 <= work.level <= 1000:
        raise InvalidInput("The level goes from -1000 to 1000.", field="level")
    if work.wrap_up_seconds is not None and not 0 <= work.wrap_up_seconds <= 3600:
        raise InvalidInput("The wrap-up time goes from 0 to 3600 seconds.", field="wrap_up_seconds")
    channels = {*work.capacity, *work.interrupts, *(c for others in work.interrupts.values() for c in others)}
    if not all(_CHANNEL.fullmatch(channel) for channel in channels):
        raise InvalidInput("A channel is small letters, digits and hyphens, for example voice.", field="capacity")
    if not all(0 <= most <= 100 for most in work.capacity.values()):
        raise InvalidInput("An agent handles at most 100 of a kind at once.", field="capacity")
    if work.capacity.get("voice", 1) > 1:
        raise InvalidInput("An agent has one telephone call at once.", field="capacity")


def no_nul(*texts: str) -> None:
    """Refuse what the database cannot hold. Raises `InvalidInput`."""
    if any("\x00" in text for text in texts):
        raise InvalidInput("The text may not contain the character NUL.")
