"""A call from ring to record: its state, its events, and the fold of one into the other. Pure.

A call is its event rows. `evolve` turns one event into the next state and is the only way a state changes, live and
after a restart alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from careline.flows.model import Cursor


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
    AGENT_LEFT = "agent_left"
    VOICEMAIL_STARTED = "voicemail_started"
    FELL_SILENT = "fell_silent"
    SPOKE = "spoke"
    VOICEMAIL_ENDED = "voicemail_ended"
    EMERGENCY_RAISED = "emergency_raised"
    RECOVERED = "recovered"
    #: The flow has nothing more to say: the call ends when the goodbye has been heard.
    ENDING = "ending"
    ENDED = "ended"
    WRAPPED_UP = "wrapped_up"


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
    #: The playback that is being heard, and the moment until which a key is awaited.
    playback: str | None = None
    listen_until: datetime | None = None
    queue_id: UUID | None = None
    queued_at: datetime | None = None
    place_at: datetime | None = None
    priority: int = 0
    leave: str | None = None
    announced_minutes: int | None = None
    announce_at: datetime | None = None
    #: Agents who are not to be tried again until a moment: they declined or could not be rung.
    spared: Mapping[UUID, datetime] = field(default_factory=dict)
    offer: Offer | None = None
    handling: Handling | None = None
    #: Agents who finish their notes on this call, until each has wrapped up.
    wrapping: frozenset[UUID] = frozenset()
    outside: Outside | None = None
    transfer: Transfer | None = None
    message: Message | None = None
    recording: str | None = None
    held: bool = False
    muted: bool = False
    emergency: bool = False
    ending: str | None = None
    #: Counters that make ids of legs, playbacks and recordings unique and replayable.
    legs: int = 0
    playbacks: int = 0
    recordings: int = 0
    answered_at: datetime | None = None
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    outcome: str | None = None

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
    if len(parts) < 2 or parts[0] not in {"a", "t", "o", "r", "b", "x", "p"}:
        return None
    try:
        return UUID(parts[1])
    except ValueError:
        return None


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _sure(value: str) -> datetime:
    return datetime.fromisoformat(value)


def begin(event: Event, tenant_id: int) -> Call:
    """The state right after arrival."""
    b = event.body
    return Call(
        id=event.call_id,
        tenant_id=tenant_id,
        line_id=UUID(b["line_id"]),
        channel=b["channel"],
        source=b["source"],
        dialled=b["dialled"],
        caller=b["caller"],
        caller_name=b["caller_name"],
        language=b["language"],
        config_version=b["config_version"],
        arrived_at=event.at,
    )


def evolve(call: Call, event: Event) -> Call:
    """The state after one more event."""
    b, at = event.body, event.at
    match event.kind:
        case Kind.ARRIVED | Kind.RECOVERED:
            return call
        case Kind.ANSWERED:
            return replace(call, phase=Phase.FLOW, answered_at=at)
        case Kind.PLAYED:
            return replace(call, playback=b["playback"], playbacks=call.playbacks + 1, listen_until=None)
        case Kind.FLOW_MOVED:
            return replace(
                call,
                phase=Phase.FLOW,
                cursor=Cursor(node=b["node"], tries=b["tries"], speaking=b["speaking"]),
                listen_until=_time(b["listen_until"]),
                playback=call.playback if b["speaking"] else None,
            )
        case Kind.KEY_PRESSED:
            return call
        case Kind.LANGUAGE_CHOSEN:
            return replace(call, language=b["language"])
        case Kind.MENU_CHOSEN:
            return replace(call, reason=b["reason"] or call.reason)
        case Kind.QUEUED:
            return replace(
                call,
                phase=Phase.WAITING,
                queue_id=UUID(b["queue_id"]),
                queued_at=at,
                place_at=_time(b.get("place_at")) or at,
                priority=b["priority"],
                reason=b["reason"] or call.reason,
                leave=b["leave"],
                announced_minutes=None,
                announce_at=_time(b["announce_at"]),
                spared={},
                listen_until=None,
                held=False,
                muted=False,
            )
        case Kind.ANNOUNCED:
            return replace(call, announced_minutes=b["minutes"], announce_at=_sure(b["next_at"]))
        case Kind.OFFERED:
            return replace(
                call,
                offer=Offer(
                    agent_id=UUID(b["agent_id"]), leg=b["leg"], endpoint=b["endpoint"], until=_sure(b["until"])
                ),
                legs=call.legs + 1,
            )
        case Kind.OFFER_ENDED:
            spared = dict(call.spared)
            if b["spare_until"]:
                spared[UUID(b["agent_id"])] = _sure(b["spare_until"])
            return replace(call, offer=None, spared=spared)
        case Kind.CONNECTED:
            return replace(
                call,
                phase=Phase.TALKING,
                offer=None,
                transfer=None,
                playback=None,
                handling=Handling(
                    id=UUID(b["handling_id"]),
                    agent_id=UUID(b["agent_id"]),
                    leg=b["leg"],
                    endpoint=b["endpoint"],
                    connected_at=at,
                ),
                connected_at=call.connected_at or at,
                held=False,
                muted=False,
            )
        case Kind.RECORDING_STARTED:
            return replace(call, recording=b["recording_id"], recordings=call.recordings + 1)
        case Kind.HELD | Kind.RESUMED:
            return replace(call, held=event.kind is Kind.HELD)
        case Kind.MUTED | Kind.UNMUTED:
            return replace(call, muted=event.kind is Kind.MUTED)
        case Kind.DIGITS_SENT:
            return call
        case Kind.TRANSFER_STARTED:
            return replace(
                call,
                held=True,
                legs=call.legs + 1,
                transfer=Transfer(
                    mode=b["mode"],
                    to=b["to"],
                    target=b["target"],
                    label=b["label"],
                    leg=b["leg"],
                    endpoint=b["endpoint"],
                    until=_sure(b["until"]),
                ),
            )
        case Kind.TRANSFER_ANSWERED:
            return replace(call, transfer=replace(call.transfer, answered=True) if call.transfer else None)
        case Kind.TRANSFER_FAILED | Kind.TRANSFER_CANCELLED:
            return replace(call, transfer=None, held=bool(b.get("held", False)))
        case Kind.TRANSFERRED:
            outside = Outside(leg=b["leg"], number=b["target"]) if b["to"] == "number" else None
            return replace(call, transfer=None, held=False, outside=outside)
        case Kind.PHONE_LOST:
            handling = call.handling
            return replace(
                call, handling=replace(handling, lost_at=at, returning_leg=None) if handling else None, muted=False
            )
        case Kind.PHONE_RINGING_BACK:
            handling = call.handling
            return replace(
                call,
                handling=replace(handling, returning_leg=b["leg"], endpoint=b["endpoint"]) if handling else None,
                legs=call.legs + 1,
            )
        case Kind.PHONE_BACK:
            handling = call.handling
            return replace(
                call,
                handling=replace(handling, leg=b["leg"], lost_at=None, returning_leg=None) if handling else None,
            )
        case Kind.AGENT_LEFT:
            return replace(
                call,
                handling=None,
                muted=False,
                wrapping=call.wrapping | {UUID(b["agent_id"])} if b["wrap_up"] else call.wrapping,
            )
        case Kind.REQUEUED:
            return call
        case Kind.VOICEMAIL_STARTED:
            return replace(
                call,
                phase=Phase.VOICEMAIL,
                queue_id=None,
                offer=None,
                announce_at=None,
                listen_until=None,
                recordings=call.recordings + (1 if b["recording_id"] else 0),
                message=Message(
                    recording=b["recording_id"],
                    department=UUID(b["department_id"]) if b["department_id"] else None,
                    started_at=at if b["recording_id"] else None,
                    until=_time(b["until"]),
                ),
            )
        case Kind.FELL_SILENT | Kind.SPOKE:
            silent = at if event.kind is Kind.FELL_SILENT else None
            return replace(call, message=replace(call.message, silent_since=silent) if call.message else None)
        case Kind.VOICEMAIL_ENDED:
            return replace(call, message=replace(call.message, until=None) if call.message else None)
        case Kind.EMERGENCY_RAISED:
            return replace(call, emergency=True)
        case Kind.ENDING:
            return replace(call, phase=Phase.FLOW, ending=b["outcome"], queue_id=None, listen_until=None)
        case Kind.ENDED | Kind.REFUSED:
            return replace(
                call,
                phase=Phase.ENDED,
                ended_at=at,
                ended_by=b["by"],
                outcome=b["outcome"],
                offer=None,
                transfer=None,
                outside=None,
                playback=None,
                listen_until=None,
                announce_at=None,
            )
        case Kind.WRAPPED_UP:
            return replace(call, wrapping=call.wrapping - {UUID(b["agent_id"])})


def fold(events: Iterable[Event], tenant_id: int) -> Call:
    """The state of a call from all its events, in order. Raises `ValueError` when there are none."""
    call: Call | None = None
    for event in events:
        call = begin(event, tenant_id) if call is None else evolve(call, event)
    if call is None:
        raise ValueError("a call without events")
    return call


#: An agent's telephone vanished: how long the line stays as it is (a short loss of network comes back by itself), and
#: how long the caller is then kept with music before another agent is sought.
PHONE_PATIENCE = timedelta(seconds=4)
PHONE_GRACE = timedelta(seconds=20)
#: How long an agent who declined, or whose telephone failed, is passed over for the same call.
SPARE = timedelta(seconds=30)
#: How long a transfer target's telephone rings.
TRANSFER_RING = timedelta(seconds=30)
#: The longest spoken message, and the silence that ends one.
MESSAGE_LENGTH = timedelta(minutes=3)
MESSAGE_SILENCE = timedelta(seconds=8)


def deadline(call: Call) -> datetime | None:
    """The next moment at which something must happen to this call although nobody does anything; None if never."""
    moments = [call.listen_until, call.announce_at if call.phase is Phase.WAITING and call.offer is None else None]
    if call.offer:
        moments.append(call.offer.until)
    if call.transfer and not call.transfer.answered:
        moments.append(call.transfer.until)
    if call.handling and call.handling.lost_at:
        moments.append(call.handling.lost_at + (PHONE_GRACE if call.held else PHONE_PATIENCE))
    if call.message:
        moments.append(call.message.until)
        if call.message.silent_since and call.message.until:
            moments.append(call.message.silent_since + MESSAGE_SILENCE)
    if call.phase is Phase.WAITING:
        moments += call.spared.values()
    return min((m for m in moments if m), default=None)
