"""What screens and the API see of calls: plain values, made by the services, with no way back into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
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
    #: From the entry into the queue to the answer, or to the end.
    waited_seconds: float | None
    #: From the first answer by an agent to the end.
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


# --- the agent's desk ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MeView:
    """The agent's own state."""

    person_id: UUID
    name: str
    status: str
    since: datetime | None
    reason: str | None
    phone: str | None
    phone_online: bool
    wrap_up_until: datetime | None
    misses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MyQueue:
    """A queue the agent serves."""

    id: UUID
    name: str
    waiting: int
    longest_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferView:
    """A call ringing at the agent. Nothing of a patient, no name, no number."""

    call_id: UUID
    queue: str | None
    line: str
    reason: str | None
    language: str
    waiting_since: datetime
    #: trunk, phone, web
    caller_kind: str
    #: Highest level of verification reached on this call by an earlier agent (0..3).
    verified_level: int
    emergency: bool
    #: Who raised it: `key` or `words` by the caller, `agent` by a colleague.
    emergency_how: str | None
    #: The colleague who hands the call over or asks for advice; None for a call from the queue.
    from_agent: str | None = None
    #: The caller has hung up: who picks up hears the caller's telephone being rung.
    callback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LastOffer:
    """How the latest call that rang at the agent in vain ended."""

    call_id: UUID
    #: no-answer (missed), declined (rejected), unreachable or failed (failed), caller-left, withdrawn
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One entry of a list to choose from."""

    code: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoView:
    """A piece of practice information for the line."""

    topic: str
    body: str
    last_confirmed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineInfo:
    """The line called: what to say, and where its callers are sent in an emergency."""

    id: UUID
    label: str
    number: str
    account: str
    location: str
    address: str
    zone: str
    info: list[InfoView] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactView:
    """The call the agent is on, or is wrapping up."""

    call_id: UUID
    #: talking, held, wrap_up, calling (a callback: the person's telephone rings), or consulting (a colleague asks; the
    #: caller is on hold and still theirs)
    state: str
    #: The colleague whose call it is, while consulting.
    colleague: str | None
    #: As people write it; None when withheld.
    caller: str | None
    source: str
    line: LineInfo
    language: str
    since: datetime
    arrived_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    outcome: str | None
    muted: bool
    held: bool
    emergency: bool
    emergency_how: str | None
    #: What the caller answered to the question whether the call may be recorded; None: was not asked.
    consent: bool | None
    #: What the flow noted: variables that it shows.
    noted: dict[str, Any]
    #: Of a callback, where it stands (`dialling`, `joined`, `message`); None for any other call.
    callback: str | None
    #: {"mode", "target", "label", "state"} of a running transfer.
    transfer: dict[str, Any] | None
    queue: str | None
    reason: str | None
    notes: str
    notes_version: int
    steps: list[StepView]
    messages: list[MessageView]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Somebody or something a call can be transferred to."""

    #: agent, queue
    kind: str
    id: UUID
    label: str
    #: For an agent: the status; for a queue: how many wait.
    state: str
    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkView:
    """A message of mine that is waiting for an act."""

    id: UUID
    to: str
    urgency: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSnapshot:
    """Everything on one agent's desk at one moment."""

    now: datetime
    me: MeView
    queues: list[MyQueue]
    offer: OfferView | None
    last_offer: LastOffer | None
    contact: ContactView | None
    open_work: list[WorkView]
    wrap_up_codes: list[Choice]
    phones: list[Choice]
