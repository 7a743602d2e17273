"""A telephone of the outside world: one SIP user agent (UDP) that places many calls, as a trunk would deliver them.

Built on aiosipua for messages, dialogs and session descriptions. What a trunk's other side also needs is added here:
repeating an INVITE until it is answered, and acknowledging refusals (RFC 3261 §17.1.1).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from aiosipua import (
    IncomingCall,
    OutgoingCall,
    SdpMessage,
    SipRequest,
    SipResponse,
    SipUAC,
    SipUAS,
    UdpSipTransport,
    build_sdp,
    generate_branch,
)

from careline.demo.rtp import Beat, Media, free_port

# It logs addresses with telephone numbers in them.
logging.getLogger("aiosipua").setLevel(logging.CRITICAL)

_T1 = 0.5
_TRIES = 6


class _Udp(UdpSipTransport, asyncio.DatagramProtocol):
    """The library's transport on a socket of our own, which works with every event loop."""

    async def start(self) -> None:
        """Open the socket."""
        loop = asyncio.get_running_loop()
        self._udp_transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self.local_addr)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """A SIP message."""
        self._dispatch(data, (str(addr[0]), int(addr[1])))

    def error_received(self, exc: Exception) -> None:
        """The switch's port is closed: the call ends by `no reply`."""


class _Uac(SipUAC):
    """Acknowledges refusals, which the library leaves to its user."""

    def __init__(self, transport: UdpSipTransport) -> None:
        super().__init__(transport)
        #: Request URI by Call-ID, also of calls that were cancelled meanwhile.
        self.called: dict[str, str] = {}

    def handle_response(self, response: SipResponse, addr: tuple[str, int]) -> None:
        """Answer a final refusal with ACK in the INVITE's own transaction, then let the library see it."""
        cseq = response.cseq
        if cseq is not None and cseq.method.upper() == "INVITE" and response.status_code >= 300:
            ack = SipRequest(method="ACK", uri=self.called.pop(response.call_id or "", "sip:ended"))
            via = response.headers.get("via")
            ack.headers.append("Via", via[0] if via else f"SIP/2.0/UDP {addr[0]};branch={generate_branch()}")
            for name in ("From", "To", "Call-ID"):
                ack.headers.set_single(name, response.headers.get_first(name.lower()) or "")
            ack.headers.set_single("CSeq", f"{cseq.seq} ACK")
            ack.headers.set_single("Max-Forwards", "70")
            self.transport.send(ack, addr)
        super().handle_response(response, addr)


@dataclass(slots=True)
class PhoneCall:
    """One outgoing call."""

    media: Media
    _phone: Phone
    _call: OutgoingCall
    ringing: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    #: How it ended: `refused 404`, `hung up by the other side`, `hung up`, `given up`, `no reply`.
    end: str = ""
    held: bool = False

    @property
    def id(self) -> str:
        """The SIP Call-ID."""
        return self._call.call_id

    def hang_up(self) -> None:
        """End it from our side, whatever its state."""
        if self.ended.is_set():
            return
        if self.answered.is_set():
            self._call.hangup(self._phone.uac)
            self.finish("hung up")
        else:
            self._call.cancel(self._phone.uac)
            self.finish("given up")

    def finish(self, how: str) -> None:
        """Note the end and give everything back. Once."""
        if not self.ended.is_set():
            self.end = how
            self.ended.set()
            self.media.close()
            self._phone.forget(self.id)

    async def wait(self, seconds: float) -> bool:
        """Let time pass while the call is up. False when it ended meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        except TimeoutError:
            return True
        return False


class Phone:
    """Places calls from one address."""

    def __init__(self, ip: str = "127.0.0.2", *, sparing: bool = False) -> None:
        """`ip`: the address the switch knows as its trunk."""
        self.ip = ip
        self._sparing = sparing
        self._beat = Beat()
        self._calls: dict[str, PhoneCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.uac: _Uac
        self._uas: SipUAS

    async def start(self) -> None:
        """Open the SIP port."""
        transport = _Udp(local_addr=(self.ip, self._port()))
        self.uac = _Uac(transport)
        self._uas = SipUAS(transport, user_agent="Careline caller", uac=self.uac)
        self._uas.on_bye = self._on_bye
        self._uas.on_reinvite = self._on_reinvite
        await self._uas.start()

    def _port(self) -> int:
        return free_port(self.ip)

    async def stop(self) -> None:
        """Hang everything up and close."""
        for call in list(self._calls.values()):
            call.hang_up()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # let the last packets leave
        await self._uas.stop()

    @property
    def up(self) -> int:
        """How many calls are up or ringing."""
        return len(self._calls)

    async def call(self, number: str, to: tuple[str, int], *, caller: str | None, keep: bool = True) -> PhoneCall:
        """Ring `number` at the switch `to`, showing `caller` as the calling number (None: withheld)."""
        media = Media(self._beat, keep=keep, sparing=self._sparing)
        port = await media.open(self.ip)
        sdp = build_sdp(self.ip, port, 0, "PCMU", dtmf_payload_type=101)
        user = caller or "anonymous"
        host = self.ip if caller else "anonymous.invalid"
        headers = {"User-Agent": "Careline caller", "Allow": "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE"}
        outgoing = self.uac.send_invite(
            f"sip:{user}@{host}", f"sip:{number}@{to[0]}:{to[1]}", to, sdp, extra_headers=headers
        )
        self.uac.called[outgoing.call_id] = outgoing.invite.uri
        call = PhoneCall(media, self, outgoing)
        self._calls[call.id] = call
        outgoing.on_ringing = lambda _: call.ringing.set()
        outgoing.on_answer = lambda made: self._on_answer(call, made.sdp_answer)
        outgoing.on_rejected = lambda _, status, __: call.finish(f"refused {status}")
        self._spawn(self._repeat(call, outgoing, to))
        return call

    async def _repeat(self, call: PhoneCall, outgoing: OutgoingCall, to: tuple[str, int]) -> None:
        """Send the INVITE again while nothing at all has come back."""
        for attempt in range(_TRIES):
            if not await call.wait(_T1 * 2**attempt) or call.ringing.is_set() or call.answered.is_set():
                return
            if outgoing.dialog.remote_tag:
                return
            self.uac.transport.send(outgoing.invite, to)
        call.finish("no reply")

    def _on_answer(self, call: PhoneCall, answer: SdpMessage | None) -> None:
        remote = answer.rtp_address if answer else None
        if remote is None:
            call.hang_up()
            return
        self.uac.called.pop(call.id, None)
        call.media.start(remote)
        call.answered.set()

    def _on_bye(self, wrapped: IncomingCall, _request: SipRequest) -> None:
        call = self._calls.get(wrapped.call_id)
        if call is not None:
            call.finish("hung up by the other side")

    def _on_reinvite(self, wrapped: IncomingCall) -> None:
        """The switch moves or holds the sound: agree, and follow."""
        call = self._calls.get(wrapped.call_id)
        if call is None or wrapped.sdp_offer is None:
            wrapped.reject(488)
            return
        remote = wrapped.sdp_offer.rtp_address
        audio = wrapped.sdp_offer.audio
        call.held = audio is not None and audio.direction in ("sendonly", "inactive")
        offer = self.uac.get_call(wrapped.call_id)
        if remote is not None:
            call.media.start(remote)
        wrapped.accept(offer.sdp_offer if offer else None)

    def forget(self, call_id: str) -> None:
        """Called by a call that has ended."""
        self._calls.pop(call_id, None)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
