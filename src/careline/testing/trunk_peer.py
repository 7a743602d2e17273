"""The public telephone network for tests: people who call in with a number of their own, and can be called back at it.

The synthetic callers' telephone (`careline.demo.phone`), which also rings: the switch's trunk leads to it.
"""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass, field
from typing import Any

from aiosipua import IncomingCall, SipRequest, build_sdp

from careline.demo.phone import Phone
from careline.demo.rtp import Media, free_port
from careline.speech.audio import RATE, decode_ulaw, encode_ulaw, tone
from careline.speech.listening import dominant


@dataclass(slots=True)
class Ringing:
    """A call that came in at a number of the network."""

    #: Whom the switch calls, and as whom.
    number: str
    caller: str
    media: Media
    _call: IncomingCall
    answered: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self) -> None:
        """Pick up."""
        offer = self._call.sdp_offer
        assert offer is not None
        assert offer.rtp_address is not None
        port = await self.media.open("127.0.0.2")
        self._call.accept(build_sdp("127.0.0.2", port, 0, "PCMU", dtmf_payload_type=101))
        self.media.start(offer.rtp_address)
        self.answered = True

    def busy(self) -> None:
        """Refuse with 486 Busy Here."""
        self._call.reject(486)
        self.ended.set()

    def hang_up(self) -> None:
        """End it."""
        if self.answered and not self.ended.is_set():
            self._call.hangup()
        self.finish()

    def finish(self) -> None:
        """Note the end."""
        self.ended.set()
        self.media.close()


class TrunkPeer(Phone):
    """The network's side of the trunk, at a known port."""

    def __init__(self, ip: str = "127.0.0.2") -> None:
        """The port is chosen now: the switch must be told of it before it starts."""
        super().__init__(ip)
        self.port = free_port(ip)
        self.rung: asyncio.Queue[Ringing] = asyncio.Queue()
        self._incoming: dict[str, Ringing] = {}

    @property
    def address(self) -> str:
        """As in the setting `trunk_host`."""
        return f"{self.ip}:{self.port}"

    async def start(self) -> None:
        """Open the SIP port."""
        await super().start()
        self._uas.on_invite = self._on_invite

    async def stop(self) -> None:
        """Hang everything up and close."""
        for call in self._incoming.values():
            call.hang_up()
        await super().stop()

    def _port(self) -> int:
        return self.port

    def _on_invite(self, call: IncomingCall) -> None:
        number = call.callee.partition("sip:")[2].partition("@")[0] or call.callee
        ringing = Ringing(number, call.caller, Media(self._beat), call)
        self._incoming[call.call_id] = ringing
        call.ringing()
        self.rung.put_nowait(ringing)

    def _on_bye(self, wrapped: IncomingCall, request: SipRequest) -> None:
        if (ringing := self._incoming.pop(wrapped.call_id, None)) is not None:
            ringing.finish()
        else:
            super()._on_bye(wrapped, request)


def hum(media: Media, hz: float, seconds: float) -> None:
    """Let a call's person make a tone."""
    media.say(bytes(encode_ulaw(tone(hz, seconds))))


async def hears_tone(media: Media, hz: float, seconds: float = 15.0) -> None:
    """Wait until a half second of this tone was heard. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            sound: array[Any] = decode_ulaw(media.tail(0.5))
            found = dominant(sound) if len(sound) >= RATE // 2 else None
            if found is not None and abs(found - hz) < 15:
                return
            await asyncio.sleep(0.1)
