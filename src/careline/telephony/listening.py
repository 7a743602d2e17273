"""Listening as the switch does it: a spy channel hears what a person says, a websocket carries it to the voice process.

The call itself is not touched: prompts, music and bridges stay as they are, and when anything here fails the call goes
on unheard, which the board says.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from careline.calls.switch_commands import StartListening
from careline.calls.switch_events import Heard
from careline.kernel.clock import Clock
from careline.kernel.errors import Unavailable
from careline.telephony.ari import APP, Ari
from careline.telephony.instance import Access
from careline.telephony.voice_agent import AgentCall, AgentOutcome
from careline.telephony.voice_door import Json, VoiceLine

log = logging.getLogger(__name__)

#: What our channels and bridges of this kind begin with: nobody's call.
PREFIX: Final = "ear."
_RETRY: Final = 0.5
#: Who is connected at once needs no listening, and the call's own commands go first.
_PAUSE: Final = 0.25
#: A channel enters our application a moment after its websocket was opened.
_ENTER_TRIES: Final = 40
_ENTER_PAUSE: Final = 0.025


@dataclass(slots=True)
class _Stream:
    """One channel's sound on its way to the voice process."""

    channel: str
    wish: StartListening | AgentCall
    #: Ids of the channels and the bridge made for it; empty while the voice process is away.
    made: tuple[str, ...] = ()
    bridge: str = ""
    ended: asyncio.Future[AgentOutcome] | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class Listening:
    """Every stream of one switch."""

    def __init__(
        self, access: Access, ari: Ari, line: VoiceLine | None, clock: Clock, heard: Callable[[Heard], None]
    ) -> None:
        """`line`: the way to the voice process; None: this installation listens to nobody."""
        self._base = f"ws://127.0.0.1:{access.http_port}/media/"
        self._ari = ari
        self._line = line
        self._clock = clock
        self._heard = heard
        self._streams: dict[str, _Stream] = {}
        self._numbers = itertools.count(1)
        self._work: set[asyncio.Task[None]] = set()
        self._holding: asyncio.Task[None] | None = None
        self.state: tuple[str, str] = ("down", "Nobody listens for emergency words: the voice process is not running.")

    # --- what is asked

    def start(self, wish: StartListening) -> None:
        """Listen to a channel, or listen for something else. Nothing waits for it."""
        if self._line is None:
            return
        self._hold()
        there = self._streams.get(wish.stream)
        if there is not None and there.channel == wish.channel:
            there.wish = wish
            self._line.say(_listen(wish, None))
            return
        if there is not None:
            self.stop(wish.stream)
        self._streams[wish.stream] = _Stream(wish.channel, wish)
        self._beside(self._open_soon(wish.stream))

    def stop(self, stream: str) -> None:
        """End a stream; it may have ended already."""
        there = self._streams.pop(stream, None)
        if there is None or self._line is None:
            return
        self._line.say({"do": "stop", "stream": stream})
        if there.ended is not None and not there.ended.done():
            there.ended.set_result(AgentOutcome("stopped"))
        self._beside(self._clear(there))

    def gone(self, channel: str) -> None:
        """A channel has ended, and so has every stream of it."""
        for name in [name for name, stream in self._streams.items() if stream.channel == channel]:
            self.stop(name)

    async def converse(self, channel: str, stream: str, call: AgentCall) -> AgentOutcome:
        """Let a channel's person talk with a voice agent until either side or we end it. Raises `Unavailable`."""
        if self._line is None or self.state[0] == "down":
            raise Unavailable("The voice process is not running.")
        ended: asyncio.Future[AgentOutcome] = asyncio.get_running_loop().create_future()
        self._streams[stream] = _Stream(channel, call, ended=ended)
        self._beside(self._open(stream))
        try:
            return await ended
        finally:
            self.stop(stream)

    def forget(self) -> None:
        """The switch was restarted: nothing of what was made is there any more."""
        for name in list(self._streams):
            self._streams[name].made = ()
            self._streams[name].bridge = ""
            self.stop(name)

    async def sweep(self) -> None:
        """Remove what an earlier life left behind. Raises `Unavailable`."""
        mine = {name for stream in self._streams.values() for name in (*stream.made, stream.bridge)}
        for kind in ("channels", "bridges"):
            for found in await self._ari.get(kind):
                if found["id"].startswith(PREFIX) and found["id"] not in mine:
                    await self._ari.request("DELETE", f"{kind}/{quote(found['id'], safe='')}")

    async def close(self) -> None:
        """Leave the voice process; it ends what we asked for."""
        tasks = [*self._work, *([self._holding] if self._holding else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2)

    # --- the voice process

    def hold(self) -> None:
        """Connect to the voice process, and again whenever the connection ends."""
        if self._line is not None:
            self._hold()

    def _hold(self) -> None:
        if self._holding is None:
            self._holding = asyncio.create_task(self._keep(), name="voice-line")

    async def _keep(self) -> None:
        assert self._line is not None
        while True:
            with contextlib.suppress(Unavailable):
                await self._line.hold(self._told)
            if self.state[0] != "down":
                log.warning("the voice process is away")
            self.state = ("down", "Nobody listens for emergency words: the voice process is not running.")
            for stream in list(self._streams.values()):
                if stream.ended is not None and not stream.ended.done():
                    stream.ended.set_result(AgentOutcome("failed"))
                await self._quietly(self._clear(stream))
            await asyncio.sleep(_RETRY)

    def _told(self, message: Json) -> None:
        if "connected" in message:
            self.state = ("up", "")
            # A new voice process knows nothing: everything is asked for anew.
            for name in self._streams:
                self._beside(self._open(name))
        elif "status" in message:
            self.state = (message["status"]["state"], message["status"]["detail"])
        elif "open" in message:
            self._beside(self._join(message["open"]))
        elif "heard" in message:
            self._take(message["heard"])
        elif "ended" in message:
            stream = self._streams.get(message["ended"])
            if stream is not None and stream.ended is not None and not stream.ended.done():
                stream.ended.set_result(AgentOutcome(message["why"]))

    def _take(self, heard: Json) -> None:
        stream = self._streams.get(heard["stream"])
        if stream is None:
            return
        self._heard(
            Heard(
                channel=stream.channel,
                stream=heard["stream"],
                phrase=heard["phrase"],
                confidence=float(heard["confidence"]),
                red_flag=heard["red_flag"],
                at=self._clock.now(),
            )
        )

    # --- the switch

    async def _open_soon(self, name: str) -> None:
        await asyncio.sleep(_PAUSE)
        await self._open(name)

    async def _open(self, name: str) -> None:
        """Make the channel of the sound and tell the voice process where it is."""
        stream = self._streams.get(name)
        assert self._line is not None
        if stream is None or self.state[0] == "down":
            return
        async with stream.opening:
            if stream.made:
                return
            number = next(self._numbers)
            media = f"{PREFIX}{name}.{number}.m"
            query = {
                "app": APP, "channelId": media, "external_host": "INCOMING", "encapsulation": "none",
                "transport": "websocket", "connection_type": "server", "format": "ulaw",
            }  # fmt: skip
            answer = await self._ari.request("POST", "channels/externalMedia", query)
            if not answer.ok:
                log.error("a channel cannot be listened to", extra={"channel": stream.channel, "code": answer.status})
                self._fail(stream)
                return
            stream.made, stream.bridge = (media,), f"{PREFIX}{name}.{number}.b"
            url = self._base + answer.body["channelvars"]["MEDIA_WEBSOCKET_CONNECTION_ID"]
        self._line.say(_asked(name, stream.wish, url))
        if name not in self._streams:
            await self._clear(stream)

    async def _join(self, name: str) -> None:
        """The voice process has taken the sound: let it hear the channel's person (an agent: talk with)."""
        stream = self._streams.get(name)
        if stream is None or not stream.made:
            return
        (media, *_), bridge = stream.made, stream.bridge
        beside = stream.channel
        await self._ari.request("POST", f"bridges/{_q(bridge)}", {"type": "mixing"})
        if isinstance(stream.wish, StartListening):
            beside = media[:-1] + "s"
            stream.made = (media, beside)
            spied = await self._ari.request(
                "POST", f"channels/{_q(stream.channel)}/snoop/{_q(beside)}", {"app": APP, "spy": "in"}
            )
            if not spied.ok:
                return
        else:
            await self._ari.request("DELETE", f"channels/{_q(stream.channel)}/moh")
        for one in (media, beside):
            if not await self._add(bridge, one):
                self._fail(stream)
                return
        if self._line is not None and not isinstance(stream.wish, StartListening):
            self._line.say({"do": "joined", "stream": name})

    async def _add(self, bridge: str, channel: str) -> bool:
        for _ in range(_ENTER_TRIES):
            answer = await self._ari.request("POST", f"bridges/{_q(bridge)}/addChannel", {"channel": channel})
            if answer.ok:
                return True
            if answer.status not in (409, 422):
                return False
            await asyncio.sleep(_ENTER_PAUSE)
        return False

    def _fail(self, stream: _Stream) -> None:
        if stream.ended is not None and not stream.ended.done():
            stream.ended.set_result(AgentOutcome("failed"))

    async def _clear(self, stream: _Stream) -> None:
        made, bridge = stream.made, stream.bridge
        stream.made, stream.bridge = (), ""
        if bridge:
            await self._ari.request("DELETE", f"bridges/{_q(bridge)}")
        for channel in made:
            await self._ari.request("DELETE", f"channels/{_q(channel)}")

    def _beside(self, work: Any) -> None:
        task = asyncio.create_task(self._quietly(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _quietly(self, work: Any) -> None:
        with contextlib.suppress(Unavailable):
            await work


def _asked(name: str, wish: StartListening | AgentCall, url: str) -> Json:
    if isinstance(wish, StartListening):
        return _listen(wish, url)
    return {"do": "agent", "stream": name, "url": url, "agent": wish.to_body()}


def _listen(wish: StartListening, url: str | None) -> Json:
    body: Json = {
        "do": "listen" if url else "change", "stream": wish.stream, "language": wish.language,
        "phrases": list(wish.phrases), "red_flags": wish.red_flags,
    }  # fmt: skip
    return {**body, "url": url} if url else body


def _q(identifier: str) -> str:
    return quote(identifier, safe="")
