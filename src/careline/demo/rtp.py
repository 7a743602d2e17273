"""The sound of one synthetic call: RTP with G.711 µ-law and keys by RFC 4733, in a steady 20 ms beat."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from careline.speech.audio import FRAME, RATE, SILENCE

_HEADER = struct.Struct("!BBHII")
_EVENTS = "0123456789*#ABCD"
_ULAW, _KEYS = 0, 101
#: Frames a key lasts (160 ms), and the silence after it.
_KEY_FRAMES, _KEY_GAP = 8, 5
_REST = SILENCE * FRAME


class Beat:
    """One clock for all calls of a process: cheaper than a timer for each."""

    def __init__(self) -> None:
        self._members: set[Media] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, media: Media) -> None:
        """Let a call's sound flow."""
        self._members.add(media)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="rtp-beat")

    def remove(self, media: Media) -> None:
        """End it."""
        self._members.discard(media)

    async def _run(self) -> None:
        due = time.monotonic()
        while self._members:
            for media in tuple(self._members):
                media.beat()
            due += FRAME / RATE
            late = time.monotonic() - due
            if late > 0.5:
                due = time.monotonic()  # the machine slept: do not send the missed packets in one burst
            await asyncio.sleep(max(0.0, -late))


class Media(asyncio.DatagramProtocol):
    """Sends what it is told to say, keeps what it hears."""

    def __init__(self, beat: Beat, *, keep: bool = True, sparing: bool = False) -> None:
        """`keep`: keep what is heard. `sparing`: send little while silent, as a phone with silence suppression does."""
        self._beat = beat
        self._keep = keep
        self._sparing = sparing
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: tuple[str, int] | None = None
        self._queue: deque[bytes] = deque()
        self._keys: deque[str] = deque()
        self._key_frame = 0
        self._key_stamp = 0
        self._idle = 0
        self._sequence = int.from_bytes(os.urandom(2))
        self._stamp = int.from_bytes(os.urandom(3))
        self._source = int.from_bytes(os.urandom(4))
        self._began = time.monotonic()
        #: µ-law as heard, with silence where nothing arrived: its length is time since `open`.
        self.heard = bytearray()
        #: Hears every packet as it comes, for a listener that keeps nothing.
        self.on_sound: Callable[[bytes], None] | None = None
        self.received = 0
        self.sent = 0
        #: Keys the far end pressed.
        self.keys_heard: list[str] = []
        self._last_key_stamp = -1

    async def open(self, ip: str) -> int:
        """Take a free even port on `ip` and return it."""
        loop = asyncio.get_running_loop()
        for _ in range(50):
            port = 20_000 + 2 * int.from_bytes(os.urandom(2)) % 20_000 & ~1
            try:
                self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(ip, port))
            except OSError:
                continue
            self._began = time.monotonic()
            return port
        raise OSError("No free port for sound.")

    def start(self, remote: tuple[str, int]) -> None:
        """Send to this address from now on."""
        self._remote = remote
        self._beat.add(self)

    def close(self) -> None:
        """Stop and give the port back."""
        self._beat.remove(self)
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # --- sending ------------------------------------------------------------------------------------------------

    def say(self, ulaw: bytes) -> None:
        """Queue µ-law audio."""
        for start in range(0, len(ulaw), FRAME):
            self._queue.append(ulaw[start : start + FRAME].ljust(FRAME, SILENCE))

    def mark(self) -> None:
        """Forget what was heard so far and count time from now."""
        self.heard.clear()
        self._began = time.monotonic()

    def hush(self) -> None:
        """Stop saying what is queued."""
        self._queue.clear()

    def press(self, keys: str) -> None:
        """Queue keys; they go before queued speech."""
        self._keys.extend(key for key in keys.upper() if key in _EVENTS)

    @property
    def busy(self) -> bool:
        """Whether something is still to be said or pressed."""
        return bool(self._queue or self._keys)

    def beat(self) -> None:
        """One 20 ms step."""
        self._stamp = (self._stamp + FRAME) & 0xFFFFFFFF
        if self._keys:
            self._beat_key()
        elif self._queue:
            self._send(_ULAW, self._stamp, self._queue.popleft(), marker=self._idle > 0)
            self._idle = 0
        else:
            self._idle += 1
            if not self._sparing or self._idle % 50 == 1:
                self._send(_ULAW, self._stamp, _REST)

    def _beat_key(self) -> None:
        if self._key_frame == 0:
            self._key_stamp = self._stamp
        frame, self._key_frame = self._key_frame, self._key_frame + 1
        if frame < _KEY_FRAMES:
            event, last = _EVENTS.index(self._keys[0]), frame == _KEY_FRAMES - 1
            payload = struct.pack("!BBH", event, (0x80 if last else 0) | 10, FRAME * (frame + 1))
            for _ in range(3 if last else 1):  # the end is sent three times (RFC 4733 §2.5.1.4)
                self._send(_KEYS, self._key_stamp, payload, marker=frame == 0)
        elif frame >= _KEY_FRAMES + _KEY_GAP:
            self._keys.popleft()
            self._key_frame = 0

    def _send(self, kind: int, stamp: int, payload: bytes, *, marker: bool = False) -> None:
        if self._transport is None or self._remote is None:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = _HEADER.pack(0x80, (0x80 if marker else 0) | kind, self._sequence, stamp, self._source)
        self._transport.sendto(header + payload, self._remote)
        self.sent += 1

    # --- hearing ------------------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002
        """A packet from the switch."""
        if len(data) < 12 or data[0] >> 6 != 2:
            return
        start = 12 + 4 * (data[0] & 0x0F)
        kind = data[1] & 0x7F
        if kind == _ULAW:
            self.received += 1
            if self._keep:
                self._place(data[start:])
            if self.on_sound is not None:
                self.on_sound(data[start:])
        elif kind == _KEYS and len(data) >= start + 4:
            stamp = int.from_bytes(data[4:8])
            if data[start + 1] & 0x80 and stamp != self._last_key_stamp and data[start] < len(_EVENTS):
                self._last_key_stamp = stamp
                self.keys_heard.append(_EVENTS[data[start]])

    @property
    def elapsed(self) -> float:
        """Seconds since hearing began."""
        return time.monotonic() - self._began

    def tail(self, seconds: float) -> bytes:
        """The last seconds as heard until this moment; nothing arriving is silence."""
        now = round(self.elapsed * RATE)
        wanted = min(now, round(seconds * RATE))
        known = bytes(self.heard[max(0, now - wanted) :])
        return known[:wanted].ljust(wanted, SILENCE)

    def _place(self, sound: bytes) -> None:
        """Put a packet where it belongs in time; up to 120 ms of jitter is taken as continuous."""
        now = round(self.elapsed * RATE)
        if now - len(self.heard) > FRAME * 6:
            self.heard.extend(SILENCE * (now - len(self.heard) - FRAME))
        self.heard.extend(sound)

    def error_received(self, exc: Exception) -> None:
        """The far port is closed: the call is ending; its BYE says so properly."""


def free_port(ip: str) -> int:
    """A UDP port that is free on `ip` at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((ip, 0))
        return int(probe.getsockname()[1])
