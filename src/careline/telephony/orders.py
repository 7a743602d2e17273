"""Call control's commands as ARI requests: one method a command. A channel that has gone is a normal outcome."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

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
from careline.calls.switch_events import TALK_PAUSE, HangupCause
from careline.telephony.ari import APP, Answered, Ari
from careline.telephony.listening import Listening
from careline.telephony.recordings import Recordings
from careline.telephony.translate import CODES, Translator

log = logging.getLogger(__name__)

#: Milliseconds of silence before Talking(on=False), and the loudness that counts as speech.
_TALK_DETECT: Final = f"{TALK_PAUSE // timedelta(milliseconds=1)},256"
_OUTSIDE: Final = "tel:"
#: Seconds within which the INVITE to a telephone has left; what else belongs to the call is done after it.
_RINGS_WITHIN: Final = 0.02
#: Seconds of silence before waiting music begins: whoever is connected at once needs none.
_PAUSE: Final = 0.2
#: Seconds after its answer in which call control bridges a leg itself.
_LEFT_ALONE: Final = 0.05
#: Seconds that a leg may take to enter our application after it was made.
_ENTERS_WITHIN: Final = 2.0

#: What ends a quoted name.
_NO_QUOTES: Final = str.maketrans({'"': "'", "\\": "/", "<": "(", ">": ")"})

Failed = Callable[[str, HangupCause], None]
NotPlayed = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class StartMusic:
    """A parked channel is still parked after a moment: now its music begins."""

    channel: str


def leads(command: Command) -> bool:
    """Whether other commands given along with this one wait for it: an agent's telephone is to ring."""
    return isinstance(command, Ring) and command.channel.startswith("a.") and not command.auto_answer


def keys_of(command: Command | StartMusic) -> list[str]:
    """What a command touches. Commands that share nothing may run side by side; those that do keep their order."""
    match command:
        case Ring(channel=channel, bridge=bridge):
            return [channel, bridge] if bridge else [channel]
        case Bridge(bridge=bridge, channels=channels) | Unbridge(bridge=bridge, channels=channels):
            return [bridge, *channels]
        case DropBridge(bridge=bridge):
            return [bridge]
        case StopPlay(playback=playback):
            return [playback]
        case Play(channel=channel, playback=playback):
            return [channel, playback]
        case StartRecording(recording=recording) | StopRecording(recording=recording):
            return [recording]
        case _:
            return [command.channel]


