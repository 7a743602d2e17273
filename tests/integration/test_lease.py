"""Leases: one holder, taken over at once from the dead, fenced out when replaced."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from careline.platform.db import Database
from careline.platform.lease import Lease, LeaseLost, fence, who_holds
from careline.testing.postgres import Urls

pytestmark = pytest.mark.integration


async def _kill_connections(urls: Urls) -> None:
    async with await psycopg.AsyncConnection.connect(urls.admin, autocommit=True) as conn:
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'careline_relay'"
        )


async def test_only_one_holds_it(db: Database, pg_urls: Urls) -> None:
    async with Lease(pg_urls.relay, "job", ttl=30) as first:
        second = Lease(pg_urls.relay, "job", ttl=30)
        assert not await second.try_acquire()
        async with db.system() as tx:
            await fence(tx, first)
            held = await who_holds(tx, "job")
        assert held is not None and held["held"] and held["holder"] == first.holder
        await second.release()
    async with db.system() as tx:
        free = await who_holds(tx, "job")
    assert free is not None and not free["held"]


async def test_given_back_it_is_free_at_once(pg_urls: Urls) -> None:
    async with Lease(pg_urls.relay, "job", ttl=300):
        pass
    async with asyncio.timeout(5), Lease(pg_urls.relay, "job", ttl=300) as second:
        assert second.token == 2


async def test_a_dead_holder_is_replaced_long_before_its_time_is_up(db: Database, pg_urls: Urls) -> None:
    dead = Lease(pg_urls.relay, "job", ttl=300)
    assert await dead.try_acquire()
    await _kill_connections(pg_urls)  # what the server sees of a kill -9
    async with asyncio.timeout(10), Lease(pg_urls.relay, "job", ttl=300) as heir:
        assert heir.token == dead.token + 1
        with pytest.raises(LeaseLost):
            async with db.system() as tx:
                await fence(tx, dead)
    await dead.release()


async def test_a_holder_that_lost_its_connection_notices(pg_urls: Urls) -> None:
    lease = Lease(pg_urls.relay, "job", ttl=0.8)
    assert await lease.try_acquire()
    await _kill_connections(pg_urls)
    await asyncio.wait_for(lease.lost.wait(), 10)
    await lease.release()


async def test_it_is_renewed_past_its_time(pg_urls: Urls) -> None:
    async with Lease(pg_urls.relay, "job", ttl=0.6) as lease:
        other = Lease(pg_urls.relay, "job", ttl=0.6)
        end = asyncio.get_running_loop().time() + 1.5
        while asyncio.get_running_loop().time() < end:
            assert not await other.try_acquire()
            await asyncio.sleep(0.05)
        assert not lease.lost.is_set()
        await other.release()


async def test_no_database_is_no_lease() -> None:
    nowhere = Lease("host=/nonexistent user=x dbname=x", "job")
    assert not await nowhere.try_acquire()
