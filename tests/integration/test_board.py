"""The board's figures come from rows and equal the published vector; its live part shows the floor as it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from careline.kernel.errors import Forbidden
from careline.platform.db import Database
from careline.reporting.service import BoardService
from careline.security.permissions import Role
from careline.testing.floor import Floor

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


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


@pytest.fixture
def board(db: Database, clock: FixedClock) -> BoardService:
    return BoardService(db, clock)


async def entry(floor: Floor, line: UUID, queue: UUID, *, waited: float, then: str, **body: str) -> None:
    """A call that entered the queue half an hour ago and met its fate after `waited` seconds."""
    call = await floor.call(line, arrived=1810, phase="ended", ended_at=floor.ago(1800 - waited))
    await floor.event(call, "queued", 1800, queue_id=queue)
    await floor.event(call, then, 1800 - waited, **body)


async def test_the_published_vector_from_rows(floor: Floor, board: BoardService) -> None:
    """Offered 100 = answered 85 (70 within 20 s) + abandoned 12 (5 short, 8 within 20 s) + flow-out 3."""
    queue = await floor.queue("Scheduling", service_level_seconds=20)
    line = await floor.line()
    watcher = floor.actor(await floor.person("Vera", Role.SUPERVISOR), "Vera", Role.SUPERVISOR)
    for number in range(85):
        await entry(floor, line, queue, waited=10 if number < 70 else 40, then="connected")
    for number in range(12):
        waited = 3 if number < 5 else 15 if number < 8 else 60
        await entry(floor, line, queue, waited=waited, then="ended", by="caller")
    await entry(floor, line, queue, waited=30, then="voicemail_started")
    await entry(floor, line, queue, waited=30, then="ended", by="system")
    await entry(floor, line, queue, waited=30, then="ending")

    snapshot = await board.read(watcher)
    figures = snapshot.queues[0].figures
    assert (figures.presented, figures.answered, figures.answered_in_t) == (100, 85, 70)
    assert (figures.abandoned, figures.abandoned_in_t, figures.short_abandoned) == (12, 8, 5)
    assert figures.flow_out == 3
    assert figures.service_level == pytest.approx(70.0)
    assert figures.abandon_rate == pytest.approx(12.0)
    assert figures.average_speed_of_answer == pytest.approx((70 * 10 + 15 * 40) / 85)
    assert figures.longest_wait == pytest.approx(60)
    assert snapshot.totals.figures == figures
    assert snapshot.service_level_variant == "negative-abandon"


async def test_a_requeued_call_is_presented_once_and_a_moved_one_twice(floor: Floor, board: BoardService) -> None:
    first, second = await floor.queue("First"), await floor.queue("Second")
    line = await floor.line()
    watcher = floor.actor(await floor.person("Vera", Role.SUPERVISOR), "Vera", Role.SUPERVISOR)
    requeued = await floor.call(line)
    await floor.event(requeued, "queued", 300, queue_id=first)
    await floor.event(requeued, "connected", 290)
    await floor.event(requeued, "requeued", 200)
    await floor.event(requeued, "queued", 200, queue_id=first)
    await floor.event(requeued, "connected", 190)
    moved = await floor.call(line)
    await floor.event(moved, "queued", 300, queue_id=first)
    await floor.event(moved, "queued", 100, queue_id=second)
    by_name = {row.name: row.figures for row in (await board.read(watcher)).queues}
    assert (by_name["First"].presented, by_name["First"].answered, by_name["First"].flow_out) == (2, 1, 1)
    # Still waiting: presented, and nothing else yet.
    second_row = by_name["Second"]
    assert (second_row.presented, second_row.answered, second_row.flow_out, second_row.abandoned) == (1, 0, 0, 0)


async def test_yesterday_does_not_count_and_the_day_begins_at_local_midnight(
    floor: Floor, board: BoardService, clock: FixedClock
) -> None:
    """The tenant's day begins at 05:00 UTC in November (New York)."""
    queue, line = await floor.queue("Scheduling"), await floor.line()
    watcher = floor.actor(await floor.person("Vera", Role.SUPERVISOR), "Vera", Role.SUPERVISOR)
    midnight = NOON.replace(hour=5)
    for at in (midnight - timedelta(seconds=1), midnight + timedelta(seconds=1)):
        call = await floor.call(line)
        await floor.event(call, "queued", (NOON - at).total_seconds(), queue_id=queue)
        await floor.event(call, "connected", (NOON - at).total_seconds() - 0.5)
    assert (await board.read(watcher)).queues[0].figures.answered == 1
    clock.at += timedelta(hours=12)  # past the next midnight
    assert (await board.read(watcher)).queues[0].figures.answered == 0


async def test_the_live_part(floor: Floor, board: BoardService) -> None:
    queue, other = await floor.queue("Scheduling"), await floor.queue("Billing")
    line = await floor.line("Main line")
    watcher = floor.actor(await floor.person("Vera", Role.SUPERVISOR), "Vera", Role.SUPERVISOR)
    await floor.agent("Ana Ruiz", queue, other)
    await floor.agent("Ben Cho", queue, status="available", online=False)
    carl = await floor.agent("Carl Diaz", queue, status="talking")
    await floor.agent("Dana Elm", queue, status="away", reason="lunch")
    await floor.call(line, arrived=90, queue_id=queue, place_at=floor.ago(80), queued_at=floor.ago(80))
    await floor.call(
        line,
        arrived=50,
        queue_id=queue,
        place_at=floor.ago(40),
        queued_at=floor.ago(40),
        phase="talking",
        agent_id=carl,
        connected_at=floor.ago(30),
    )
    snapshot = await board.read(watcher)
    row = {r.name: r for r in snapshot.queues}
    assert (row["Scheduling"].waiting, row["Billing"].waiting) == (1, 0)
    assert row["Scheduling"].longest_since == floor.ago(80)
    # Available with a dead telephone is not ready.
    assert (row["Scheduling"].ready, row["Scheduling"].busy, row["Scheduling"].away) == (1, 1, 2)
    assert [(c.phase, c.agent) for c in snapshot.calls] == [("waiting", None), ("talking", "Carl Diaz")]
    assert snapshot.calls[1].since == floor.ago(30)
    assert {a.name: (a.status, a.reason) for a in snapshot.agents}["Dana Elm"] == ("away", "lunch")
    # The board hangs on a wall: no number and no name of a caller in it.
    assert "2019999" not in repr(snapshot)


async def test_health_says_what_is_silent_or_down(floor: Floor, board: BoardService) -> None:
    agent = floor.actor(await floor.person("Ana", Role.AGENT), "Ana", Role.AGENT)
    health = await board.health(agent)
    assert not health.ok
    assert {c.name: c.state for c in health.components} == {"callcontrol": "silent", "switch": "silent"}
    await floor.component("callcontrol")
    await floor.component("switch")
    assert (await board.health(agent)).ok
    await floor.component("switch", "down", "Asterisk does not answer.")
    await floor.component("callcontrol", seen=60)
    states = {c.name: c for c in (await board.health(agent)).components}
    assert (states["switch"].state, states["switch"].detail) == ("down", "Asterisk does not answer.")
    assert states["callcontrol"].state == "silent"


async def test_the_board_needs_its_permission(floor: Floor, board: BoardService) -> None:
    agent = floor.actor(await floor.person("Ana", Role.AGENT), "Ana", Role.AGENT)
    with pytest.raises(Forbidden):
        await board.read(agent)
