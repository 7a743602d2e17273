"""PostgreSQL: one pool, transactions that carry their tenant, and SQL kept in `.sql` files.

Row-level security refuses a transaction whose tenant is not set, so there are two doors and no third:
`tenant(id)` for everything a customer owns, `system()` for the few infrastructure tables without a tenant policy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from careline.kernel.errors import Unavailable
from careline.platform.waker import Waker

Row = dict[str, Any]
Params = Mapping[str, Any] | Sequence[Any]


#: How long a request waits for a connection before it is told that the database is away.
WAIT_SECONDS = 3.0


class DatabaseAway(Unavailable, psycopg.OperationalError):
    """The database cannot be reached just now. Nothing that was not confirmed is sure to have been saved."""

    id = "database-away"


class DatabaseFull(Unavailable, psycopg.OperationalError):
    """The database's disk is full: nothing can be saved until room is made. Calls go on."""

    id = "database-full"


class Tx:
    """One open transaction. Commits when its `async with` block ends well, rolls back when it raises."""

    def __init__(self, conn: AsyncConnection[DictRow], tenant_id: int | None, waker: Waker | None = None) -> None:
        self.conn = conn
        self.tenant_id = tenant_id
        self.waker = waker
        self._after: list[Callable[[], Awaitable[None]]] = []
        self._wake = False

    async def all(self, sql: str, params: Params | None = None) -> list[Row]:
        """Every row of a query."""
        return await (await self.conn.execute(sql, params)).fetchall()

    async def one(self, sql: str, params: Params | None = None) -> Row | None:
        """The first row of a query, or None."""
        return await (await self.conn.execute(sql, params)).fetchone()

    async def run(self, sql: str, params: Params | None = None) -> int:
        """Execute a statement; returns the number of rows it touched."""
        return (await self.conn.execute(sql, params)).rowcount

    def after_commit(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do something once, after this transaction has been committed."""
        self._after.append(action)

    def wake_followers(self) -> None:
        """Tell the followers of events, once this transaction is committed, that there is something to read."""
        self._wake = True

    async def committed(self) -> None:
        """Run what was put off until the commit."""
        if self._wake and self.waker is not None:
            self.waker.ring()
        for action in self._after:
            await action()


class Database:
    """A pool of connections as the application role (row-level security applies to it)."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[DictRow]], waker: Waker | None = None) -> None:
        self.pool = pool
        self.waker = waker

    @classmethod
    async def open(cls, url: str, *, min_size: int = 1, max_size: int = 8) -> Database:
        """Connect. Raises `psycopg.OperationalError` when the server cannot be reached in time."""

        async def configure(conn: AsyncConnection[DictRow]) -> None:
            conn.prepare_threshold = None  # safe behind pgbouncer in transaction mode

        pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            url,
            min_size=min_size,
            max_size=max_size,
            kwargs={"row_factory": dict_row, "options": "-c timezone=UTC"},
            configure=configure,
            open=False,
            # With the server away, say so soon, and try again at every request: the pool's own pauses would grow until
            # it came back a minute after the server.
            timeout=WAIT_SECONDS,
            reconnect_timeout=WAIT_SECONDS,
            check=AsyncConnectionPool.check_connection,
        )
        try:
            await pool.open(wait=True, timeout=30)
        except BaseException:
            await pool.close()
            raise
        return cls(pool, Waker(url))

    async def close(self) -> None:
        """Close every connection."""
        if self.waker is not None:
            await self.waker.close()
        await self.pool.close()

    @asynccontextmanager
    async def tenant(self, tenant_id: int) -> AsyncIterator[Tx]:
        """A transaction that sees exactly one tenant."""
        async with self._transaction(tenant_id) as tx:
            yield tx

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Tx]:
        """A transaction without a tenant: only tables free of tenant data can be touched; the others raise."""
        async with self._transaction(None) as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(self, tenant_id: int | None) -> AsyncIterator[Tx]:
        try:
            async with self.pool.connection() as conn:
                tx = Tx(conn, tenant_id, self.waker)
                async with conn.transaction():
                    if tenant_id is not None:
                        await conn.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant_id),))
                    yield tx
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if isinstance(error, psycopg.errors.DiskFull):
                raise DatabaseFull from error
            if _is_away(error):
                raise DatabaseAway from error
            raise
        await tx.committed()


def _is_away(error: psycopg.Error) -> bool:
    """No connection, a broken one, or a server that is going down; a deadlock or a full disk is something else."""
    if isinstance(error, DatabaseAway | DatabaseFull):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "533", "57P"))


@cache
def queries(package: str, name: str = "queries.sql") -> Mapping[str, str]:
    """The named statements of a package's `queries.sql`. Each begins with a line `-- name: verb_noun`."""
    found: dict[str, str] = {}
    current: str | None = None
    for line in files(package).joinpath(name).read_text("utf-8").splitlines():
        if line.startswith("-- name:"):
            current = line.removeprefix("-- name:").strip()
            if current in found:
                raise ValueError(f"{package}/{name}: {current} is defined twice")
            found[current] = ""
        elif current is not None:
            found[current] += line + "\n"
    return found
