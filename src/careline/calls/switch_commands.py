"""What we tell the telephone switch (see `ports`)."""

from __future__ import annotations

from dataclasses import dataclass

from careline.calls.switch_events import HangupCause


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
