"""Leases: one active holder of a job, others standing by, and a stalled holder fenced out by its old token.

The holder keeps a connection of its own. When the process is killed the connection goes with it, and a standby takes
over at once; a holder that hangs or is cut off loses the lease when its time is up.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from datetime import timedelta
from types import TracebackType
from typing import Self

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from careline.kernel.errors import Unavailable
from careline.platform.db import Row, Tx, queries

log = logging.getLogger(__name__)
_q = queries("careline.platform")


class LeaseLost(Unavailable):
    """Another process has taken over."""

    id = "lease-lost"


class Lease:
    """`async with Lease(url, "callcontrol") as lease:` waits for its turn and then holds the job.

    `url` must reach the server directly (no pooler): the relay's address. Watch `lease.lost`; check `fence(tx, lease)`
    in each transaction whose effect must not come from a holder that was replaced.
    """

    def __init__(self, url: str, name: str, *, ttl: float = 5.0, holder: str | None = None) -> None:
        self.name = name
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.token = 0
        #: Set when the lease is no longer ours; everything that acts on it must stop.
        self.lost = asyncio.Event()
        self._url = url
        self._ttl = ttl
        self._conn: AsyncConnection[DictRow] | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        while True:
            if await self.try_acquire():
                return self
            await asyncio.sleep(min(self._ttl / 10, 0.2))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()

    async def try_acquire(self) -> bool:
        """Take the lease if it is free. False when somebody holds it or the database is away."""
        try:
            if self._conn is None or self._conn.closed:
                self._conn = await AsyncConnection.connect(
                    self._url, autocommit=True, row_factory=dict_row, prepare_threshold=None, connect_timeout=5
                )
            values = {"name": self.name, "holder": self.holder, "ttl": timedelta(seconds=self._ttl)}
            row = await (await self._conn.execute(_q["acquire_lease"], values)).fetchone()
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
            await self._disconnect()
            return False
        if row is None:
            return False
        self.token = row["token"]
        self.lost.clear()
        self._renewing = asyncio.create_task(self._renew())
        log.info("lease taken", extra={"lease": self.name, "holder": self.holder, "generation": self.token})
        return True

    async def release(self) -> None:
        """Give it back, so that a standby need not wait."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            self._renewing = None
        if self._conn is not None and not self.lost.is_set():
            try:
                await self._conn.execute(_q["release_lease"], {"name": self.name, "token": self.token})
            except (psycopg.Error, OSError):
                log.warning("lease not given back", extra={"lease": self.name})
        self.lost.set()
        await self._disconnect()

    async def _renew(self) -> None:
        """Three chances within its time; then it counts as lost, whatever the server thinks."""
        loop = asyncio.get_running_loop()
        good_until = loop.time() + self._ttl
        while True:
            await asyncio.sleep(self._ttl / 4)
            asked = loop.time()
            if asked >= good_until:
                break
            try:
                async with asyncio.timeout(max(0.01, good_until - asked)):
                    renewed = await self._renew_once()
            except (psycopg.Error, OSError, TimeoutError):
                continue
            if not renewed:
                break
            good_until = asked + self._ttl
        log.error("lease lost", extra={"lease": self.name, "holder": self.holder, "generation": self.token})
        self.lost.set()

    async def _renew_once(self) -> bool:
        if self._conn is None or self._conn.closed:
            # Gone with its server or its network. A new connection may renew as long as nobody else has taken over,
            # but the row names the old one as its keeper, so it is taken afresh instead, under a new token.
            return False
        values = {"name": self.name, "token": self.token, "ttl": timedelta(seconds=self._ttl)}
        return (await self._conn.execute(_q["renew_lease"], values)).rowcount == 1

    async def _disconnect(self) -> None:
        if self._conn is not None:
            await self._conn.close()
            self._conn = None


async def fence(tx: Tx, lease: Lease) -> None:
    """Refuse to go on unless `lease` is still ours; holds it ours until this transaction ends. Raises `LeaseLost`."""
    row = await tx.one(_q["fence_lease"], {"name": lease.name, "token": lease.token})
    if row is None or not row["ours"]:
        raise LeaseLost


async def who_holds(tx: Tx, name: str) -> Row | None:
    """Holder, token, until and whether it is held at this moment (for `doctor`)."""
    return await tx.one(_q["who_holds_lease"], {"name": name})
