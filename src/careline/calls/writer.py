"""The writer: appends what the floor decided, in order, many calls in one transaction.

Decisions are carried out at once and written within milliseconds. While PostgreSQL is away the batches wait in memory,
calls go on, and everything is written when it is back (docs/decisions/ says why a call does not wait for the disk).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import psycopg
import psycopg_pool

from careline.calls.floor import Floor
from careline.calls.model import Event
from careline.calls.outcome import Outcome
from careline.calls.store import Batch, write
from careline.platform.db import Database, Tx
from careline.platform.lease import LeaseLost

log = logging.getLogger(__name__)

#: Something else to be written in the transaction of a batch: (transaction, batch).
Companion = Callable[[Tx, Batch], Awaitable[None]]


#: Seconds in which what happens to many calls is gathered into one transaction: at least, and at most in a rush.
GATHER, GATHER_AT_MOST = 0.02, 0.05
#: What is gathered for so many times as long as writing took leaves most of the time to the calls.
REST = 4


_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout, LeaseLost)


class Writer:
    """Collects outcomes and writes them, one transaction a tenant and round."""

    def __init__(self, db: Database, floor: Floor, companions: tuple[Companion, ...] = ()) -> None:
        self._db = db
        self._floor = floor
        self._companions = companions
        self._batches: dict[int, Batch] = {}
        self._work = asyncio.Event()
        #: Somebody waits for the answer to an order.
        self._asked = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        #: Whether the database takes our batches; the reason when it does not.
        self.trouble: str | None = None

    def _batch(self, tenant_id: int) -> Batch:
        self._work.set()
        self._idle.clear()
        return self._batches.setdefault(tenant_id, Batch())

    def add(self, outcome: Outcome) -> None:
        """Take what has happened, with the state of the agents as it is now."""
        for call in outcome.calls.values():
            self._batch(call.tenant_id).calls[call.id] = call
        tenants = {call.id: call.tenant_id for call in outcome.calls.values()}
        for happened in outcome.log:
            tenant_id = tenants[happened.call_id] if isinstance(happened, Event) else happened.tenant_id
            self._batch(tenant_id).log.append(happened)
        for agent_id in outcome.agents:
            agent = self._floor.agents.get(agent_id)
            if agent and agent.since is not None:
                self._batch(agent.tenant_id).agents[agent_id] = agent

    def answer(self, tenant_id: int, order_id: UUID, state: str, result: Mapping[str, Any]) -> None:
        """Record the answer to an order, with what the order caused."""
        self._batch(tenant_id).orders[order_id] = (state, result)
        self._asked.set()

    @property
    def waiting(self) -> int:
        """Events not written yet."""
        return sum(len(b.log) for b in self._batches.values())

    async def drained(self) -> None:
        """Wait until everything has been written."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write for ever."""
        loop = asyncio.get_running_loop()
        pause = GATHER
        while True:
            await self._work.wait()
            # What happens within a few milliseconds goes into one transaction, unless somebody waits for an answer.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._asked.wait()
            self._asked.clear()
            self._work.clear()
            began = loop.time()
            batches, self._batches = self._batches, {}
            for tenant_id, batch in batches.items():
                await self._write(tenant_id, batch)
            pause = min(max(GATHER, REST * (loop.time() - began)), GATHER_AT_MOST)
            if not self._batches:
                self._idle.set()

    async def _write(self, tenant_id: int, batch: Batch) -> None:
        pause = 0.05
        while True:
            try:
                async with self._db.tenant(tenant_id) as tx:
                    await write(tx, batch)
                    for companion in self._companions:
                        await companion(tx, batch)
                self.trouble = None
                return
            except _AWAY as error:
                # A lost lease is waited for as well: it is taken again, or this process is stopped for its successor.
                if self.trouble is None:
                    log.warning("the database does not take call events; they wait in memory")
                self.trouble = type(error).__name__
                await asyncio.sleep(pause)
                pause = min(pause * 2, 1.0)
