"""Messages for providers and departments: states, transitions, and when somebody must have acted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from careline.kernel.errors import Conflict, InvalidInput


class Urgency(StrEnum):
    """How soon somebody must act."""

    #: Within the working day.
    ROUTINE = "routine"
    #: Within the hour.
    URGENT = "urgent"
    #: At once.
    CRITICAL = "critical"


class State(StrEnum):
    """How far a message has come."""

    #: In the inbox, unopened.
    NEW = "new"
    #: Somebody of the inbox has opened it; nobody has taken it on.
    READ = "read"
    #: Somebody has taken it on.
    ACKNOWLEDGED = "acknowledged"
    #: Done, with an outcome.
    DONE = "done"


class Move(StrEnum):
    """What can be done with a message."""

    READ = "read"
    ACKNOWLEDGE = "acknowledge"
    FORWARD = "forward"
    REPLY = "reply"
    FINISH = "finish"
    REOPEN = "reopen"


#: Which state a move leads to from which; what is not listed is refused. None: the state stays.
TRANSITIONS: Mapping[tuple[State, Move], State | None] = {
    (State.NEW, Move.READ): State.READ,
    (State.READ, Move.READ): None,
    (State.ACKNOWLEDGED, Move.READ): None,
    (State.DONE, Move.READ): None,
    (State.NEW, Move.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.READ, Move.ACKNOWLEDGE): State.ACKNOWLEDGED,
    # Somebody else may take over what a colleague had taken on.
    (State.ACKNOWLEDGED, Move.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.NEW, Move.FORWARD): State.NEW,
    (State.READ, Move.FORWARD): State.NEW,
    (State.ACKNOWLEDGED, Move.FORWARD): State.NEW,
    (State.NEW, Move.REPLY): State.READ,
    (State.READ, Move.REPLY): None,
    (State.ACKNOWLEDGED, Move.REPLY): None,
    (State.NEW, Move.FINISH): State.DONE,
    (State.READ, Move.FINISH): State.DONE,
    (State.ACKNOWLEDGED, Move.FINISH): State.DONE,
    (State.DONE, Move.REOPEN): State.READ,
}

#: What a message can be about.
REASONS = (
    "appointment", "refill", "results", "referral", "billing", "records", "clinical", "voicemail", "callback",
    "other",
)  # fmt: skip

#: How a message can end.
OUTCOMES = ("resolved", "called-back", "not-reached", "entered-in-ehr", "duplicate", "cancelled-by-caller")

#: Minutes until somebody must have acted, by urgency: until it is taken on, until it is done, and between reminders.
DUE_MINUTES: Mapping[Urgency, tuple[int, int, int]] = {
    Urgency.ROUTINE: (240, 1440, 240),
    Urgency.URGENT: (30, 120, 15),
    Urgency.CRITICAL: (5, 30, 5),
}

#: The least time a forwarded message leaves its new inbox. Forwarding does not otherwise stop the clock.
FORWARD_MINUTES = 10


class WrongState(Conflict):
    """This cannot be done with the message in its present state."""

    id = "message-wrong-state"


class MessageChanged(Conflict):
    """Somebody has changed this message meanwhile; look again."""

    id = "message-changed"


class InvalidMessage(InvalidInput):
    """This message is not valid."""

    id = "invalid-message"


class RecipientUnknown(InvalidInput):
    """There is no such provider or department."""

    id = "recipient-unknown"


def after(state: State, move: Move) -> State:
    """The state a move leads to. Raises `WrongState`."""
    if (state, move) not in TRANSITIONS:
        raise WrongState(state=state.value, move=move.value)
    return TRANSITIONS[(state, move)] or state


def due_after(urgency: Urgency, state: State, now: datetime) -> datetime | None:
    """When somebody must act next, as a message enters a state."""
    take_on, finish, _ = DUE_MINUTES[urgency]
    match state:
        case State.NEW | State.READ:
            return now + timedelta(minutes=take_on)
        case State.ACKNOWLEDGED:
            return now + timedelta(minutes=finish)
        case State.DONE:
            return None


def reminder_after(urgency: Urgency, now: datetime) -> datetime:
    """When an overdue message is overdue again."""
    return now + timedelta(minutes=DUE_MINUTES[urgency][2])


def due_forwarded(due: datetime, now: datetime) -> datetime:
    """The clock of a forwarded message runs on, but leaves its new inbox a moment to see it."""
    return max(due, now + timedelta(minutes=FORWARD_MINUTES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message as it is taken."""

    #: Exactly one of the two.
    department_id: UUID | None = None
    provider_id: UUID | None = None
    call_id: UUID | None = None
    patient_id: UUID | None = None
    caller_name: str
    caller_role: str = "self"
    #: As the caller said it; None when no call back is wanted.
    callback: str | None = None
    #: The number was read back to the caller digit by digit.
    callback_confirmed: bool = False
    voicemail_ok: bool = False
    language: str = "en"
    reason: str = "other"
    body: str
    urgency: Urgency = Urgency.ROUTINE
    #: Chosen by whoever sends it; makes sending it again harmless.
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """One inbox a person works, and how it stands. No patient data."""

    id: UUID
    #: `department` or `provider`.
    kind: str
    name: str
    open: int
    overdue: int
    next_due: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A message as a row of a list. No patient data: that is one audited click away."""

    id: UUID
    to: str
    reason: str
    urgency: Urgency
    state: State
    caller_role: str
    taken_at: datetime
    taken_by: str | None
    due_at: datetime | None
    overdue: int
    owner: str | None
    has_patient: bool
    version: int
    #: Why a voicemail may be about an emergency: a rule of the red-flag list, or `raised-by-caller`.
    red_flag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happened to a message."""

    kind: str
    at: datetime
    by: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Voicemail:
    """What the caller left by voice, when the message came about by it."""

    id: UUID
    #: recording, ready, failed
    state: str
    started_at: datetime
    seconds: float | None
    #: Why there is no transcript (yet), or `done`.
    transcript_state: str | None
    transcript: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An opened message."""

    id: UUID
    to: str
    department_id: UUID | None
    provider_id: UUID | None
    call_id: UUID | None
    patient_id: UUID | None
    patient_name: str | None
    patient_mrn: str | None
    patient_birth_date: str | None
    verified_level: int
    caller_name: str
    caller_role: str
    callback: str | None
    callback_confirmed: bool
    voicemail_ok: bool
    language: str
    reason: str
    body: str
    urgency: Urgency
    state: State
    due_at: datetime | None
    overdue: int
    owner_id: UUID | None
    owner: str | None
    taken_at: datetime
    taken_by: str | None
    done_at: datetime | None
    outcome: str | None
    version: int
    steps: tuple[Step, ...]
    voicemails: tuple[Voicemail, ...]
    #: What the reader may do with it now.
    moves: tuple[Move, ...]
    #: Why a voicemail may be about an emergency: a rule of the red-flag list, or `raised-by-caller`.
    red_flag: str | None = None
