"""What call control needs from a telephone switch: commands it gives, events it hears, and a way to look again.

Two implementations pass the same contract tests: `careline.telephony` (Asterisk over ARI) and
`careline.testing.fake_switch` (in memory, on any clock). Identifiers of channels, bridges, playbacks and recordings
are chosen by the caller before the command is given, so that an event can never arrive for something unknown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

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


# --- what the switch tells us -------------------------------------------------------------------------------------


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


# --- what we tell the switch --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer an inbound channel."""

    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RingBack:
    """Let an inbound channel hear that it rings, without answering it."""

    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Play media one after another: absolute file paths without extension. Ends with PlaybackEnded."""

    channel: str
    playback: str
    media: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlay:
    """Stop a playback; it may have ended already."""

    playback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Let a channel wait with music (not in a bridge)."""

    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpark:
    """End the waiting music of a channel."""

    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Ring a telephone as a new leg `channel`. Ends in LegAnswered, or LegEnded with the cause.

    With `bridge`, the leg is put into that bridge before it is dialled, so that the answer connects at once; the
    bridge is created when it does not exist. `auto_answer` asks a browser softphone to answer by itself (a page that
    was refreshed in mid-call): sent as the SIP header `X-Careline-Resume: 1`. `call` goes along as `X-Careline-Call`.
    """

    channel: str
    #: A softphone or desk phone name (`s-…`, `d-…`), or `tel:+1…` for the outside through the trunk.
    endpoint: str
    caller_id: str | None
    caller_name: str | None
    seconds: int
    call: str
    bridge: str | None = None
    auto_answer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """End a channel; it may be gone already, which is no error."""

    channel: str
    cause: HangupCause = HangupCause.NORMAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """Put channels into a mixing bridge, creating it when needed. Channels leave music or other bridges for it."""

    bridge: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbridge:
    """Take channels out of a bridge; they stay up."""

    bridge: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropBridge:
    """Remove a bridge; channels in it stay up, in silence."""

    bridge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Stop (`on`) or restore what a channel's person says to others."""

    channel: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDigits:
    """Send keypad tones out to the telephone behind a channel."""

    channel: str
    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecording:
    """Record a channel in stereo: left what its person says, right what is heard. Encrypted as it is written."""

    channel: str
    #: The recording's id (a uuid as text), also its file name.
    recording: str
    tenant: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRecording:
    """End a recording; the recorder finishes the file and its row."""

    channel: str
    recording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Report speech beginning and ending on a channel (Talking events): silence ends a voicemail."""

    channel: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StartListening:
    """Have what a channel's person says listened to, for phrases and for words that may mean danger (Heard events).

    Given again for the same stream, it changes what is listened for. Nothing that is said is stored.
    """

    channel: str
    stream: str
    language: str
    #: What the person may say just now; empty: nothing in particular.
    phrases: tuple[str, ...] = ()
    red_flags: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StopListening:
    """End it; it may have ended with the channel."""

    channel: str
    stream: str


Command = (
    Answer
    | RingBack
    | Play
    | StopPlay
    | Park
    | Unpark
    | Ring
    | Hangup
    | Bridge
    | Unbridge
    | DropBridge
    | Mute
    | SendDigits
    | StartRecording
    | StopRecording
    | Watch
    | StartListening
    | StopListening
)


# --- looking again ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSeen:
    """One channel as the switch lists it."""

    channel: str
    #: In our application (commandable), or still in the switch's own waiting loop.
    ours: bool
    up: bool
    inbound: bool
    dialled: str
    caller: str | None
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSnapshot:
    """Everything the switch holds at one moment."""

    channels: Mapping[str, ChannelSeen] = field(default_factory=dict)
    bridges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    endpoints_online: frozenset[str] = frozenset()


class Switch(Protocol):
    """A telephone switch. A vanished channel is a normal outcome of any command, never an exception."""

    def run(self, commands: Sequence[Command]) -> Awaitable[None]:
        """Carry out commands in order. Fails with `Unavailable` when the switch cannot be reached."""
        ...

    def events(self) -> AsyncIterator[SwitchEvent]:
        """Everything that happens, in the order the switch said it; begins with SwitchUp. One reader only."""
        ...

    async def snapshot(self) -> SwitchSnapshot:
        """All channels, bridges and reachable telephones now. Raises `Unavailable`."""
        ...

    async def grant_softphone(self, username: str, password: str, *, kind: Literal["agent", "caller", "desk"]) -> None:
        """Let a telephone register as `username` (`s-…` agent's browser, `w-…` caller's page, `d-…` desk phone)."""
        ...

    async def revoke_softphone(self, username: str) -> None:
        """Withdraw it: no new registration and no new call; a call in progress stays up."""
        ...

    async def close(self) -> None:
        """Leave the switch; calls stay up."""
        ...
