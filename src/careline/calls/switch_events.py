"""What the telephone switch tells us (see `ports`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

#: Pauses shorter than this do not end a stretch of speech: `Talking(on=False)` comes so long after its last sound.
TALK_PAUSE = timedelta(milliseconds=700)


class HangupCause(StrEnum):
    """Why a leg ended, or why we end it; the telephone world's Q.850 causes, reduced to what we act on."""

    #: An ordinary end by either side (Q.850 16).
    NORMAL = "normal"
    #: The far end is busy (17).
    BUSY = "busy"
    #: Rang without an answer, or our ring time-out passed (18, 19).
    NO_ANSWER = "no-answer"
    #: The far end refused (21).
    REJECTED = "rejected"
    #: The telephone is not registered or not reachable (20, 3).
    UNREACHABLE = "unreachable"
    #: The number does not exist here (1).
    UNALLOCATED = "unallocated"
    #: Anything else: congestion, failure of the network or of the switch.
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A new inbound channel stands at the door, not answered yet."""

    channel: str
    #: The number dialled, as the trunk delivered it.
    dialled: str
    #: The calling number as delivered, or None when withheld.
    caller: str | None
    caller_name: str | None
    #: `trunk`: the public network; `phone`: a registered desk phone; `web`: the caller's page.
    source: Literal["trunk", "phone", "web"]
    at: datetime
    #: For `phone`: the endpoint that calls. Else None.
    endpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRinging:
    """The far telephone of a leg we are ringing says it rings."""

    channel: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAnswered:
    """A leg we rang was picked up."""

    channel: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded:
    """A channel is gone, whoever hung up. Delivered exactly once for each channel."""

    channel: str
    cause: HangupCause
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Digit:
    """A key was pressed on a channel (RFC 4733, SIP INFO or in-band)."""

    channel: str
    digit: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackEnded:
    """All media of a Play command were played, or the playback was stopped or failed (`ok` False on failure)."""

    channel: str
    playback: str
    ok: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Talking:
    """Speech began (`on`) or ended on a channel that was asked to be watched (see Watch)."""

    channel: str
    on: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A channel we listen to said one of the awaited phrases, or words that may mean danger (see StartListening).

    Which words exactly is not told: they may be about a patient.
    """

    channel: str
    stream: str
    #: One of the phrases that were awaited; None when only a red flag was heard.
    phrase: str | None
    #: From 0 to 1: how much the recogniser trusts itself.
    confidence: float
    #: The rule of the red-flag list that was matched, or None.
    red_flag: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneHold:
    """A telephone put its side on hold, or took it back, by its own button (re-INVITE)."""

    channel: str
    on: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChanged:
    """A softphone or desk phone became reachable (registered) or unreachable."""

    endpoint: str
    online: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchDown:
    """The connection to the switch is lost. Calls may well go on; nothing can be seen or commanded."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchUp:
    """The switch is connected (again): take a snapshot and reconcile before acting. `fresh`: the switch itself was
    restarted, so every earlier channel is gone."""

    fresh: bool
    at: datetime


SwitchEvent = (
    Arrived
    | LegRinging
    | LegAnswered
    | LegEnded
    | Digit
    | PlaybackEnded
    | Talking
    | Heard
    | PhoneHold
    | EndpointChanged
    | SwitchDown
    | SwitchUp
)