class Orders:
    """Carries commands out."""

    def __init__(
        self,
        ari: Ari,
        book: Translator,
        recordings: Recordings,
        listening: Listening,
        *,
        outbound: bool,
        failed: Failed,
        not_played: NotPlayed,
        music: Callable[[str], None],
    ) -> None:
        self._ari = ari
        self._book = book
        self._recordings = recordings
        self._listening = listening
        self._outbound = outbound
        self._failed = failed
        self._not_played = not_played
        self._music = music
        #: Parked channels whose music has not begun yet.
        self._parked: dict[str, asyncio.TimerHandle] = {}
        self._bridges: set[str] = set()
        #: Legs that were made but may not have entered our application yet: until then Asterisk refuses to dial them.
        self._entering: dict[str, asyncio.Event] = {}
        #: Legs whose INVITE has not left as far as we know.
        self._rung: dict[str, asyncio.Future[None]] = {}
        #: Legs that ring, and the bridge they are to be in when they answer.
        self._meant_for: dict[str, str] = {}
        #: Channels whose waiting music we know to be off: they were never given any, or it was taken away.
        self._quiet: set[str] = set()
        #: Legs that were put into a bridge before they were answered, and the bridge: they need not be put there again.
        self._inside: dict[str, str] = {}

    def forget(self) -> None:
        """The switch was restarted, or was out of sight: what bridges and music there are is not known."""
        self._bridges.clear()
        self._quiet.clear()
        self._inside.clear()
        for handle in self._parked.values():
            handle.cancel()
        self._parked.clear()

    def gone(self, channel: str) -> None:
        """A channel has ended."""
        self._quiet.discard(channel)
        self._unpark(channel)
        self._meant_for.pop(channel, None)
        self._inside.pop(channel, None)
        self.entered(channel)
        self.rung(channel)

    def entered(self, channel: str) -> None:
        """A leg has entered our application (or will never)."""
        entering = self._entering.get(channel)
        if entering is not None:
            entering.set()

    def rung(self, channel: str) -> None:
        """A leg's INVITE has left."""
        rung = self._rung.get(channel)
        if rung is not None and not rung.done():
            rung.set_result(None)

    def arrived(self, channel: str) -> None:
        """A new channel: it has no music yet."""
        self._quiet.add(channel)

    async def carry_out(self, command: Command | StartMusic) -> None:
        """One command. Raises `Unavailable` when the switch cannot be reached."""
        match command:
            case Answer(channel=channel):
                await self._post(f"channels/{_q(channel)}/answer")
            case RingBack(channel=channel):
                await self._post(f"channels/{_q(channel)}/ring")
            case Play():
                await self._play(command)
            case StopPlay(playback=playback):
                await self._ari.request("DELETE", f"playbacks/{_q(playback)}")
            case Park(channel=channel):
                self._unpark(channel)
                self._parked[channel] = asyncio.get_running_loop().call_later(_PAUSE, self._music, channel)
            case StartMusic(channel=channel):
                if self._parked.pop(channel, None):
                    self._quiet.discard(channel)
                    await self._post(f"channels/{_q(channel)}/moh")
            case Unpark(channel=channel):
                await self._silence(channel)
            case Ring():
                await self._ring(command)
            case Hangup(channel=channel, cause=cause):
                self._book.blame(channel, cause)
                await self._ari.request("DELETE", f"channels/{_q(channel)}", {"reason_code": str(CODES[cause])})
            case Bridge(bridge=bridge, channels=channels):
                for channel in channels:
                    self._meant_for.pop(channel, None)
                loud = [channel for channel in channels if channel not in self._quiet]
                for channel in channels:
                    self._unpark(channel)
                if loud:
                    await asyncio.gather(self._make_bridge(bridge), *(self._silence(channel) for channel in loud))
                else:
                    await self._make_bridge(bridge)
                missing = tuple(channel for channel in channels if self._inside.get(channel) != bridge)
                if missing:
                    await self._join(bridge, missing)
                self._leave(missing)
            case Unbridge(bridge=bridge, channels=channels):
                self._leave(channels)
                await _together(self._post(f"bridges/{_q(bridge)}/removeChannel", channel=one) for one in channels)
            case DropBridge(bridge=bridge):
                self._bridges.discard(bridge)
                self._leave([channel for channel, inside in self._inside.items() if inside == bridge])
                await self._ari.request("DELETE", f"bridges/{_q(bridge)}")
            case Mute(channel=channel, on=on):
                method = "POST" if on else "DELETE"
                await self._ari.request(method, f"channels/{_q(channel)}/mute", {"direction": "in"})
            case SendDigits(channel=channel, digits=digits):
                await self._post(f"channels/{_q(channel)}/dtmf", dtmf=digits)
            case StartRecording(channel=channel, recording=recording, tenant=tenant):
                await self._recordings.start(channel, recording, tenant)
            case StopRecording(channel=channel):
                await self._recordings.stop(channel)
            case StartListening():
                self._listening.start(command)
            case StopListening(stream=stream):
                self._listening.stop(stream)
            case Watch(channel=channel, on=on):
                name = "TALK_DETECT(set)" if on else "TALK_DETECT(remove)"
                await self._set(channel, name, _TALK_DETECT if on else "")

    async def _play(self, command: Play) -> None:
        media = ",".join(f"sound:{path}" for path in command.media)
        path = f"channels/{_q(command.channel)}/play/{_q(command.playback)}"
        if not media or not await self._post(path, media=media):
            self._not_played(command.channel, command.playback)

    async def _ring(self, command: Ring) -> None:
        """Originate: the INVITE leaves after one request. A leg that answers by itself stands in its bridge before."""
        self._book.expect(command.channel)
        self._quiet.add(command.channel)
        where = self._address(command.endpoint)
        if where is None:
            self._failed(command.channel, HangupCause.UNREACHABLE)
            return
        if command.auto_answer and command.bridge:
            await asyncio.gather(self._dial(command, where, command.bridge), self._make_bridge(command.bridge))
            return
        query = {"endpoint": where, "app": APP, "appArgs": "leg", "channelId": command.channel}
        query["timeout"] = str(command.seconds)
        if command.bridge:
            self._meant_for[command.channel] = command.bridge
        rung = self._rung[command.channel] = asyncio.get_running_loop().create_future()
        try:
            made = await self._ari.request("POST", "channels", query, {"variables": _variables(command)})
            if made.ok and not rung.done():
                await asyncio.wait({rung}, timeout=_RINGS_WITHIN)
        finally:
            del self._rung[command.channel]
        if not made.ok:
            self._failed(command.channel, HangupCause.UNREACHABLE)
        elif command.bridge:
            await self._make_bridge(command.bridge)

    async def _dial(self, command: Ring, where: str, bridge: str) -> None:
        """Create, put into the bridge, dial."""
        channel = _q(command.channel)
        self._entering[command.channel] = asyncio.Event()
        try:
            query = {"endpoint": where, "app": APP, "appArgs": "leg", "channelId": command.channel}
            made = await self._ari.request("POST", "channels/create", query, {"variables": _variables(command)})
            if not made.ok:
                self._failed(command.channel, HangupCause.UNREACHABLE)
                return
            dialled, joined = await asyncio.gather(
                self._soon(command.channel, f"channels/{channel}/dial", {"timeout": str(command.seconds)}),
                self._soon(command.channel, f"bridges/{_q(bridge)}/addChannel", {"channel": command.channel}),
            )
            if joined.ok:
                self._inside[command.channel] = bridge
        finally:
            del self._entering[command.channel]
        if not dialled.ok:
            self._book.blame(command.channel, HangupCause.UNREACHABLE)
            await self._ari.request("DELETE", f"channels/{channel}")

    def _leave(self, channels: Iterable[str]) -> None:
        for channel in channels:
            self._inside.pop(channel, None)

    async def join_if_left_alone(self, channel: str) -> None:
        """A leg was answered: call control bridges it at once as a rule; if it does not, the leg joins by itself."""
        if channel in self._meant_for:
            await asyncio.sleep(_LEFT_ALONE)
            bridge = self._meant_for.pop(channel, None)
            if bridge is not None:
                await self._post(f"bridges/{_q(bridge)}/addChannel", channel=channel)

    async def _soon(self, leg: str, path: str, query: dict[str, str]) -> Answered:
        """Ask at once, which nearly always is late enough; when the leg was not there yet, ask again when it is."""
        answer = await self._ari.request("POST", path, query)
        if answer.status in (409, 422):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ENTERS_WITHIN):
                    await self._entering[leg].wait()
            answer = await self._ari.request("POST", path, query)
        return answer

    def _address(self, endpoint: str) -> str | None:
        if not endpoint.startswith(_OUTSIDE):
            return f"PJSIP/{endpoint}"
        number = endpoint.removeprefix(_OUTSIDE)
        # nothing but a telephone number may get into the dial string
        if not self._outbound or not number.removeprefix("+").isdecimal():
            return None
        return f"PJSIP/{number}@trunk"

    async def _make_bridge(self, bridge: str) -> None:
        if bridge not in self._bridges:
            self._bridges.add(bridge)
            await self._post(f"bridges/{_q(bridge)}", type="mixing")

    async def _join(self, bridge: str, channels: tuple[str, ...]) -> None:
        answer = await self._ari.request("POST", f"bridges/{_q(bridge)}/addChannel", {"channel": ",".join(channels)})
        if answer.status == 404:  # the bridge had been removed under its name: make it again, once
            self._bridges.discard(bridge)
            await self._make_bridge(bridge)
            await self._post(f"bridges/{_q(bridge)}/addChannel", channel=",".join(channels))
        elif not answer.ok:  # one of them has gone: the others are joined all the same
            await _together(self._post(f"bridges/{_q(bridge)}/addChannel", channel=one) for one in channels)

    def _unpark(self, channel: str) -> None:
        handle = self._parked.pop(channel, None)
        if handle is not None:
            handle.cancel()

    async def _silence(self, channel: str) -> None:
        self._unpark(channel)
        if channel not in self._quiet:
            self._quiet.add(channel)
            await self._ari.request("DELETE", f"channels/{_q(channel)}/moh")

    async def _set(self, channel: str, name: str, value: str) -> None:
        await self._post(f"channels/{_q(channel)}/variable", variable=name, value=value)

    async def _post(self, path: str, **query: str) -> bool:
        return (await self._ari.request("POST", path, query or None)).ok


def _variables(command: Ring) -> dict[str, str]:
    variables = {"PJSIP_HEADER(add,X-Careline-Call)": command.call}
    if command.auto_answer:
        variables["PJSIP_HEADER(add,X-Careline-Resume)"] = "1"
    if command.caller_id or command.caller_name:
        name = (command.caller_name or "").translate(_NO_QUOTES)
        # all in one: each variable is a turn of its own in the switch
        variables["CONNECTEDLINE(all,i)"] = f'"{name}" <{command.caller_id or ""}>'
    return variables


async def _together(requests: Iterable[Coroutine[Any, Any, object]]) -> None:
    await asyncio.gather(*requests)


def _q(identifier: str) -> str:
    return quote(identifier, safe="")
