"""The sound of a channel over a websocket: Asterisk's chan_websocket, as its client. µ-law, 20 ms a frame.

Asterisk keeps the call; whoever is connected here hears and may speak. Asterisk paces what is sent to it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from careline.kernel.errors import Unavailable
from careline.speech.audio import SILENCE

#: One frame for Asterisk, 20 ms of µ-law. Only whole frames are sent: 22.10 stumbles over the rest of a longer message
#: (chan_websocket, "leftover data when no frame is due", mended in 22.11).
_FRAME: Final = 160
_CONNECT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Control:
    """Something Asterisk says beside the sound: `MEDIA_START`, `MEDIA_MARK_PROCESSED`, `DTMF_END`, `MEDIA_XOFF` …"""

    event: str
    values: dict[str, str]


class Media:
    """One channel's sound."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._rest = b""

    async def frames(self) -> AsyncIterator[bytes | Control]:
        """Sound and messages until the channel ends."""
        try:
            async for message in self._socket:
                yield message if isinstance(message, bytes) else read_control(message)
        except ConnectionClosed:
            return

    async def say(self, sound: bytes) -> None:
        """Have the channel's person hear this µ-law, after what was said before. Raises `Unavailable`."""
        sound = self._rest + sound
        whole = len(sound) // _FRAME * _FRAME
        self._rest = sound[whole:]
        try:
            for start in range(0, whole, _FRAME):
                await self._socket.send(sound[start : start + _FRAME])
        except ConnectionClosed as error:
            raise Unavailable("The channel has ended.") from error

    async def mark(self, name: str) -> None:
        """Ask to be told (`MEDIA_MARK_PROCESSED`) when everything said so far has been heard. Raises `Unavailable`."""
        if self._rest:
            await self.say(SILENCE * (_FRAME - len(self._rest)))
        await self._tell(f"MARK_MEDIA {name}")

    async def hush(self) -> None:
        """Drop what has not been heard yet. Raises `Unavailable`."""
        self._rest = b""
        await self._tell("FLUSH_MEDIA")

    async def _tell(self, command: str) -> None:
        try:
            await self._socket.send(command)
        except ConnectionClosed as error:
            raise Unavailable("The channel has ended.") from error


@asynccontextmanager
async def open_media(url: str) -> AsyncIterator[Media]:
    """Connect to the sound of a channel. Raises `Unavailable`."""
    try:
        socket = await connect(
            url,
            subprotocols=[Subprotocol("media")],
            open_timeout=_CONNECT_SECONDS,
            ping_interval=None,
            compression=None,
            max_queue=256,
            proxy=None,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Unavailable("The sound of this channel cannot be reached.") from error
    try:
        yield Media(socket)
    finally:
        await socket.close()


def read_control(text: str) -> Control:
    """A message as name and values: `MEDIA_START channel:… format:ulaw`, or the same as JSON."""
    if text.startswith("{"):
        body = {str(k): str(v) for k, v in json.loads(text).items()}
        return Control(body.pop("event", ""), body)
    event, *words = text.split()
    values = dict(word.split(":", 1) for word in words if ":" in word)
    return Control(event, values)
