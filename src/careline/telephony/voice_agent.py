"""A caller talks with a program: the media-stream JSON that voice-agent frameworks speak, with Careline as its client.

Out go `connected`, `start`, `media`, `dtmf`, `mark` and `stop`; in come `media`, `mark` and `clear`, nothing else
(published as Twilio's Media Streams protocol, read 2026-11). µ-law at 8 kHz both ways, nothing is transcoded. What the
agent wants of the call it asks over REST with the token it was given at `start`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from socket import SOCK_STREAM
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from careline.kernel.errors import Unavailable
from careline.kernel.networks import is_public
from careline.telephony.media import Control, Media

#: `next`: the agent closed the connection in good order; `failed`: it could not be reached, or broke off; `gone`: the
#: caller's channel ended; `stopped`: we ended it.
Why = Literal["next", "failed", "gone", "stopped"]

#: Frames sent together: 20 ms each, as Asterisk gives them.
_CONNECT_SECONDS: Final = 5.0
_LARGEST: Final = 1 << 20
#: Marks an agent may have on their way; more are not taken.
_MOST_MARKS: Final = 200
#: A close with this code was meant.
_NORMAL: Final = 1000


@dataclass(frozen=True, slots=True)
class AgentCall:
    """What is needed to reach an agent for one call."""

    url: str
    call_id: str
    stream_id: str
    #: Sent as `Authorization: Bearer` when connecting; never logged.
    secret: str = field(default="", repr=False)
    #: Told to the agent at `start`: the flow's own values, the token, where to ask for the next step.
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: Hosts (or host:port) inside the operator's network that may be reached: `CARELINE_LOOKUP_HOSTS`.
    inside: tuple[str, ...] = ()

    def to_body(self) -> dict[str, Any]:
        """As JSON for the voice process."""
        return {
            "url": self.url,
            "call_id": self.call_id,
            "stream_id": self.stream_id,
            "secret": self.secret,
            "parameters": dict(self.parameters),
            "inside": list(self.inside),
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> AgentCall:
        """Read it back."""
        return cls(
            body["url"], body["call_id"], body["stream_id"], body["secret"], dict(body["parameters"]),
            tuple(body.get("inside") or ()),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """How a conversation ended."""

    why: str


async def place_of(url: str, inside: Collection[str]) -> tuple[str, int]:
    """Address and port to connect to. Raises `OSError` for one in the operator's network that nobody listed. What is
    judged is what is connected to: a name cannot change its address in between."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    listed = host in inside or f"{host}:{port}" in inside
    if not listed and not all(is_public(str(where[0])) for *_, where in found):
        raise OSError("this host is inside")
    return str(found[0][4][0]), port


def _closed(socket: ClientConnection) -> Why:
    return "next" if socket.close_code == _NORMAL else "failed"


class Conversation:
    """One caller and one agent."""

    def __init__(self, call: AgentCall, media: Media) -> None:
        self._call = call
        self._media = media
        self._numbers = 0
        self._chunks = 0
        #: Marks that have not been reached yet, in order: Asterisk tells that one was, not always which.
        self._marks: deque[str] = deque()

    async def run(self) -> Why:
        """Until one side ends. Never raises for what the other side does."""
        headers = {"Authorization": f"Bearer {self._call.secret}"} if self._call.secret else {}
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                host, port = await place_of(self._call.url, self._call.inside)
            # With host and port given, a redirect to anywhere else is an error: the caller's voice goes to nobody but
            # the program that the agreement names.
            socket = await connect(
                self._call.url,
                host=host,
                port=port,
                proxy=None,
                additional_headers=headers,
                open_timeout=_CONNECT_SECONDS,
                max_size=_LARGEST,
                compression=None,
                ping_interval=5,
                ping_timeout=5,
            )
        except (OSError, TimeoutError, WebSocketException, ValueError):
            return "failed"
        try:
            await self._begin(socket)
            return await self._both_ways(socket)
        except ConnectionClosed:
            # A frame was on its way when the agent closed: how it closed is what counts.
            return _closed(socket)
        finally:
            await socket.close()

    async def _begin(self, socket: ClientConnection) -> None:
        call = self._call
        await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        await self._tell(
            socket,
            "start",
            {
                "streamSid": call.stream_id,
                "callSid": call.call_id,
                "accountSid": "careline",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": dict(call.parameters),
            },
        )

    async def _both_ways(self, socket: ClientConnection) -> Why:
        out = asyncio.create_task(self._caller_to_agent(socket))
        back = asyncio.create_task(self._agent_to_caller(socket))
        try:
            done, _ = await asyncio.wait({out, back}, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in (out, back):
                task.cancel()
            await asyncio.gather(out, back, return_exceptions=True)

    async def _caller_to_agent(self, socket: ClientConnection) -> Why:
        async for frame in self._media.frames():
            if isinstance(frame, Control):
                await self._control(socket, frame)
                continue
            self._chunks += 1
            media = {
                "track": "inbound", "chunk": str(self._chunks), "timestamp": str((self._chunks - 1) * 20),
                "payload": base64.b64encode(frame).decode(),
            }  # fmt: skip
            await self._tell(socket, "media", media)
        await self._tell(socket, "stop", {"accountSid": "careline", "callSid": self._call.call_id})
        return "gone"

    async def _control(self, socket: ClientConnection, said: Control) -> None:
        if said.event == "DTMF_END" and (digit := said.values.get("digit")):
            await self._tell(socket, "dtmf", {"track": "inbound_track", "digit": digit})
        elif said.event == "MEDIA_MARK_PROCESSED" and self._marks:
            await self._tell(socket, "mark", {"name": self._marks.popleft()})

    async def _agent_to_caller(self, socket: ClientConnection) -> Why:
        try:
            async for message in socket:
                if isinstance(message, str):
                    await self._said(socket, message)
        except Unavailable:
            return "gone"
        except ConnectionClosed:
            return "failed"
        return _closed(socket)

    async def _said(self, socket: ClientConnection, message: str) -> None:
        """One message of the agent's; what is not understood is ignored."""
        try:
            body = json.loads(message)
            match body.get("event"):
                case "media":
                    await self._media.say(base64.b64decode(body["media"]["payload"], validate=True))
                case "mark" if len(self._marks) < _MOST_MARKS:
                    self._marks.append(str(body["mark"]["name"]))
                    await self._media.mark(str(len(self._marks)))
                case "clear":
                    await self._media.hush()
                    while self._marks:
                        await self._tell(socket, "mark", {"name": self._marks.popleft()})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
            return

    async def _tell(self, socket: ClientConnection, event: str, body: Mapping[str, Any]) -> None:
        self._numbers += 1
        await socket.send(
            json.dumps(
                {
                    "event": event,
                    "sequenceNumber": str(self._numbers),
                    "streamSid": self._call.stream_id,
                    event: body,
                }
            )
        )
