"""Following events: every committed event, once, in order, through restarts and broken connections.

Ids are taken before commit and become visible out of order, so nobody may read "the ids above the last one". A follower
reads by (transaction id, id) and only below the oldest transaction still running.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from careline.platform.db import queries
from careline.platform.events import Event
from careline.platform.metrics import counter
from careline.platform.waker import CHANNEL

log = logging.getLogger(__name__)
_q = queries("careline.platform")

FOLLOWED = counter("careline_events_followed", "Events read by followers.", ("follower",))
RECONNECTED = counter("careline_follower_reconnects", "Times a follower lost its connection.", ("follower",))

#: Why the poll: when a wake-up arrives, an older transaction may still hold the horizon, and no other will follow.
POLL = 0.1
#: Such a transaction mostly ends within milliseconds: after a wake-up that brought nothing it is looked again so soon,
#: each time after twice as long.
SOON = 0.004


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A position in the stream: the last event that was dealt with."""

    xid: int = 0
    id: int = 0


async def follow(
    relay_url: str,
    name: str | None = None,
    *,
    start: Literal["beginning", "now"] | Cursor = "now",
    batch: int = 500,
    poll: float = POLL,
) -> AsyncGenerator[list[Event], None]:
    """Yield batches of events (never empty), for ever.

    With a `name` the position is durable: it is saved when the next batch is asked for, so a batch whose work was cut
    short comes again (at least once); two followers of one name never run at once, the second stands by. Without a
    name, the position lives and dies with the iterator (a web process). `start` counts only where no position is kept.
    A lost connection is made again with growing pauses; nothing is skipped meanwhile.
    """
    follower = _Follower(relay_url, name, start, batch)
    pause, patience = poll, poll
    try:
        while True:
            try:
                await follower.ensure_connected()
                events = await follower.read()
                pause = poll
                if not events:
                    woken = await follower.wait(min(patience, poll))
                    patience = SOON if woken else patience * 2
                    continue
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
                await follower.disconnect()
                RECONNECTED.labels(name or "ephemeral").inc()
                log.warning("event follower lost the database", extra={"cursor": name, "seconds": round(pause, 2)})
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
                continue
            FOLLOWED.labels(name or "ephemeral").inc(len(events))
            yield events
            await follower.done(events[-1])
    finally:
        await follower.disconnect()


class _Follower:
    def __init__(self, url: str, name: str | None, start: Literal["beginning", "now"] | Cursor, batch: int) -> None:
        self._url = url
        self._name = name
        self._start = start
        self._batch = batch
        self._conn: AsyncConnection[DictRow] | None = None
        self._cursor: Cursor | None = None
        self._unsaved: Cursor | None = None

    async def ensure_connected(self) -> None:
        """Connect, become the only follower of the name, and find the position."""
        if self._conn is None:
            conn: AsyncConnection[Any] = await AsyncConnection.connect(
                self._url, autocommit=True, row_factory=dict_row, prepare_threshold=None, connect_timeout=5
            )
            try:
                await conn.execute(f"LISTEN {CHANNEL}")
                await self._become_the_only_one(conn)
                # After a standstill another follower of the name may have gone on from where we were.
                self._cursor = await self._saved(conn) or self._cursor or await self._first(conn)
            except BaseException:
                await conn.close()
                raise
            self._conn = conn
        if self._unsaved is not None:
            await self._save(self._unsaved)

    async def disconnect(self) -> None:
        """Leave; session locks go with the connection."""
        if self._conn is not None:
            with suppress(psycopg.Error, OSError):
                await self._conn.close()
            self._conn = None

    async def read(self) -> list[Event]:
        """The next events after the position."""
        assert self._conn is not None
        assert self._cursor is not None
        where = {"xid": str(self._cursor.xid), "id": self._cursor.id, "limit": self._batch}
        rows = await (await self._conn.execute(_q["read_events"], where)).fetchall()
        return [Event(xid=int(row.pop("position")), **row) for row in rows]

    async def wait(self, poll: float) -> bool:
        """Until a wake-up comes, or `poll` seconds; whether one came."""
        assert self._conn is not None
        woken = False
        async for _ in self._conn.notifies(timeout=poll, stop_after=1):
            woken = True
        return woken

    async def done(self, last: Event) -> None:
        """The batch up to `last` was dealt with."""
        self._cursor = Cursor(last.xid, last.id)
        if self._name is not None:
            self._unsaved = self._cursor
            with suppress(psycopg.OperationalError, psycopg.InterfaceError, OSError):
                await self._save(self._cursor)

    async def _save(self, cursor: Cursor) -> None:
        assert self._conn is not None
        await self._conn.execute(_q["save_cursor"], {"name": self._name, "xid": str(cursor.xid), "id": cursor.id})
        self._unsaved = None

    async def _become_the_only_one(self, conn: AsyncConnection[DictRow]) -> None:
        while self._name is not None:
            row = await (await conn.execute(_q["lock_follower"], {"name": self._name})).fetchone()
            if row and row["got"]:
                return
            await asyncio.sleep(0.25)

    async def _saved(self, conn: AsyncConnection[DictRow]) -> Cursor | None:
        if self._name is None:
            return None
        row = await (await conn.execute(_q["get_cursor"], {"name": self._name})).fetchone()
        if row is None:
            return None
        saved = Cursor(int(row["position"]), row["id"])
        if self._unsaved is not None and self._unsaved > saved:
            return self._unsaved
        self._unsaved = None
        return saved

    async def _first(self, conn: AsyncConnection[DictRow]) -> Cursor:
        if isinstance(self._start, Cursor):
            return self._start
        if self._start == "beginning":
            return Cursor()
        # The position of a real, committed event: an id of a transaction alone might be given out again after a crash.
        row = await (await conn.execute(_q["last_event_position"])).fetchone()
        return Cursor(int(row["position"]), row["id"]) if row else Cursor()
