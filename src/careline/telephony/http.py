"""A lean HTTP/1.1 client for one server on this machine: a pool of kept connections, and a websocket that is read.

Between a caller and an agent's telephone stand one event from the switch and one request to it. A general client costs
more processor time for the two than the decision between them; this one does only what Asterisk's own server needs:
no redirects, no compression, no cookies, no TLS.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections import deque
from collections.abc import Callable
from typing import Final

from careline.kernel.errors import Unavailable

#: Commands may run side by side: over one connection alone the server takes them one by one.
_POOL: Final = 32
#: Seconds within which a connection must stand.
_CONNECT: Final = 3.0
#: How often requests are looked over for one that has waited too long.
_LOOK: Final = 0.5

Response = tuple[int, bytes]


class _Connection(asyncio.Protocol):
    """One connection; at most one request at a time is under way on it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._buffer = bytearray()
        self.transport: asyncio.Transport | None = None
        self.asked: asyncio.Future[Response] | None = None
        self.until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]  # uvloop's transport is one by its methods

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        fields = bytes(self._buffer[:head]).split(b"\r\n")
        length = 0
        closing = False
        for line in fields[1:]:
            name, _, value = line.partition(b":")
            match name.lower():
                case b"content-length":
                    length = int(value)
                case b"connection":
                    closing = value.strip().lower() == b"close"
        end = head + 4 + length
        if len(self._buffer) < end:
            return
        body = bytes(self._buffer[head + 4 : end])
        self._buffer.clear()
        asked, self.asked = self.asked, None
        if closing:
            self.drop()
        else:
            self._pool.free(self)
        if asked is not None and not asked.done():
            asked.set_result((int(fields[0].split(b" ", 2)[1]), body))

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        self._pool.lost(self)
        asked, self.asked = self.asked, None
        if asked is not None and not asked.done():
            asked.set_exception(ConnectionResetError())

    def drop(self) -> None:
        """Close it."""
        if self.transport is not None:
            self.transport.abort()
            self.transport = None


