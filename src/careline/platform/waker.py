"""Tells the followers of events that there is something to read: at most one empty NOTIFY per interval and process.

A NOTIFY in every transaction would take a lock of the whole server at each commit and cost two thirds of its
throughput. A lost wake-up costs nothing but time: followers also look by themselves every 100 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

import psycopg
from psycopg import AsyncConnection

log = logging.getLogger(__name__)

CHANNEL = "careline_event"
INTERVAL = 0.02


class Waker:
    """Sends the wake-ups of one process over a connection of its own."""

    def __init__(self, url: str, interval: float = INTERVAL) -> None:
        self._url = url
        self._interval = interval
        self._conn: AsyncConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._rung = False
        #: How many NOTIFYs were sent (for tests and curiosity).
        self.sent = 0

    def ring(self) -> None:
        """Ask for a wake-up: the first goes out at once, those within the interval after it become one."""
        self._rung = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Send what is still owed, and disconnect."""
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._task
        if self._conn is not None:
            await self._conn.close()

    async def _run(self) -> None:
        while self._rung:
            self._rung = False
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = await AsyncConnection.connect(self._url, autocommit=True, connect_timeout=5)
                await self._conn.execute(f"NOTIFY {CHANNEL}")
                self.sent += 1
            except (psycopg.Error, OSError):
                # The server is away; whoever follows will look for itself when it is back.
                log.debug("wake-up not sent", exc_info=True)
                if self._conn is not None:
                    await self._conn.close()
                    self._conn = None
            await asyncio.sleep(self._interval)
