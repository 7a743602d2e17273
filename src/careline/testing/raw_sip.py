"""SIP by hand, for tests of what a well-behaved telephone would never send. UDP, TCP, TLS and WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
import ssl
from dataclasses import dataclass, field
from typing import Self

import aiohttp

_SDP = (
    "v=0\r\no=x 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 30100 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


@dataclass(slots=True)
class Reply:
    """One SIP message that came back."""

    text: str

    @property
    def status(self) -> int:
        """Status of a response; 0 for a request."""
        match = re.match(r"SIP/2\.0 (\d+)", self.text)
        return int(match[1]) if match else 0

    def header(self, name: str) -> str:
        """The first header of this name."""
        match = re.search(rf"^{name}\s*:\s*(.*?)\r?$", self.text, re.M | re.I)
        return match[1] if match else ""


@dataclass(slots=True)
class RawSip:
    """One connection to the switch. `transport`: UDP, TCP, TLS or WS, as it stands in a Via header."""

    transport: str
    local: str
    to: tuple[str, int]
    inbox: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _write: asyncio.StreamWriter | None = None
    _udp: asyncio.DatagramTransport | None = None
    _ws: aiohttp.ClientWebSocketResponse | None = None
    _http: aiohttp.ClientSession | None = None
    _reading: asyncio.Task[None] | None = None
    _cseq: int = 0

    @classmethod
    async def udp(cls, to: tuple[str, int], local: str) -> Self:
        """Over UDP."""
        made = cls("UDP", local, to)
        loop = asyncio.get_running_loop()
        made._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(made.inbox), local_addr=(local, 0), remote_addr=to
        )
        return made

    @classmethod
    async def stream(cls, to: tuple[str, int], local: str, *, tls: bool = False) -> Self:
        """Over TCP or TLS (the switch's own certificate is not checked: it signed it itself)."""
        made = cls("TLS" if tls else "TCP", local, to)
        context = None
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, made._write = await asyncio.open_connection(*to, local_addr=(local, 0), ssl=context)
        made._reading = asyncio.create_task(made._read_stream(reader))
        return made

    @classmethod
    async def websocket(cls, url: str) -> Self:
        """Over a WebSocket, as a browser's telephone comes through the web process's proxy."""
        made = cls("WS", "127.0.0.1", ("127.0.0.1", 0))
        made._http = aiohttp.ClientSession()
        made._ws = await made._http.ws_connect(url, protocols=["sip"])
        made._reading = asyncio.create_task(made._read_websocket(made._ws))
        return made

    async def close(self) -> None:
        """Hang up on the switch without a word."""
        if self._udp is not None:
            self._udp.close()
        if self._ws is not None:
            await self._ws.close()
        if self._http is not None:
            await self._http.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        if self._write is not None:
            self._write.transport.abort()
            with contextlib.suppress(OSError):
                await self._write.wait_closed()
        await asyncio.sleep(0)

    async def send(self, message: str | bytes) -> None:
        """Send as it is."""
        data = message.encode() if isinstance(message, str) else message
        if self._udp is not None:
            self._udp.sendto(data)
        elif self._ws is not None:
            await self._ws.send_str(data.decode(errors="replace"))
        elif self._write is not None:
            self._write.write(data)
            await self._write.drain()

    async def reply(self, seconds: float = 20.0) -> Reply:
        """The next final response. The switch's own questions (OPTIONS) are answered. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while True:
                found = Reply(await self.inbox.get())
                if found.text.startswith("OPTIONS"):
                    kept = "".join(f"{n}: {found.header(n)}\r\n" for n in ("Via", "From", "To", "Call-ID", "CSeq"))
                    await self.send(f"SIP/2.0 200 OK\r\n{kept}Content-Length: 0\r\n\r\n")
                elif found.status >= 200:
                    return found

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ask(
        self, method: str, number: str, user: str, *, body: str | None = None, password: str | None = None
    ) -> Reply:
        """A request from `user` to `number`, with a digest if challenged and a password is given; its final answer."""
        call, tag = secrets.token_hex(8), secrets.token_hex(4)
        uri = f"sip:{number}@{self.to[0]}"
        extra = ""
        while True:
            await self.send(self.request(method, uri, user, call, tag, body, extra))
            answer = await self.reply()
            if answer.status >= 300 and method == "INVITE":
                await self.send(self.request("ACK", uri, user, call, tag, None, "", to=answer.header("To")))
            if answer.status != 401 or password is None or extra:
                return answer
            extra = _digest(answer.header("WWW-Authenticate"), method, uri, user, password)

    def request(
        self,
        method: str,
        uri: str,
        user: str,
        call: str,
        tag: str,
        body: str | None,
        extra: str,
        *,
        to: str = "",
    ) -> str:
        """The text of a request."""
        if method != "ACK":
            self._cseq += 1
        if method == "INVITE" and body is None:
            body = _SDP.format(ip=self.local)
        kind = "Content-Type: application/sdp\r\n" if method == "INVITE" else ""
        expires = "Expires: 60\r\n" if method == "REGISTER" else ""
        scheme = ";transport=ws" if self.transport == "WS" else ""
        text = body or ""
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{self.transport} {self.local}:0;rport;branch=z9hG4bK"
            f"{secrets.token_hex(8)}\r\nFrom: <sip:{user}@{self.to[0]}>;tag={tag}\r\nTo: {to or f'<{uri}>'}\r\n"
            f"Call-ID: {call}\r\nCSeq: {self._cseq} {method}\r\nContact: <sip:{user}@{self.local}{scheme}>\r\n"
            f"Max-Forwards: 70\r\n{extra}{expires}{kind}Content-Length: {len(text)}\r\n\r\n{text}"
        )

    async def _read_stream(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace").lstrip("\r\n")
                length = re.search(r"^Content-Length\s*:\s*(\d+)", head, re.M | re.I)
                body = await reader.readexactly(int(length[1])) if length else b""
            except (OSError, asyncio.IncompleteReadError):
                return
            if head:
                self.inbox.put_nowait(head + body.decode(errors="replace"))

    async def _read_websocket(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            text = message.data if isinstance(message.data, str) else bytes(message.data).decode(errors="replace")
            self.inbox.put_nowait(text)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, inbox: asyncio.Queue[str]) -> None:
        self._inbox = inbox

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 (the protocol's signature)
        self._inbox.put_nowait(data.decode(errors="replace"))


def _digest(challenge: str, method: str, uri: str, user: str, password: str) -> str:
    """RFC 2617 with MD5, as telephones still do it."""
    facts = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.partition(" ")[2]))
    nonce, realm, client = facts["nonce"], facts["realm"], secrets.token_hex(8)

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    first, second = md5(f"{user}:{realm}:{password}"), md5(f"{method}:{uri}")
    response = md5(f"{first}:{nonce}:00000001:{client}:auth:{second}")
    opaque = f', opaque="{facts["opaque"]}"' if "opaque" in facts else ""
    return (
        f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{client}"{opaque}\r\n'
    )
