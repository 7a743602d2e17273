"""What the board and the API see: plain values. No patient data, no caller's number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresView:
    """Today's figures of a queue, or of all together. Percentages are None before the first call."""

    presented: int
    answered: int
    answered_in_t: int
    abandoned: int
    abandoned_in_t: int
    short_abandoned: int
    flow_out: int
    #: Per cent, by the variant named in `BoardSnapshot.service_level_variant`.
    service_level: float | None
    abandon_rate: float | None
    #: Seconds.
    average_speed_of_answer: float | None
    average_handle_time: float | None
    longest_wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedView:
    """How right the announced waits were."""

    announcements: int
    #: Mean distance between told and actual wait, in seconds.
    mean_error: float
    #: Per cent of announcements whose wait lay in the range told.
    coverage: float
    #: Medians, in seconds: told, waited, and the distance between the two.
    told: float
    waited: float
    median_error: float
    #: How often a caller was told more than before, with an apology.
    longer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One row of the board."""

    id: UUID
    name: str
    waiting: int
    longest_since: datetime | None
    #: T in seconds, and the share (per cent) aimed at.
    threshold: int
    target: float
    ready: int
    busy: int
    away: int
    figures: FiguresView
    #: None before the first announcement whose caller was connected.
    announced: AnnouncedView | None
    #: Callers who wait to be called back.
    callbacks: int
    #: Seconds a caller who joins now is expected to wait, as callers are told; 0: somebody is free; None: nobody who
    #: suits is on the floor.
    expected_wait: float | None
    #: Calls presented in each hour of today so far, from midnight.
    hours: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call in the house."""

    id: UUID
    phase: str
    source: str
    language: str
    reason: str | None
    emergency: bool
    #: `key` or `words` by the caller, `agent` by a person here.
    emergency_how: str | None
    #: Added to its queue's, as a flow or a supervisor said.
    priority: int
    held: bool
    queue_id: UUID | None
    queue: str | None
    line: str
    #: When the present phase began, as far as the clock on the board is concerned.
    since: datetime
    agent: str | None
    offered_to: str | None
    transfer: str | None
    #: Seconds a waiting caller is expected to wait still; None: nobody can say.
    expected_wait: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """A person on the floor."""

    id: UUID
    name: str
    status: str
    since: datetime
    reason: str | None
    phone_online: bool
    misses: int
    call_id: UUID | None
    #: The queue of the call in hand.
    queue: str | None
    queues: list[str]
    languages: list[str]
    #: Calls of today that were left without a code.
    uncoded: int
    handled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The whole house today."""

    arrived: int
    open: int
    voicemails: int
    closed: int
    emergencies: int
    figures: FiguresView


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentView:
    """A part of the installation and how it is."""

    name: str
    #: up, degraded, down, silent (it has said nothing for a while)
    state: str
    detail: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether calls can be taken just now."""

    ok: bool
    components: list[ComponentView]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSnapshot:
    """The board at one moment."""

    now: datetime
    zone: str
    service_level_variant: str
    abandon_rate_variant: str
    queues: list[QueueRow]
    calls: list[OpenCall]
    agents: list[AgentRow]
    totals: Totals
