"""The telephone switch over ARI: the real side of `careline.calls.ports.Switch`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Literal

from careline.calls.ports import (
    Arrived,
    ChannelSeen,
    Command,
    HangupCause,
    LegAnswered,
    LegEnded,
    PlaybackEnded,
    SwitchDown,
    SwitchEvent,
    SwitchSnapshot,
    SwitchUp,
)
from careline.kernel.clock import Clock, SystemClock
from careline.kernel.errors import Unavailable
from careline.telephony.ari import APP, Ari, Json
from careline.telephony.instance import Access
from careline.telephony.orders import Orders, keys_of
from careline.telephony.phones import Phones
from careline.telephony.recordings import RecorderDoor, Recordings
from careline.telephony.translate import WANTED, Translator, is_ours, moment, shown, telephone_of

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
_TAKEN_OVER_WAIT = 5.0
#: How long after a leg has left our application its end, with the cause, is waited for.
_LAST_WORD = 1.0
_PULSE = "careline-pulse"
_FIRST_PULSE, _PULSE_EVERY, _PULSE_PATIENCE = 0.1, 5.0, 8.0


class AsteriskSwitch:
    """One Asterisk. Connects by itself and again after every loss; `events` tells both."""

    def __init__(self, access: Access, recorder: RecorderDoor | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._ari = Ari(access)
        self._book = Translator()
        self._phones = Phones(self._ari)
        self._recordings = Recordings(access, recorder)
        self._orders = Orders(
            self._ari,
            self._book,
            self._recordings,
            outbound=access.outbound,
            failed=self._leg_failed,
            not_played=self._not_played,
        )
        self._queue: asyncio.Queue[SwitchEvent] = asyncio.Queue()
        self._last: dict[str, asyncio.Task[None]] = {}
        self._started: str | None = None
        self._besides: set[asyncio.Task[None]] = set()
        self._keeping: asyncio.Task[None] | None = None
        self._pulse = asyncio.Event()

    # --- the port

    def open(self) -> None:
        """Begin to connect; `events` does it by itself."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_connected(), name="asterisk-connection")

    async def run(self, commands: Sequence[Command]) -> None:
        """Carry out commands; those that touch different channels run side by side. Raises `Unavailable`."""
        tasks = [self._enqueue(command) for command in commands]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

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
            channels={channel["id"]: _seen(channel) for channel in channels},
            bridges={bridge["id"]: tuple(bridge["channels"]) for bridge in bridges},
            endpoints_online=frozenset(name for name, online in phones.items() if online),
        )

    async def grant_softphone(self, username: str, password: str, *, kind: Literal["agent", "caller", "desk"]) -> None:
        """Let a telephone register. Raises `InvalidInput`, `Unavailable`."""
        await self._phones.grant(username, password, kind)

    async def revoke_softphone(self, username: str) -> None:
        """Withdraw it; a call in progress stays up. Raises `Unavailable`."""
        await self._phones.revoke(username)

    async def close(self) -> None:
        """Leave the switch; calls and recordings stay up."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        for task in self._besides:
            task.cancel()
        await self._recordings.close()
        await self._ari.close()

    # --- commands

    def _enqueue(self, command: Command) -> asyncio.Task[None]:
        """A task for the command that waits for earlier commands on the same channels and bridges."""
        keys = keys_of(command)
        before = {task for key in keys if (task := self._last.get(key)) is not None and not task.done()}
        task = asyncio.create_task(self._carry_out(command, before))
        for key in keys:
            self._last[key] = task
        task.add_done_callback(lambda done: self._forget(keys, done))
        return task

    async def _carry_out(self, command: Command, before: set[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        await self._orders.carry_out(command)

    def _forget(self, keys: Sequence[str], done: asyncio.Task[None]) -> None:
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
                async with self._ari.events() as messages:
                    await self._greet()
                    up, wait = True, _FIRST_WAIT
                    reason = await self._listen(messages)
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
            self._book.keep_only(())
            await self._phones.grant_again()
        phones = await self._phones.listed()
        channels = await self._ari.get("channels")
        self._book.keep_only([channel["id"] for channel in channels])
        for channel in channels:
            self._book.seen(channel)
        self._book.online(name for name, online in phones.items() if online)
        await asyncio.gather(*(self._phones.follow(name) for name in phones))
        self._recordings.hold()
        self._put([SwitchUp(fresh=fresh, at=self._clock.now())])

    async def _listen(self, messages: AsyncIterator[Json]) -> str:
        """Read events until the connection ends or Asterisk stops answering; why it ended."""
        reading = asyncio.create_task(self._read(messages))
        watching = asyncio.create_task(self._watch())
        try:
            done, _ = await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in (reading, watching):
                task.cancel()
            await asyncio.wait({reading, watching})

    async def _read(self, messages: AsyncIterator[Json]) -> str:
        async for event in messages:
            if event["type"] == "ApplicationReplaced":
                return _TAKEN_OVER
            if event["type"] == "ChannelUserevent":
                self._pulse.set()
                continue
            try:
                heard = self._book.read(event)
            except (KeyError, TypeError, ValueError):
                log.exception("an event of the telephone switch was not understood")
                continue
            self._put(heard)
            if event["type"] == "StasisStart":
                self._orders.entered(event["channel"]["id"])
            elif event["type"] == "StasisEnd" and event["channel"]["id"] in self._book.legs:
                asyncio.get_running_loop().call_later(_LAST_WORD, self._finish, event["channel"]["id"])
        return "the connection was closed"

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
                await asyncio.wait_for(self._pulse.wait(), _PULSE_PATIENCE)
            except (Unavailable, TimeoutError):
                return "the switch does not answer"
            pause = min(pause * 3, _PULSE_EVERY)

    def _finish(self, channel: str) -> None:
        self._put(self._book.finish(channel, self._clock.now()))

    def _beside(self, work: Coroutine[None, None, None]) -> None:
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
            elif isinstance(event, Arrived):
                self._orders.arrived(event.channel)
            elif isinstance(event, LegAnswered):
                self._beside(self._orders.join_if_left_alone(event.channel))
            self._queue.put_nowait(event)


_TAKEN_OVER = "another call control has taken over"


def _seen(channel: Json) -> ChannelSeen:
    variables = channel.get("channelvars") or {}
    dialled = variables.get("CARELINE_DIALLED") or ""
    return ChannelSeen(
        channel=channel["id"],
        ours=is_ours(channel),
        up=channel["state"] == "Up",
        inbound=bool(dialled),
        dialled=dialled,
        caller=None if telephone_of(channel["name"]) else shown(channel["caller"]["number"]),
        created=moment(channel["creationtime"]),
    )
