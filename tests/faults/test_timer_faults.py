"""Workers killed in mid-work: each timer's effect happens exactly once."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from careline.kernel.ids import new_id
from careline.platform import timers
from careline.platform.db import Database
from careline.testing.postgres import Urls

pytestmark = pytest.mark.faults

REFS, LEVELS, KILLS = 150, 3, 9

#: A worker whose handler writes what it did and arms the next level, all in the claiming transaction.
WORKER = """
import asyncio, sys
from careline.kernel.clock import SystemClock
from careline.platform import timers
from careline.platform.db import Database
from careline.platform.events import NewEvent, append

async def climb(tx, timer):
    level = timer.body["level"]
    await append(tx, [NewEvent(stream="climb", stream_id=timer.ref, kind=f"level-{level}", body={})])
    await tx.one("SELECT pg_sleep(0.003)")
    if level < int(sys.argv[2]):
        await timers.arm(tx, "climb", timer.ref, SystemClock().now(), {"level": level + 1})

async def main():
    db = await Database.open(sys.argv[1], max_size=4)
    print("ready", flush=True)
    await timers.TimerWorker(db, SystemClock(), {"climb": climb}, concurrency=2).run()

asyncio.run(main())
"""


def spawn(url: str) -> subprocess.Popen[str]:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, url, str(LEVELS)], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def kill(worker: subprocess.Popen[str]) -> None:
    worker.send_signal(signal.SIGKILL)
    worker.communicate()


async def test_every_level_is_reached_exactly_once_over_kill_9(db: Database, pg_urls: Urls, tenant: int) -> None:
    chance = random.Random(7)
    async with db.tenant(tenant) as tx:
        for _ in range(REFS):
            await timers.arm(tx, "climb", new_id(), datetime.now(UTC), {"level": 1})
    workers = [await asyncio.to_thread(spawn, pg_urls.app) for _ in range(2)]
    kills = 0

    async def done() -> int:
        async with db.tenant(tenant) as tx:
            row = await tx.one("SELECT count(*) AS n FROM event")
        assert row is not None
        return int(row["n"])

    try:
        async with asyncio.timeout(120):
            # Kills are spread over the work, so that each one hits a worker in the middle of something.
            while (progress := await done()) < REFS * LEVELS:
                if kills < KILLS and progress >= (kills + 1) * REFS * LEVELS // (KILLS + 2):
                    victim = chance.randrange(2)
                    await asyncio.to_thread(kill, workers[victim])
                    kills += 1
                    workers[victim] = await asyncio.to_thread(spawn, pg_urls.app)
                await asyncio.sleep(0.005)
            while True:
                async with db.system() as tx:
                    if not await tx.all("SELECT id FROM timer"):
                        break
                await asyncio.sleep(0.02)
    finally:
        for worker in workers:
            kill(worker)
    assert kills >= KILLS // 2
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT kind, count(*) AS n, count(DISTINCT stream_id) AS refs FROM event GROUP BY kind")
    assert {r["kind"]: (r["n"], r["refs"]) for r in rows} == {
        f"level-{level}": (REFS, REFS) for level in range(1, LEVELS + 1)
    }
