"""Durable timers on a clock of our own: when they fire, for whom, and what happens when a handler fails."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from careline.kernel.ids import new_id
from careline.platform import timers
from careline.platform.db import Database, Tx
from careline.platform.timers import Timer, TimerWorker

pytestmark = pytest.mark.integration

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class HandClock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


class Recorder:
    """A handler that notes what fired."""

    def __init__(self) -> None:
        self.fired: list[Timer] = []

    async def __call__(self, tx: Tx, timer: Timer) -> None:
        row = await tx.one("SELECT current_setting('app.tenant') AS tenant")
        assert row is not None and int(row["tenant"]) == timer.tenant_id == tx.tenant_id
        self.fired.append(timer)


async def test_fires_when_due_and_once(db: Database, tenant: int) -> None:
    clock, seen, ref = HandClock(), Recorder(), new_id()
    worker = TimerWorker(db, clock, {"remind": seen})
    async with db.tenant(tenant) as tx:
        await timers.arm(tx, "remind", ref, NOON + timedelta(minutes=5), {"level": 1})
    assert await worker.fire_due() == 0
    clock.at += timedelta(minutes=5)
    assert await worker.fire_due() == 1
    assert await worker.fire_due() == 0
    assert [(t.ref, t.body, t.tenant_id) for t in seen.fired] == [(ref, {"level": 1}, tenant)]


async def test_in_the_order_they_are_due(db: Database, tenant: int) -> None:
    clock, seen = HandClock(), Recorder()
    async with db.tenant(tenant) as tx:
        for minute in (3, 1, 2):
            await timers.arm(tx, "remind", new_id(), NOON - timedelta(minutes=minute))
    await TimerWorker(db, clock, {"remind": seen}).fire_due()
    assert [t.due for t in seen.fired] == [NOON - timedelta(minutes=m) for m in (3, 2, 1)]


async def test_an_armed_timer_of_a_rolled_back_transaction_does_not_exist(db: Database, tenant: int) -> None:
    seen = Recorder()

    async def fail() -> None:
        async with db.tenant(tenant) as tx:
            await timers.arm(tx, "remind", new_id(), NOON)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await TimerWorker(db, HandClock(), {"remind": seen}).fire_due() == 0


async def test_cancelled_by_id_by_ref_and_by_kind(db: Database, tenant: int) -> None:
    seen, ref = Recorder(), new_id()
    async with db.tenant(tenant) as tx:
        first = await timers.arm(tx, "remind", ref, NOON)
        await timers.arm(tx, "remind", ref, NOON)
        await timers.arm(tx, "escalate", ref, NOON)
        assert await timers.cancel(tx, timer_id=first) == 1
        assert await timers.cancel(tx, ref=ref, kind="escalate") == 1
        assert await timers.cancel(tx) == 0
    assert await TimerWorker(db, HandClock(), {"remind": seen, "escalate": seen}).fire_due() == 1


async def test_another_tenant_cannot_cancel(db: Database, tenant: int) -> None:
    async with db.system() as tx:
        other = await tx.one("INSERT INTO tenant (slug, name) VALUES ('other', 'Other') RETURNING id")
    assert other is not None
    async with db.tenant(tenant) as tx:
        timer_id = await timers.arm(tx, "remind", new_id(), NOON)
    async with db.tenant(other["id"]) as tx:
        assert await timers.cancel(tx, timer_id=timer_id) == 0


async def test_a_failing_handler_changes_nothing_and_is_tried_again_later(db: Database, tenant: int) -> None:
    clock, calls = HandClock(), 0

    async def handler(tx: Tx, timer: Timer) -> None:
        nonlocal calls
        calls += 1
        await timers.arm(tx, "other", timer.ref, NOON)
        if timer.attempts < 2:
            raise ValueError("a name that must not be logged")

    worker = TimerWorker(db, clock, {"remind": handler})
    async with db.tenant(tenant) as tx:
        await timers.arm(tx, "remind", new_id(), NOON)
    assert (await worker.fire_due(), calls) == (1, 1)
    assert (await worker.fire_due(), calls) == (0, 1)
    for pause, total in ((1, 2), (5, 3), (600, 3)):
        clock.at += timedelta(seconds=pause)
        await worker.fire_due()
        assert calls == total
    async with db.system() as tx:
        assert await tx.all("SELECT kind FROM timer") == [{"kind": "other"}]


async def test_a_deadlock_is_simply_tried_again(db: Database, tenant: int) -> None:
    calls = 0

    async def handler(tx: Tx, timer: Timer) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise psycopg.errors.DeadlockDetected

    async with db.tenant(tenant) as tx:
        await timers.arm(tx, "remind", new_id(), NOON)
    assert await TimerWorker(db, HandClock(), {"remind": handler}).fire_due() == 2
    assert calls == 2


async def test_two_workers_share_the_work_without_overlap(db: Database, tenant: int) -> None:
    seen = Recorder()
    async with db.tenant(tenant) as tx:
        for _ in range(60):
            await timers.arm(tx, "remind", new_id(), NOON)
    workers = [TimerWorker(db, HandClock(), {"remind": seen}) for _ in range(3)]
    counts = await asyncio.gather(*(w.fire_due() for w in workers))
    assert sum(counts) == 60 and all(counts)
    assert len({t.id for t in seen.fired}) == 60


async def test_cancelling_a_timer_that_fires_right_now_does_not_wait_for_it(db: Database, tenant: int) -> None:
    ref, inside, go_on = new_id(), asyncio.Event(), asyncio.Event()

    async def handler(tx: Tx, timer: Timer) -> None:
        inside.set()
        await go_on.wait()

    async with db.tenant(tenant) as tx:
        await timers.arm(tx, "remind", ref, NOON)
    firing = asyncio.create_task(TimerWorker(db, HandClock(), {"remind": handler}).fire_due())
    await inside.wait()
    async with asyncio.timeout(5), db.tenant(tenant) as tx:
        assert await timers.cancel(tx, ref=ref) == 0
    go_on.set()
    assert await firing == 1


async def test_a_worker_without_a_handler_leaves_the_kind_alone(db: Database, tenant: int) -> None:
    async with db.tenant(tenant) as tx:
        await timers.arm(tx, "unknown", new_id(), NOON)
    assert await TimerWorker(db, HandClock(), {"remind": Recorder()}).fire_due() == 0
