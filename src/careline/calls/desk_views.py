"""What the agent's desk shows: plain values of one moment, made by the desk's service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.calls.codes import Uncoded
from careline.calls.views import MessageView, StepView


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
    #: Whether whoever picked up sounds like an answering machine; the agent decides.
    machine: bool
    #: {"mode", "target", "label", "state"} of a running transfer.
    transfer: dict[str, Any] | None
    #: In a queue that gives time for notes only when asked: `ask`, or `asked`; None where it comes by itself.
    notes_time: str | None
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
    #: Calls of the last week that were left without a code.
    uncoded: list[Uncoded] = field(default_factory=list)
