"""A call from ring to record: its state and its events; `fold` makes the one from the others. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from careline.calls.callback_model import Arranging, Callback
from careline.calls.help_model import Help
from careline.flows.model import Cursor, FlowPin
from careline.queues.rules import Ring


class Phase(StrEnum):
    """Where the caller is."""

    #: At the door, not answered.
    ARRIVED = "arrived"
    #: Hearing greeting and menus.
    FLOW = "flow"
    #: In a queue.
    WAITING = "waiting"
    #: Connected with an agent (also while held or being transferred).
    TALKING = "talking"
    #: Leaving a spoken message.
    VOICEMAIL = "voicemail"
    #: The caller has hung up and is to be called back, with the place in the queue kept.
    CALLBACK = "callback"
    #: Over.
    ENDED = "ended"


class Kind(StrEnum):
    """What can happen to a call. Past tense; the names are stored and never change their meaning."""

    ARRIVED = "arrived"
    REFUSED = "refused"
    ANSWERED = "answered"
    PLAYED = "played"
    KEY_PRESSED = "key_pressed"
    LANGUAGE_CHOSEN = "language_chosen"
    MENU_CHOSEN = "menu_chosen"
    #: The flow moved to a node, or waits for a key there until a moment.
    FLOW_MOVED = "flow_moved"
    QUEUED = "queued"
    ANNOUNCED = "announced"
    OFFERED = "offered"
    OFFER_ENDED = "offer_ended"
    CONNECTED = "connected"
    RECORDING_STARTED = "recording_started"
    HELD = "held"
    RESUMED = "resumed"
    MUTED = "muted"
    UNMUTED = "unmuted"
    DIGITS_SENT = "digits_sent"
    TRANSFER_STARTED = "transfer_started"
    TRANSFER_ANSWERED = "transfer_answered"
    TRANSFER_FAILED = "transfer_failed"
    TRANSFER_CANCELLED = "transfer_cancelled"
    TRANSFERRED = "transferred"
    PHONE_LOST = "phone_lost"
    PHONE_RINGING_BACK = "phone_ringing_back"
    PHONE_BACK = "phone_back"
    REQUEUED = "requeued"
    #: A waiting call is sent elsewhere, or its caller is offered something else, for a reason.
    DIVERTED = "diverted"
    #: A supervisor changed the priority of a waiting call.
    PRIORITY_CHANGED = "priority_changed"
    #: The agent asked for time for notes after the call.
    NOTES_ASKED = "notes_asked"
    #: Who talked with this caller the last time.
    RECOGNISED = "recognised"
    AGENT_LEFT = "agent_left"
    VOICEMAIL_STARTED = "voicemail_started"
    FELL_SILENT = "fell_silent"
    SPOKE = "spoke"
    VOICEMAIL_ENDED = "voicemail_ended"
    #: The caller is asked something about being called back, or the asking is over.
    CALLBACK_ASKED = "callback_asked"
    CALLBACK_ARRANGED = "callback_arranged"
    #: The flow that arranged it has said its last words; the line is let go.
    CALLBACK_GOODBYE = "callback_goodbye"
    #: Nobody is on a line: it waits for its turn, or until a moment.
    CALLBACK_WAITING = "callback_waiting"
    #: Somebody on the floor changed number, moment or priority.
    CALLBACK_CHANGED = "callback_changed"
    CALLBACK_DIALLED = "callback_dialled"
    CALLBACK_ANSWERED = "callback_answered"
    #: Sound began or ended on the line of whoever picked up, or the question was heard: what it sounds like.
    CALLBACK_VOICE = "callback_voice"
    #: An answering machine is told that we tried (`speaks`), or its beep is waited for.
    CALLBACK_MESSAGE = "callback_message"
    #: The caller was rung in vain.
    CALLBACK_MISSED = "callback_missed"
    #: The caller has called again: on the new call, `old`; on the old one, `into`.
    CALLBACK_MERGED = "callback_merged"
    CALLBACK_CANCELLED = "callback_cancelled"
    #: Words of the caller were understood: a phrase of the menu, its confirmation, or a rule of the red-flag list.
    HEARD = "heard"
    EMERGENCY_RAISED = "emergency_raised"
    #: Nobody here has an emergency yet: from a moment on outside numbers are rung. One is rung; whoever picked up is
    #: asked to take the call; nobody did.
    HELP_AWAITED = "help_awaited"
    HELP_CALLED = "help_called"
    HELP_ASKED = "help_asked"
    HELP_ENDED = "help_ended"
    #: The flow asked something outside (a look-up, a verification, a program that talks), and an answer came or did
    #: not come in time. Never what was asked or answered.
    ASKED = "asked"
    ASK_ENDED = "ask_ended"
    #: The caller said whether the call may be recorded.
    CONSENTED = "consented"
    #: The flow noted something for the agent.
    NOTED = "noted"
    #: The flow could not go on: the caller is given to a person instead.
    FLOW_FAILED = "flow_failed"
    RECOVERED = "recovered"
    #: The flow has nothing more to say: the call ends when the goodbye has been heard.
    ENDING = "ending"
    ENDED = "ended"
    WRAPPED_UP = "wrapped_up"
    #: An agent gave the code later, on a page: the only event of a call that call control does not write.
    CODED = "coded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact about a call. `body` holds JSON values: identifiers and codes, no words about a patient."""

    call_id: UUID
    kind: Kind
    at: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    #: The person who caused it, if one did.
    person_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The call rings at an agent's telephone."""

    agent_id: UUID
    leg: str
    endpoint: str
    #: The offer is a lease: at this moment it is over, whatever the telephone says.
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """The call waits for one person only, and then for a queue."""

    agent_id: UUID
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """An agent is connected with the caller."""

    id: UUID
    agent_id: UUID
    leg: str
    #: The telephone the leg was rung at: a refreshed page comes back with another one.
    endpoint: str
    connected_at: datetime
    #: Since when the agent's telephone is unreachable; None while all is well.
    lost_at: datetime | None = None
    #: A new leg that rings the agent's telephone again after a page was refreshed.
    returning_leg: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A handing-over in progress: the first agent stays until the other side has accepted."""

    #: `blind`: connect as soon as the other side answers. `consult`: talk first, then complete or cancel.
    mode: str
    #: agent, number
    to: str
    #: The agent's id or the number.
    target: str
    label: str
    leg: str
    endpoint: str
    until: datetime
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The caller was transferred to an outside number and talks there; no agent is on the call."""

    leg: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A voicemail being taken."""

    recording: str | None
    department: UUID | None
    started_at: datetime | None = None
    until: datetime | None = None
    silent_since: datetime | None = None
    #: How often a caller who refused to be recorded was asked about this message; 0: need not be, or agreed.
    asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An answer that the flow waits for."""

    id: str
    kind: str
    #: From this moment on the flow goes on without it.
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The state of one call."""

    id: UUID
    tenant_id: int
    line_id: UUID
    channel: str
    source: str
    dialled: str
    caller: str | None
    caller_name: str | None
    arrived_at: datetime
    phase: Phase = Phase.ARRIVED
    language: str = "en"
    reason: str | None = None
    cursor: Cursor | None = None
    #: The version of the line's configuration that this call began with, and keeps.
    config_version: int = 0
    #: The versions of the flow and its sub-flows that this call began with; None: the line's usual flow.
    flow: FlowPin | None = None
    #: The playback that is being heard, and the moment until which a key is awaited.
    playback: str | None = None
    listen_until: datetime | None = None
    ask: Pending | None = None
    #: Keys pressed where nobody listened: they count at the next question. In memory only.
    ahead: str = field(default="", repr=False)
    #: Whether the caller agreed to be recorded; None: was not asked.
    consent: bool | None = None
    #: What the flow noted for the agent.
    noted: Mapping[str, Any] = field(default_factory=dict)
    queue_id: UUID | None = None
    queued_at: datetime | None = None
    place_at: datetime | None = None
    priority: int = 0
    #: What the agent must be able to do by what the caller chose: a skill expression.
    requirement: str = ""
    #: The line whose hours and limits hold while the call waits at another site; None: its own.
    site: UUID | None = None
    leave: str | None = None
    #: What the caller was told last: the place, and the range of minutes (no lower end: more than so many).
    announced_place: int | None = None
    announced_low: int | None = None
    announced_minutes: int | None = None
    announce_at: datetime | None = None
    #: Agents who are not to be tried again until a moment: they declined or could not be rung.
    spared: Mapping[UUID, datetime] = field(default_factory=dict)
    #: Everybody at whom it rings now. The first to answer has it.
    offers: tuple[Offer, ...] = ()
    #: Since when it rings anybody, and when the latest telephone began.
    offered_at: datetime | None = None
    rung_at: datetime | None = None
    #: The rings it entered its queue with, where the queue freezes them.
    rings: tuple[Ring, ...] | None = None
    #: For whom alone it waits at first: a person's own queue.
    direct: Direct | None = None
    #: Who talked with this caller the last time, and when.
    last_agent: UUID | None = None
    last_agent_at: datetime | None = None
    #: Overflow rules that have been applied to this wait, by reason: each at most once.
    diverted: frozenset[str] = frozenset()
    handling: Handling | None = None
    #: Agents who finish their notes on this call, until each has wrapped up.
    wrapping: frozenset[UUID] = frozenset()
    #: The agent asked for time for notes.
    notes_asked: bool = False
    outside: Outside | None = None
    transfer: Transfer | None = None
    message: Message | None = None
    #: The dialogue about being called back; meanwhile the place is kept and nobody is offered the call.
    arranging: Arranging | None = None
    callback: Callback | None = None
    recording: str | None = None
    held: bool = False
    muted: bool = False
    #: The menu phrase that was understood and is being confirmed.
    unconfirmed: str | None = None
    emergency: bool = False
    #: How it was raised: `key` or `words` by the caller, `agent` by a person here.
    emergency_how: str | None = None
    #: Outside numbers are rung for it, or will be.
    help: Help | None = None
    ending: str | None = None
    #: Counters that make ids of legs, playbacks and recordings unique and replayable.
    legs: int = 0
    playbacks: int = 0
    recordings: int = 0
    asks: int = 0
    answered_at: datetime | None = None
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    outcome: str | None = None

    @property
    def offer(self) -> Offer | None:
        """The first of the offers; None while it rings nobody."""
        return self.offers[0] if self.offers else None

    def offer_to(self, agent_id: UUID) -> Offer | None:
        """The offer to an agent, if there is one."""
        return next((o for o in self.offers if o.agent_id == agent_id), None)

    def offer_at(self, leg: str) -> Offer | None:
        """The offer that rings as a leg, if there is one."""
        return next((o for o in self.offers if o.leg == leg), None)

    @property
    def bridge(self) -> str:
        """The bridge in which caller and agent talk."""
        return f"b.{self.id}"

    @property
    def consult_bridge(self) -> str:
        """The bridge in which an agent talks to a transfer target while the caller waits."""
        return f"x.{self.id}"

    def next_leg(self, what: str) -> str:
        """The id of the next leg we ring: readable back into its call by `call_of`."""
        return f"{what}.{self.id}.{self.legs + 1}"

    def next_playback(self) -> str:
        """The id of the next playback."""
        return f"p.{self.id}.{self.playbacks + 1}"

    def next_recording(self) -> str:
        """The id of the next recording (a uuid derived from the call's)."""
        return str(uuid5(self.id, f"recording {self.recordings + 1}"))

    def next_handling(self) -> UUID:
        """The id of the next handling."""
        return uuid5(self.id, f"handling {self.legs}")


def call_of(identifier: str) -> UUID | None:
    """The call that one of our legs, bridges or playbacks belongs to; None for a foreign id."""
    parts = identifier.split(".")
    if len(parts) < 2 or parts[0] not in {"a", "c", "t", "o", "r", "b", "x", "p"}:
        return None
    try:
        return UUID(parts[1])
    except ValueError:
        return None


#: The priority of a caller who raised an emergency: above any that a queue, a class or a lost agent gives.
FIRST_OF_ALL = 1_000_000
#: An agent's telephone vanished: how long the line stays as it is (a short loss of network comes back by itself), and
#: how long the caller is then kept with music before another agent is sought.
PHONE_PATIENCE = timedelta(seconds=4)
PHONE_GRACE = timedelta(seconds=20)
#: How long an agent who declined, or whose telephone failed, is passed over for the same call.
SPARE = timedelta(seconds=30)
#: An agent whose leg ends within this time of answering has not been heard: the search goes on where it was.
UNHEARD = timedelta(seconds=1)
#: How long a transfer target's telephone rings.
TRANSFER_RING = timedelta(seconds=30)
#: The longest spoken message, and the silence that ends one.
MESSAGE_LENGTH = timedelta(minutes=3)
MESSAGE_SILENCE = timedelta(seconds=8)
