"""Workers killed in mid-work: each timer's effect happens exactly once."""

from __future__ import annotations

import asyncio
import random
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

#: A worker whose handler writes what it did and arms the next level, all in the claiming transaction. At its n-th timer
#: it dies by its own SIGKILL, before or after the work, always before the commit.
WORKER = """
import asyncio, os, signal, sys
from careline.kernel.clock import SystemClock
from careline.platform import timers
from careline.platform.db import Database
from careline.platform.events import NewEvent, append

url, levels, dies_at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
seen = 0

async def climb(tx, timer):
    global seen
    seen += 1
    mine, level = seen, timer.body["level"]
    if mine == dies_at and mine % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    await append(tx, [NewEvent(stream="climb", stream_id=timer.ref, kind=f"level-{level}", body={})])
    if level < levels:
        await timers.arm(tx, "climb", timer.ref, SystemClock().now(), {"level": level + 1})
    if mine == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    db = await Database.open(url, max_size=4)
    await timers.TimerWorker(db, SystemClock(), {"climb": climb}, concurrency=2).run()

asyncio.run(main())
"""


async def test_every_level_is_reached_exactly_once_over_kill_9(db: Database, pg_urls: Urls, tenant: int) -> None:
    chance = random.Random(7)
    kills = 0

    def spawn() -> subprocess.Popen[bytes]:
        dies_at = chance.randrange(2, 30) if kills < KILLS else 0
        return subprocess.Popen([sys.executable, "-c", WORKER, pg_urls.app, str(LEVELS), str(dies_at)])

    async with db.tenant(tenant) as tx:
        for _ in range(REFS):
            await timers.arm(tx, "climb", new_id(), datetime.now(UTC), {"level": 1})
    workers = [spawn(), spawn()]
    try:
        async with asyncio.timeout(300):
            while True:
                async with db.system() as tx:
                    if not await tx.all("SELECT id FROM timer LIMIT 1"):
                        break
                for place, worker in enumerate(workers):
                    if worker.poll() is not None:
                        assert worker.returncode == -9
                        kills += 1
                        workers[place] = spawn()
                await asyncio.sleep(0.05)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert kills >= KILLS
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT kind, count(*) AS n, count(DISTINCT stream_id) AS refs FROM event GROUP BY kind")
    assert {r["kind"]: (r["n"], r["refs"]) for r in rows} == {
        f"level-{level}": (REFS, REFS) for level in range(1, LEVELS + 1)
    }
