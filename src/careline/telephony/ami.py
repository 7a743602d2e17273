"""Asterisk's manager interface, only for what ARI lacks: starting and stopping a stereo recording (MixMonitor)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from careline.kernel.errors import Unavailable
from careline.telephony.instance import Access

_SECONDS = 5.0


class Ami:
    """One connection, opened when first needed and again after it was lost."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, str]]] = {}
        self._numbers = itertools.count(1)
        self._opening = asyncio.Lock()

    async def action(self, name: str, **fields: str) -> dict[str, str]:
        """Do one action; its answer's headers. Raises `Unavailable` when it cannot be asked."""
        async with self._opening:
            if self._writer is None or self._writer.is_closing():
                await self._open()
        return await self._ask(name, fields)

    async def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        if self._reading is not None:
            await asyncio.wait([self._reading])

    async def _open(self) -> None:
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection("127.0.0.1", self._access.ami_port), _SECONDS
            )
            await asyncio.wait_for(reader.readline(), _SECONDS)  # the greeting line
        except (OSError, TimeoutError) as error:
            self._writer = None
            raise Unavailable("The telephone switch's manager port cannot be reached") from error
        self._writer = writer
        self._reading = asyncio.create_task(self._read(reader, writer))
        said = await self._ask("Login", {"Username": self._access.user, "Secret": self._access.secret, "Events": "off"})
        if said.get("Response") != "Success":
            raise Unavailable("The telephone switch's manager port refused us")

    async def _ask(self, name: str, fields: dict[str, str]) -> dict[str, str]:
        number = str(next(self._numbers))
        headers = {"Action": name, "ActionID": number, **fields}
        if any("\r" in value or "\n" in value for value in headers.values()) or self._writer is None:
            raise Unavailable("The telephone switch's manager port is closed")
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write("".join(f"{key}: {value}\r\n" for key, value in headers.items()).encode() + b"\r\n")
            await self._writer.drain()
            return await asyncio.wait_for(answer, _SECONDS)
        except (OSError, TimeoutError) as error:
            raise Unavailable("The telephone switch's manager port does not answer") from error
        finally:
            del self._waiting[number]

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers: dict[str, str] = {}
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                text = line.decode(errors="replace").rstrip("\r\n")
                if text:
                    key, _, value = text.partition(": ")
                    headers[key] = value
                    continue
                waiter = self._waiting.get(headers.get("ActionID", ""))
                if waiter is not None and not waiter.done():
                    waiter.set_result(headers)
                headers = {}
        writer.close()
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_exception(ConnectionResetError())
