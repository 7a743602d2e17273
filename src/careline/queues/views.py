"""What pages and the API see of queues and of those who serve them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


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


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """A queue with its rules and members."""

    id: UUID
    rules: QueueRules
    members: list[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """What an agent can do."""

    id: UUID
    name: str
    languages: list[str]
    skills: dict[str, float]
    queues: list[UUID]


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