class Pool:
    """Connections to one server. A request leaves at once when a connection is free."""

    def __init__(self, host: str, port: int, headers: str) -> None:
        """`headers`: lines that go along with every request, each ended by CR LF."""
        self._host, self._port = host, port
        self._headers = f"Host: {host}\r\n{headers}"
        self._all: set[_Connection] = set()
        self._free: list[_Connection] = []
        self._opening = 0
        #: Requests that wait for a connection: the text, its answer, the moment it is given up.
        self._queue: deque[tuple[bytes, asyncio.Future[Response], float]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._look: asyncio.TimerHandle | None = None
        self._closed = False

    def send(self, method: str, target: str, body: bytes = b"", seconds: float = 10.0) -> asyncio.Future[Response]:
        """Ask; the answer's status and body. Fails with `Unavailable`, ConnectionResetError or TimeoutError."""
        loop = asyncio.get_running_loop()
        kind = "Content-Type: application/json\r\n" if body else ""
        head = f"{method} {target} HTTP/1.1\r\n{self._headers}{kind}Content-Length: {len(body)}\r\n\r\n"
        answer: asyncio.Future[Response] = loop.create_future()
        entry = (head.encode("ascii") + body, answer, loop.time() + seconds)
        if self._free:
            self._write(self._free.pop(), entry)
        else:
            self._queue.append(entry)
            if self._opening < len(self._queue) and len(self._all) + self._opening < _POOL:
                self._opening += 1
                task = asyncio.create_task(self._open())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if self._look is None:
            self._look = loop.call_later(_LOOK, self._look_over)
        return answer

    def free(self, connection: _Connection) -> None:
        """A connection has done its work."""
        if self._closed:
            connection.drop()
            return
        while self._queue:
            entry = self._queue.popleft()
            if not entry[1].done():
                self._write(connection, entry)
                return
        # The last used is used first: its thread at the other end is still warm, and the rest may be closed as idle.
        self._free.append(connection)

    def lost(self, connection: _Connection) -> None:
        """A connection is gone."""
        self._all.discard(connection)
        if connection in self._free:
            self._free.remove(connection)

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for connection in list(self._all):
            connection.drop()
        if self._look is not None:
            self._look.cancel()
            self._look = None
        await asyncio.sleep(0)  # lets the transports close before the loop does

    def _write(self, connection: _Connection, entry: tuple[bytes, asyncio.Future[Response], float]) -> None:
        text, connection.asked, connection.until = entry
        assert connection.transport is not None
        connection.transport.write(text)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT):
                _, connection = await loop.create_connection(lambda: _Connection(self), self._host, self._port)
        except (OSError, TimeoutError):
            # Nobody is there: whatever waits for a connection is told, unless another one serves it.
            if not self._all:
                while self._queue:
                    answer = self._queue.popleft()[1]
                    if not answer.done():
                        answer.set_exception(Unavailable("The telephone switch cannot be reached"))
        else:
            self._all.add(connection)
            self.free(connection)
        finally:
            self._opening -= 1

    def _look_over(self) -> None:
        """Give up what has waited too long."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [c for c in self._all if c.asked is not None and c.until <= now]:
            asked, connection.asked = connection.asked, None
            connection.drop()
            if asked is not None and not asked.done():
                asked.set_exception(TimeoutError())
        for _, answer, until in self._queue:
            if until <= now and not answer.done():
                answer.set_exception(TimeoutError())
        busy = self._queue or any(c.asked is not None for c in self._all)
        self._look = loop.call_later(_LOOK, self._look_over) if busy else None


class Listener(asyncio.Protocol):
    """The reading side of a websocket (RFC 6455): every text message is given to `heard`, in order, at once."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._greeted = False
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        #: Done when the server has agreed; fails with ConnectionError.
        self.agreed: asyncio.Future[None] = loop.create_future()
        #: Done when the connection is over.
        self.over: asyncio.Future[None] = loop.create_future()

    @classmethod
    async def connect(cls, host: str, port: int, target: str, headers: str, heard: Callable[[bytes], None]) -> Listener:
        """Open one. Raises OSError or TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT):
            _, listener = await loop.create_connection(lambda: cls(heard), host, port)
            key = base64.b64encode(os.urandom(16)).decode()
            listener._write(
                f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Upgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode("ascii")
            )
            try:
                await listener.agreed
            except BaseException:
                listener.close()
                raise
        return listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transport is one by its methods

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._greeted:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            agreed = self._buffer.startswith(b"HTTP/1.1 101")
            del self._buffer[: end + 4]
            if not agreed:
                if not self.agreed.done():
                    self.agreed.set_exception(ConnectionError("the server refused a websocket"))
                return
            self._greeted = True
            if not self.agreed.done():
                self.agreed.set_result(None)
        self._frames()

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        if not self.agreed.done():
            self.agreed.set_exception(ConnectionError("the server closed the connection"))
        if not self.over.done():
            self.over.set_result(None)

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _frames(self) -> None:
        buffer = self._buffer
        at, size = 0, len(buffer)
        while size - at >= 2:
            first, length, body = buffer[at], buffer[at + 1] & 127, at + 2
            if length >= 126:
                wide = 2 if length == 126 else 8
                if size < body + wide:
                    break
                length = int.from_bytes(buffer[body : body + wide], "big")
                body += wide
            if size < body + length:
                break
            payload = bytes(buffer[body : body + length])
            at = body + length
            self._frame(first & 15, bool(first & 128), payload)
        if at:
            del buffer[:at]

    def _frame(self, kind: int, last: bool, payload: bytes) -> None:
        if kind in (0, 1):
            if last and not self._parts:
                self._heard(payload)
                return
            self._parts.append(payload)
            if last:
                whole, self._parts = b"".join(self._parts), []
                self._heard(whole)
        elif kind == 9:
            # A client's frames are masked; with a mask of zeros the payload stays as it is.
            self._write(bytes((0x8A, 0x80 | len(payload))) + bytes(4) + payload)
        elif kind == 8:
            self.close()
