"""Runs call control as a process: waits for the lease, then serves until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

import psycopg
from psycopg_pool import PoolTimeout

from careline.calls.commands import orders
from careline.calls.control import CallControl
from careline.calls.store import Batch
from careline.calls.writer import Companion
from careline.platform.db import Database, Tx
from careline.platform.lease import Lease, fence, who_holds

log = logging.getLogger(__name__)


async def serve(control: CallControl, db: Database, app_url: str, lease: Lease | None = None) -> None:
    """Run call control and obey orders until SIGTERM or SIGINT; a standby waits here for its turn."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        if lease is not None:
            waiting = asyncio.create_task(stack.enter_async_context(lease))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not waiting.done():
                waiting.cancel()
                return
            waiting.result()
        log.info("call control is active")
        work = asyncio.create_task(control.run())
        obeying = asyncio.create_task(obey(control, db, app_url))
        stopping = asyncio.create_task(stop.wait())
        lost = asyncio.create_task(_until_replaced(lease, db)) if lease is not None else None
        done, _ = await asyncio.wait(
            {t for t in (work, obeying, stopping, lost) if t}, return_when=asyncio.FIRST_COMPLETED
        )
        if lost in done:
            log.error("another call control has taken over; this one stops")
        if stopping in done:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await control.drained()
        for task in (work, obeying, stopping, lost):
            if task:
                task.cancel()
        for result in await asyncio.gather(work, obeying, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


async def _until_replaced(lease: Lease, db: Database) -> None:
    """Return when another process holds the lease.

    A database that is away takes every lease along, but replaces nobody: calls are then routed from memory, and the
    lease is taken again as soon as it can be. What was decided meanwhile is written under the new one (see `fenced`).
    """
    while True:
        await lease.lost.wait()
        log.warning("the lease is lost; going on as long as nobody else holds it")
        while not await lease.try_acquire():
            with contextlib.suppress(psycopg.Error, PoolTimeout, OSError):
                async with db.system() as tx:
                    row = await who_holds(tx, lease.name)
                if row is not None and row["held"] and row["holder"] != lease.holder:
                    return
            await asyncio.sleep(0.2)


def fenced(lease: Lease) -> Companion:
    """A companion of the writer: nothing is written by a call control that was replaced while it stood still."""

    async def check(tx: Tx, _: Batch) -> None:
        await fence(tx, lease)

    return check


async def obey(control: CallControl, db: Database, app_url: str) -> None:
    """Carry out orders as they are given."""
    await control.ready.wait()
    async for tenant_id, order_id in orders(app_url, db):
        try:
            await control.take_order(tenant_id, order_id)
        except Exception:
            log.exception("an order could not be carried out", extra={"order_id": str(order_id)})
