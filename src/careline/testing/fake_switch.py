"""A telephone switch in memory, on any clock: passes the same contract tests as Asterisk.

Tests play the outside world: `arrive` a call, `press` keys, `hang_up`, `answer_leg`, `register` a telephone.
Nothing happens by itself except what the port promises at once; `tick` lets time-outs pass.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.switch_commands import (
    Answer,
    Bridge,
    Command,
    DropBridge,
    Hangup,
    Mute,
    Park,
    Play,
    Ring,
    RingBack,
    SendDigits,
    StartListening,
    StartRecording,
    StopListening,
    StopPlay,
    StopRecording,
    Unbridge,
    Unpark,
    Watch,
)
from careline.calls.switch_events import (
    Arrived,
    Digit,
    EndpointChanged,
    HangupCause,
    Heard,
    LegAnswered,
    LegEnded,
    LegRinging,
    PhoneHold,
    PlaybackEnded,
    SwitchDown,
    SwitchEvent,
    SwitchUp,
    Talking,
)
from careline.kernel.clock import Clock
from careline.kernel.errors import Unavailable


@dataclass(slots=True)
class FakeChannel:
    """One channel, as the fake holds it. Tests may look."""

    id: str
    inbound: bool
    created: datetime
    dialled: str = ""
    caller: str | None = None
    #: Of a leg: the telephone that rings, and when its ringing ends.
    endpoint: str | None = None
    ring_until: datetime | None = None
    up: bool = False
    #: Of a caller: hears that it rings.
    ringing: bool = False
    parked: bool = False
    muted: bool = False
    watched: bool = False
    #: What is listened for, as it was last asked for.
    listening: StartListening | None = None
    bridge: str | None = None
    recording: str | None = None
    #: Digits that were sent out to the telephone.
    sent: list[str] = field(default_factory=list)


class FakeSwitch:
    """Implements `careline.calls.ports.Switch`."""

    def __init__(self, clock: Clock, *, outbound: bool = True) -> None:
        """`outbound`: whether outside numbers can be called."""
        self._clock = clock
        self._outbound = outbound
        self._queue: asyncio.Queue[SwitchEvent] = asyncio.Queue()
        self._numbers = itertools.count(1)
        self._greeted = False
        self.connected = True
        #: Every command that was carried out, in order.
        self.log: list[Command] = []
        self.channels: dict[str, FakeChannel] = {}
        self.bridges: set[str] = set()
        #: Playback id -> the command, for those still playing.
        self.playing: dict[str, Play] = {}
        self.granted: dict[str, tuple[str, str]] = {}
        self.online: set[str] = set()

    # --- the outside world

    def arrive(
        self,
        dialled: str,
        caller: str | None = None,
        *,
        caller_name: str | None = None,
        source: Literal["trunk", "phone", "web"] = "trunk",
        endpoint: str | None = None,
    ) -> str:
        """A call comes in; its channel's id."""
        channel = f"in-{next(self._numbers)}"
        made = FakeChannel(channel, inbound=True, created=self._clock.now(), dialled=dialled, caller=caller)
        self.channels[channel] = made
        self._tell(
            Arrived(
                channel=channel,
                dialled=dialled,
                caller=caller,
                caller_name=caller_name,
                source=source,
                at=made.created,
                endpoint=endpoint,
            )
        )
        return channel

    def press(self, channel: str, digits: str) -> None:
        """The person behind a channel presses keys."""
        for digit in digits:
            self._tell(Digit(channel=channel, digit=digit, at=self._clock.now()))

    def hang_up(self, channel: str, cause: HangupCause = HangupCause.NORMAL) -> None:
        """The far side of a channel ends it (or refuses it, with a cause of its own)."""
        self._end(channel, cause)

    def answer_leg(self, channel: str) -> None:
        """A telephone that we ring is picked up."""
        leg = self.channels[channel]
        leg.up, leg.ring_until = True, None
        self._tell(LegAnswered(channel=channel, at=self._clock.now()))

    def finish_play(self, playback: str, *, ok: bool = True) -> None:
        """A playback comes to its end."""
        play = self.playing.pop(playback)
        self._tell(PlaybackEnded(channel=play.channel, playback=playback, ok=ok, at=self._clock.now()))

    def talk(self, channel: str, *, on: bool) -> None:
        """Somebody begins to speak, or stops; told only when the channel is watched."""
        if self.channels[channel].watched:
            self._tell(Talking(channel=channel, on=on, at=self._clock.now()))

    def say(self, channel: str, *, phrase: str | None = None, red_flag: str | None = None) -> None:
        """Somebody says a phrase, or words that may mean danger; told only when they are listened for."""
        asked = self.channels[channel].listening
        phrase = phrase if asked and phrase in asked.phrases else None
        red_flag = red_flag if asked and asked.red_flags else None
        if asked and (phrase or red_flag):
            self._tell(
                Heard(
                    channel=channel,
                    stream=asked.stream,
                    phrase=phrase,
                    confidence=0.9,
                    red_flag=red_flag,
                    at=self._clock.now(),
                )
            )

    def hold(self, channel: str, *, on: bool) -> None:
        """A telephone's own hold button."""
        self._tell(PhoneHold(channel=channel, on=on, at=self._clock.now()))

    def register(self, endpoint: str) -> bool:
        """A telephone registers; False when it was not granted."""
        if endpoint not in self.granted:
            return False
        if endpoint not in self.online:
            self.online.add(endpoint)
            self._tell(EndpointChanged(endpoint=endpoint, online=True, at=self._clock.now()))
        return True

    def unregister(self, endpoint: str) -> None:
        """A telephone goes away; its calls stay up."""
        if endpoint in self.online:
            self.online.discard(endpoint)
            self._tell(EndpointChanged(endpoint=endpoint, online=False, at=self._clock.now()))

    def go_down(self, reason: str = "the connection was closed") -> None:
        """The connection is lost; channels go on."""
        self._tell(SwitchDown(reason=reason, at=self._clock.now()))
        self.connected = False

    def come_up(self, *, fresh: bool = False) -> None:
        """It is back; `fresh`: the switch was restarted, so all is gone but what was granted."""
        self.connected = True
        if fresh:
            self.channels.clear()
            self.bridges.clear()
            self.playing.clear()
            self.online.clear()
        self._tell(SwitchUp(fresh=fresh, at=self._clock.now()))

    def tick(self) -> None:
        """End the ringing of legs whose time has passed on the clock."""
        now = self._clock.now()
        for leg in [leg for leg in self.channels.values() if leg.ring_until and leg.ring_until <= now]:
            self._end(leg.id, HangupCause.NO_ANSWER)

    def together(self, *channels: str) -> bool:
        """Whether these channels hear each other."""
        bridges = {self.channels[channel].bridge for channel in channels}
        return len(bridges) == 1 and None not in bridges

    # --- the port

    async def run(self, commands: Sequence[Command]) -> None:
        """Carry out commands in order. Raises `Unavailable`."""
        for command in commands:
            if not self.connected:
                raise Unavailable("The telephone switch cannot be reached")
            self.log.append(command)
            self._carry_out(command)
        await asyncio.sleep(0)

    async def events(self) -> AsyncIterator[SwitchEvent]:
        """Everything that happens; begins with SwitchUp."""
        if not self._greeted:
            self._greeted = True
            yield SwitchUp(fresh=False, at=self._clock.now())
        while True:
            yield await self._queue.get()

    async def snapshot(self) -> SwitchSnapshot:
        """What there is now. Raises `Unavailable`."""
        if not self.connected:
            raise Unavailable("The telephone switch cannot be reached")
        bridges = {bridge: self._in(bridge) for bridge in self.bridges}
        seen = {channel.id: _seen(channel) for channel in self.channels.values()}
        return SwitchSnapshot(channels=seen, bridges=bridges, endpoints_online=frozenset(self.online))

    async def grant_softphone(self, username: str, password: str, *, kind: Literal["agent", "caller", "desk"]) -> None:
        """Let a telephone register."""
        if not self.connected:
            raise Unavailable("The telephone switch cannot be reached")
        self.granted[username] = (password, kind)

    async def revoke_softphone(self, username: str) -> None:
        """Withdraw it."""
        self.granted.pop(username, None)
        self.unregister(username)

    async def close(self) -> None:
        """Nothing to close."""

    # --- inside

    def _carry_out(self, command: Command) -> None:
        match command:
            case Ring():
                self._ring(command)
            case Bridge(bridge=bridge, channels=channels):
                self.bridges.add(bridge)
                for channel in self._alive(channels):
                    channel.bridge, channel.parked = bridge, False
            case Unbridge(bridge=bridge, channels=channels):
                for channel in self._alive(channels):
                    channel.bridge = None if channel.bridge == bridge else channel.bridge
            case DropBridge(bridge=bridge):
                self.bridges.discard(bridge)
                for channel in self._alive(self._in(bridge)):
                    channel.bridge = None
            case StopPlay(playback=playback):
                if playback in self.playing:
                    self.finish_play(playback)
            case Play(channel=name, playback=playback, media=media):
                if name in self.channels and media:
                    self.playing[playback] = command
                else:
                    self._tell(PlaybackEnded(channel=name, playback=playback, ok=False, at=self._clock.now()))
            case Hangup(channel=name, cause=cause):
                self._end(name, cause)
            case _:
                for channel in self._alive((command.channel,)):
                    _change(channel, command)

    def _ring(self, command: Ring) -> None:
        now = self._clock.now()
        leg = FakeChannel(command.channel, inbound=False, created=now, endpoint=command.endpoint)
        self.channels[command.channel] = leg
        outside = command.endpoint.startswith("tel:")
        if self._outbound if outside else command.endpoint in self.online:
            leg.ring_until = now + timedelta(seconds=command.seconds)
            if command.bridge:
                self.bridges.add(command.bridge)
                leg.bridge = command.bridge
            self._tell(LegRinging(channel=leg.id, at=now))
        else:
            self._end(leg.id, HangupCause.UNREACHABLE)

    def _end(self, channel: str, cause: HangupCause) -> None:
        if self.channels.pop(channel, None) is None:
            return
        for playback in [p for p, play in self.playing.items() if play.channel == channel]:
            del self.playing[playback]
        self._tell(LegEnded(channel=channel, cause=cause, at=self._clock.now()))

    def _alive(self, channels: Sequence[str]) -> list[FakeChannel]:
        return [self.channels[channel] for channel in channels if channel in self.channels]

    def _in(self, bridge: str) -> tuple[str, ...]:
        return tuple(channel.id for channel in self.channels.values() if channel.bridge == bridge)

    def _tell(self, event: SwitchEvent) -> None:
        if self.connected:  # what happens while nobody is connected is never told
            self._queue.put_nowait(event)


def _change(channel: FakeChannel, command: Command) -> None:
    match command:
        case Answer():
            channel.up, channel.ringing = True, False
        case RingBack():
            channel.ringing = not channel.up
        case Park():
            channel.parked = True
        case Unpark():
            channel.parked = False
        case Mute(on=on):
            channel.muted = on
        case SendDigits(digits=digits):
            channel.sent.append(digits)
        case StartRecording(recording=recording):
            channel.recording = recording
        case StopRecording():
            channel.recording = None
        case Watch(on=on):
            channel.watched = on
        case StartListening():
            channel.listening = command
        case StopListening():
            channel.listening = None


def _seen(channel: FakeChannel) -> ChannelSeen:
    return ChannelSeen(
        channel=channel.id,
        ours=True,
        up=channel.up,
        inbound=channel.inbound,
        dialled=channel.dialled,
        caller=channel.caller,
        created=channel.created,
    )
