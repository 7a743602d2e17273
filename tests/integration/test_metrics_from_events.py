"""T3, T4, T5: the board's counters are what its event rows say: retroactively, across midnight, after any restart."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from careline.platform.db import Database
from careline.reporting.attribution import Happened, count, entries, local_day
from careline.reporting.model import Counts
from careline.reporting.service import SHORT_ABANDON_SECONDS, BoardService
from careline.security.permissions import Role
from careline.testing.floor import Floor

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
ZONE = "America/New_York"


class FixedClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def floor(db: Database, tenant: int) -> Floor:
    return Floor(db, tenant, NOON)


async def watcher(floor: Floor) -> Any:
    return floor.actor(await floor.person("Vera", Role.SUPERVISOR), "Vera", Role.SUPERVISOR)


async def shown(db: Database, clock: FixedClock, actor: Any) -> dict[UUID, Counts]:
    """What a board that has just been started shows, as counters."""
    snapshot = await BoardService(db, clock).read(actor)
    names = [n for n in Counts.__dataclass_fields__ if n != "answered_wait_seconds"]
    return {
        row.id: Counts(
            **{name: getattr(row.figures, name) for name in names},
            answered_wait_seconds=round((row.figures.average_speed_of_answer or 0) * row.figures.answered, 6),
        )
        for row in snapshot.queues
    }


async def happenings(db: Database, tenant: int) -> list[Happened]:
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT stream_id, kind, at, body FROM event WHERE stream = 'call' ORDER BY id")
    return [Happened(call_id=r["stream_id"], kind=r["kind"], at=r["at"], body=r["body"]) for r in rows]


async def test_t5_counters_are_rebuilt_from_the_event_log(db: Database, tenant: int, floor: Floor, clock: FixedClock):
    """A random day, by rows alone: the database's figures equal the plain rules, in every queue, on any restart."""
    dice = random.Random(20261123)
    queues = [await floor.queue(name, service_level_seconds=20) for name in ("Scheduling", "Nurses")]
    line = await floor.line()
    kinds = ["queued", "requeued", "connected", "transferred", "voicemail_started", "flow_moved",
             "callback_arranged", "callback_dialled", "recovered", "announced", "held"]  # fmt: skip
    for _ in range(60):
        call = await floor.call(line, arrived=4000, phase="ended", ended_at=floor.ago(1))
        ago = 3900.0
        await floor.event(call, "queued", ago, queue_id=dice.choice(queues))
        for _step in range(dice.randrange(6)):
            ago -= dice.choice([2, 7, 19.5, 20, 20.5, 200])
            kind = dice.choice(kinds)
            await floor.event(call, kind, ago, **({"queue_id": dice.choice(queues)} if kind == "queued" else {}))
        if dice.random() < 0.8:
            await floor.event(call, "ended", ago - 3, by=dice.choice(["caller", "agent", "system"]))
    actor = await watcher(floor)
    first = await shown(db, clock, actor)
    found = entries(await happenings(db, tenant))
    for queue in queues:
        mine = [entry for entry in found if entry.queue_id == queue]
        expected = count(mine, threshold=20, short=SHORT_ABANDON_SECONDS)
        assert first[queue] == expected
        assert expected.presented > 20, "a day on which nothing happened would prove nothing"
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE call SET phase = 'ended', queue_id = NULL, outcome = NULL")
    assert await shown(db, clock, actor) == first, "the projections may be lost: the log says it all"


async def test_t3_a_changed_threshold_counts_for_the_past_too(
    db: Database, tenant: int, floor: Floor, clock: FixedClock
):
    queue = await floor.queue("Scheduling", service_level_seconds=20)
    line = await floor.line()
    for waited in (10, 25, 40):
        call = await floor.call(line, arrived=1810, phase="ended", ended_at=floor.ago(100))
        await floor.event(call, "queued", 1800, queue_id=queue)
        await floor.event(call, "connected", 1800 - waited)
    actor = await watcher(floor)
    assert (await shown(db, clock, actor))[queue].answered_in_t == 1
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE queue SET service_level_seconds = 30")
    assert (await shown(db, clock, actor))[queue].answered_in_t == 2
    snapshot = await BoardService(db, clock).read(actor)
    assert (snapshot.service_level_variant, snapshot.abandon_rate_variant) == ("negative-abandon", "of-presented")


async def test_t4_midnight_belongs_to_the_tenant(db: Database, tenant: int, floor: Floor, clock: FixedClock):
    """Entered before midnight and answered after it: yesterday's call, whole; today's board knows nothing of it."""
    async with db.system() as tx:
        await tx.run("UPDATE tenant SET zone = %s WHERE id = %s", (ZONE, tenant))
    queue = await floor.queue("Scheduling", service_level_seconds=120)
    line = await floor.line()
    midnight, _ = local_day(datetime(2026, 11, 23, tzinfo=UTC).date(), ZONE)
    ago = (NOON - midnight).total_seconds()
    for entered in (ago + 60, ago - 60):
        call = await floor.call(line, arrived=entered, phase="ended", ended_at=floor.ago(ago - 200))
        await floor.event(call, "queued", entered, queue_id=queue)
        await floor.event(call, "connected", entered - 90)
    actor = await watcher(floor)
    assert (await shown(db, clock, actor))[queue].presented == 1
    clock.at = midnight - timedelta(seconds=1)
    yesterday = (await shown(db, clock, actor))[queue]
    assert (yesterday.presented, yesterday.answered) == (1, 1)
