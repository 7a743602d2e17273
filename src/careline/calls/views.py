"""What screens and the API see of calls: plain values, made by the services, with no way back into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of a call's timeline."""

    at: datetime
    #: Stable kebab or snake name of the event.
    kind: str
    #: A sentence in the reader's language; no patient data.
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentView:
    """One stretch of a call: menu, waiting, ringing, talk, hold, voicemail or wrap-up."""

    kind: str
    start: datetime
    end: datetime | None
    seconds: float
    #: The agent in whose lane it lies; None in the caller's.
    agent: str | None = None
    ended: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """An agent's notes on a call, newest text."""

    person_id: UUID
    author: str
    version: int
    body: str
    saved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlingView:
    """One agent's part in a call."""

    person_id: UUID
    agent: str
    queue: str | None
    connected_at: datetime
    left_at: datetime | None
    wrapped_up_at: datetime | None
    wrap_up_code: str | None
    wrap_up_label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingView:
    """A recording or voicemail of a call."""

    id: UUID
    #: call, voicemail
    kind: str
    #: recording, ready, failed
    state: str
    started_at: datetime
    seconds: float | None
    transcript: str | None = None
    transcript_state: str | None = None
    #: Whether the reader may play it.
    playable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """A message taken on a call: where it went and how it stands."""

    id: UUID
    to: str
    reason: str
    urgency: str
    state: str
    taken_at: datetime
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedView:
    """A patient for whom the caller was verified on this call."""

    patient_id: UUID
    #: Only for readers who may see patients.
    name: str | None
    level: int
    caller_role: str
    outcome: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderView:
    """Somebody who opened the record."""

    at: datetime
    name: str
    action: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSummary:
    """A call as a row in a list."""

    id: UUID
    arrived_at: datetime
    ended_at: datetime | None
    line: str
    #: As people write it; None when withheld.
    caller: str | None
    source: str
    language: str
    phase: str
    outcome: str | None
    queue: str | None
    agents: list[str]
    #: From the entry into the first queue until an agent, an outside number or the voicemail took the call, or its end.
    waited_seconds: float | None
    #: While an agent was with the caller, hold included.
    talked_seconds: float | None
    emergency: bool
    reason: str | None
    recordings: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage:
    """One page of a search, newest first."""

    calls: list[CallSummary]
    #: Give it back as `before` to go on; None on the last page.
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateView:
    """An agent as the router weighed them for a call."""

    agent: str
    #: The place in the order of those who could be asked, from 1; None for whom something spoke against.
    order: int | None
    against: str | None
    #: The stable code of what spoke against.
    code: str | None
    #: The sum of the skills that were asked for, where skills count.
    merit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyView:
    """Why a call rang at somebody, or rings at nobody."""

    at: datetime
    chosen: list[str]
    #: Why it rings nobody; None where it rang.
    state: str | None
    strategy: str
    #: The ring in which it was decided, from 1.
    ring: int
    requirement: str | None
    turn: str
    waited_seconds: float
    score: float
    position: int | None
    #: Calls before it that nobody free could take.
    passed_over: int
    kept_for: list[str]
    candidates: list[CandidateView]
    #: What spoke against those not listed one by one, and for how many.
    more: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """Everything about one call that its reader may see."""

    call: CallSummary
    dialled: str
    location: str
    ended_by: str | None
    steps: list[StepView]
    segments: list[SegmentView]
    handlings: list[HandlingView]
    notes: list[NoteView]
    recordings: list[RecordingView]
    messages: list[MessageView]
    verified: list[VerifiedView]
    #: The later call of the same caller in which this one went on, and the earlier ones whose kept place it took over.
    merged_into: UUID | None = None
    merged_from: list[UUID] = field(default_factory=list)
    #: Why it rang where it rang, for supervisors.
    reasons: list[WhyView] | None = None
    #: Only for readers of the audit log.
    readers: list[ReaderView] | None = None
