"""The telephone switch over ARI: the real side of `careline.calls.ports.Switch`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from typing import Any, Final, Literal

import msgspec

from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.switch_commands import Command, Hangup
from careline.calls.switch_events import (
    Arrived,
    HangupCause,
    LegAnswered,
    LegEnded,
    PlaybackEnded,
    SwitchDown,
    SwitchEvent,
    SwitchUp,
)
from careline.kernel.clock import Clock, SystemClock
from careline.kernel.errors import Unavailable
from careline.telephony.ari import APP, Ari, Json
from careline.telephony.eager import start
from careline.telephony.instance import Access
from careline.telephony.listening import PREFIX, Listening
from careline.telephony.orders import Orders, StartMusic, keys_of, leads
from careline.telephony.phones import Phones
from careline.telephony.recordings import RecorderDoor, Recordings
from careline.telephony.translate import (
    WANTED,
    Translator,
    dialled_nonsense,
    is_inbound,
    is_ours,
    moment,
    shown,
    telephone_of,
)
from careline.telephony.voice_agent import AgentCall, AgentOutcome
from careline.telephony.voice_door import VoiceLine

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
_TAKEN_OVER_WAIT = 5.0
#: How long after a leg has left our application its end, with the cause, is waited for.
_LAST_WORD = 1.0
_PULSE = "careline-pulse"
_FIRST_PULSE, _PULSE_EVERY, _PULSE_PATIENCE = 0.1, 5.0, 8.0


class AsteriskSwitch:
    """One Asterisk. Connects by itself and again after every loss; `events` tells both."""

    def __init__(
        self,
        access: Access,
        recorder: RecorderDoor | None = None,
        clock: Clock | None = None,
        voice: VoiceLine | None = None,
    ) -> None:
        """`voice`: the way to the process that listens to callers; None: nobody is listened to."""
        self._clock = clock or SystemClock()
        self._ari = Ari(access)
        self._book = Translator()
        self._phones = Phones(self._ari)
        self._recordings = Recordings(access, recorder)
        self._listening = Listening(access, self._ari, voice, self._clock, lambda heard: self._put([heard]))
        self._orders = Orders(
            self._ari,
            self._book,
            self._recordings,
            self._listening,
            outbound=access.outbound,
            failed=self._leg_failed,
            not_played=self._not_played,
            music=self._start_music,
        )
        self._queue: asyncio.Queue[SwitchEvent] = asyncio.Queue()
        self._last: dict[str, asyncio.Future[None]] = {}
        self._started: str | None = None
        self._besides: set[asyncio.Task[None]] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._pulse = asyncio.Event()
        #: What was said before we were ready to hear it; None while events are read as they come.
        self._early: list[bytes] | None = []
        self._taken_over = False

    # --- the port

    def open(self) -> None:
        """Begin to connect; `events` does it by itself."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_connected(), name="asterisk-connection")

    def run(self, commands: Sequence[Command]) -> Awaitable[None]:
        """Carry out commands; those that touch different channels run side by side. Fails with `Unavailable`.

        What can leave at once has left when this returns. An agent's telephone rings first: somebody waits for it, and
        what else belongs to it (the caller's answer, for one) follows as soon as the switch has taken it.
        """
        rings = [command for command in commands if leads(command)]
        if not rings:
            return _all([self._enqueue(command) for command in commands])
        first = [self._enqueue(command) for command in rings]
        return _all([*first, *(self._enqueue(c, first) for c in commands if not leads(c))])

    async def events(self) -> AsyncIterator[SwitchEvent]:
        """Everything that happens, beginning with SwitchUp. One reader only."""
        self.open()
        while True:
            yield await self._queue.get()

    async def snapshot(self) -> SwitchSnapshot:
        """All channels, bridges and reachable telephones. Raises `Unavailable`."""
        channels, bridges, phones = await asyncio.gather(
            self._ari.get("channels"), self._ari.get("bridges"), self._phones.listed()
        )
        for channel in channels:
            self._book.seen(channel)
        # Telephones are left to their events: a listing in between would make the next event look like old news.
        return SwitchSnapshot(
            channels={channel["id"]: _seen(channel) for channel in channels if _is_calls(channel)},
            bridges={bridge["id"]: tuple(bridge["channels"]) for bridge in bridges if _is_calls(bridge)},
            endpoints_online=frozenset(name for name, online in phones.items() if online),
        )

    async def grant_softphone(self, username: str, password: str, *, kind: Literal["agent", "caller", "desk"]) -> None:
        """Let a telephone register. Raises `InvalidInput`, `Unavailable`."""
        await self._phones.grant(username, password, kind)

    async def revoke_softphone(self, username: str) -> None:
        """Withdraw it; a call in progress stays up. Raises `Unavailable`."""
        await self._phones.revoke(username)

    @property
    def listening(self) -> tuple[str, str]:
        """`up`, `degraded` or `down`, and why, of the listening to callers."""
        return self._listening.state

    async def converse(self, channel: str, stream: str, call: AgentCall) -> AgentOutcome:
        """Let a caller talk with a voice agent until it is over; cancel to end it. Raises `Unavailable`."""
        return await self._listening.converse(channel, stream, call)

    async def close(self) -> None:
        """Leave the switch; calls and recordings stay up."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        for task in self._besides:
            task.cancel()
        await self._listening.close()
        await self._recordings.close()
        await self._ari.close()

    # --- commands

    def _enqueue(
        self, command: Command | StartMusic, after: Sequence[asyncio.Future[None]] = ()
    ) -> asyncio.Future[None]:
        """Carry a command out after the earlier ones on the same channels and bridges, and after `after`."""
        keys = keys_of(command)
        before = {work for key in keys if (work := self._last.get(key)) is not None and not work.done()}
        before.update(work for work in after if not work.done())
        work = start(self._carry_out(command, before))
        if not work.done():
            for key in keys:
                self._last[key] = work
            work.add_done_callback(lambda done: self._forget(keys, done))
        return work

    async def _carry_out(self, command: Command | StartMusic, before: set[asyncio.Future[None]]) -> None:
        if before:
            await asyncio.wait(before)
        await self._orders.carry_out(command)

    def _start_music(self, channel: str) -> None:
        self._beside(_all([self._enqueue(StartMusic(channel))]))

    def _forget(self, keys: Sequence[str], done: asyncio.Future[None]) -> None:
        for key in keys:
            if self._last.get(key) is done:
                del self._last[key]

    def _leg_failed(self, channel: str, cause: HangupCause) -> None:
        self._put(self._book.fail(channel, cause, self._clock.now()))

    def _not_played(self, channel: str, playback: str) -> None:
        self._put([PlaybackEnded(channel=channel, playback=playback, ok=False, at=self._clock.now())])

    # --- events

    async def _keep_connected(self) -> None:
        wait = _FIRST_WAIT
        up = False
        while True:
            reason = "the connection was closed"
            try:
                self._early = []
                self._taken_over = False
                async with self._ari.events(self._hear) as over:
                    await self._greet()
                    up, wait = True, _FIRST_WAIT
                    early, self._early = self._early, None
                    for message in early:
                        self._hear(message)
                    reason = await self._listen(over)
            except Unavailable as error:
                reason = error.detail
            except Exception:
                # whatever it was, call control without a switch is worse: tell, and connect again
                log.exception("the connection to the telephone switch failed")
                reason = "an unexpected failure"
            if up:
                up = False
                log.warning("the connection to the telephone switch is lost")
                self._put([SwitchDown(reason=reason, at=self._clock.now())])
            if reason == _TAKEN_OVER:
                wait = _TAKEN_OVER_WAIT
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _greet(self) -> None:
        """Right after the connection: ask for the events we use, learn whether Asterisk was restarted, tell."""
        info = await self._ari.get("asterisk/info", {"only": "status"})
        started = str(info["status"]["startup_time"])
        fresh = self._started is not None and started != self._started
        self._started = started
        wanted = {"allowed": [{"type": kind} for kind in WANTED]}
        await self._ari.request("PUT", f"applications/{APP}/eventFilter", None, wanted)
        self._orders.forget()
        if fresh:
            self._listening.forget()
            self._book.keep_only(())
            await self._phones.grant_again()
        phones = await self._phones.listed()
        channels = await self._ari.get("channels")
        self._book.keep_only([channel["id"] for channel in channels])
        for channel in channels:
            self._book.seen(channel)
        self._book.online(name for name, online in phones.items() if online)
        await self._phones.follow()
        self._recordings.hold()
        self._listening.hold()
        await self._listening.sweep()
        self._put([SwitchUp(fresh=fresh, at=self._clock.now())])

    async def _listen(self, over: asyncio.Future[None]) -> str:
        """Wait until the connection ends or Asterisk stops answering; why it ended."""
        watching = asyncio.create_task(self._watch())
        try:
            either: set[asyncio.Future[Any]] = {over, watching}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._taken_over:
                return _TAKEN_OVER
            return "the connection was closed" if over.done() else watching.result()
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    def _hear(self, message: bytes) -> None:
        """One event, as it comes from the wire."""
        if self._early is not None:
            self._early.append(message)
            return
        event = _decode(message)
        kind = event["type"]
        if kind == "ApplicationReplaced":
            self._taken_over = True
            self._pulse.set()
            return
        if kind == "ChannelUserevent":
            self._pulse.set()
            return
        try:
            heard = self._book.read(event)
        except (KeyError, TypeError, ValueError):
            log.exception("an event of the telephone switch was not understood")
            return
        self._put(heard)
        if kind == "StasisStart":
            self._orders.entered(event["channel"]["id"])
            if dialled_nonsense(event):
                self._beside(self.run([Hangup(channel=event["channel"]["id"], cause=HangupCause.UNALLOCATED)]))
        elif kind == "Dial":
            self._orders.rung(event["peer"]["id"])
        elif kind == "StasisEnd" and event["channel"]["id"] in self._book.legs:
            asyncio.get_running_loop().call_later(_LAST_WORD, self._finish, event["channel"]["id"])

    async def _watch(self) -> str:
        """See that events still come: send one through the switch to ourselves, again and again.

        ARI can hang while the process lives. And when a connection follows another one at once, Asterisk may take the
        end of the old one for ours: then all looks well, but no call would ever reach us.
        """
        pause = _FIRST_PULSE
        while True:
            await asyncio.sleep(pause)
            self._recordings.hold()
            self._pulse.clear()
            try:
                sent = await self._ari.request(
                    "POST", f"events/user/{_PULSE}", {"application": APP}, seconds=_PULSE_PATIENCE
                )
                if not sent.ok:
                    return "the switch has forgotten us"
                async with asyncio.timeout(_PULSE_PATIENCE):
                    await self._pulse.wait()
            except (Unavailable, TimeoutError):
                return "the switch does not answer"
            if self._taken_over:
                return _TAKEN_OVER
            pause = min(pause * 3, _PULSE_EVERY)

    def _finish(self, channel: str) -> None:
        self._put(self._book.finish(channel, self._clock.now()))

    def _beside(self, work: Awaitable[None]) -> None:
        """Something that nobody waits for."""

        async def quietly() -> None:
            with contextlib.suppress(Unavailable):
                await work

        task = asyncio.create_task(quietly())
        self._besides.add(task)
        task.add_done_callback(self._besides.discard)

    def _put(self, events: Sequence[SwitchEvent]) -> None:
        for event in events:
            if isinstance(event, LegEnded):
                self._orders.gone(event.channel)
                self._listening.gone(event.channel)
            elif isinstance(event, Arrived):
                self._orders.arrived(event.channel)
            elif isinstance(event, LegAnswered):
                self._beside(self._orders.join_if_left_alone(event.channel))
            self._queue.put_nowait(event)


_decode: Final = msgspec.json.Decoder(Json).decode
_TAKEN_OVER = "another call control has taken over"


async def _all(works: Iterable[asyncio.Future[None]]) -> None:
    """Wait for every one, then raise what the first of them raised that did."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _is_calls(thing: Json) -> bool:
    """Whether a channel or bridge belongs to a call, and not to the listening to one."""
    return not thing["id"].startswith(PREFIX)


def _seen(channel: Json) -> ChannelSeen:
    inbound = is_inbound(channel)
    return ChannelSeen(
        channel=channel["id"],
        ours=is_ours(channel),
        up=channel["state"] == "Up",
        inbound=inbound,
        dialled=channel["dialplan"]["exten"] if inbound else "",
        caller=None if telephone_of(channel["name"]) else shown(channel["caller"]["number"]),
        created=moment(channel["creationtime"]),
    )
