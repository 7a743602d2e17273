"""The wait that boards show of whoever joins now is the router's own: the one the caller is told after joining."""

from __future__ import annotations

import pytest

from careline.calls.expected import ExpectedWaits
from careline.queues.rules import Rules
from careline.testing.world import ANA, BEN, OTHER, QUEUE, World

pytestmark = pytest.mark.unit


class Written:
    """Takes the place of the database: what would be written, by queue."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, object]] = {}

    def tenant(self, tenant_id: int) -> Written:
        assert tenant_id == 1
        return self

    async def __aenter__(self) -> Written:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def run(self, _statement: object, values: dict[str, object]) -> None:
        for row in values["rows"].obj:  # type: ignore[attr-defined]
            self.rows[row["queue_id"]] = row


def newcomer(world: World) -> float | None:
    return world.floor.dispatch.newcomer(QUEUE, "en", world.now)


def test_a_newcomers_wait_is_what_the_caller_is_told_after_joining() -> None:
    world = World()
    assert newcomer(world) is None, "nobody is on the floor"
    world.sign_on(ANA)
    assert newcomer(world) == 0, "Ana is free"
    world.order(ANA, "agent.status", status="away")
    world.order(ANA, "agent.status", status="available")
    world.into_queue("c1")
    assert world.call("c1").offers
    for channel in ("c2", "c3", "c4"):
        before = newcomer(world)
        call = world.into_queue(channel)
        assert before is not None and before > 0
        assert world.floor.outlook(call, world.now)[1] == before
    # Asking has left nothing behind: as many wait as before, and the next place is the next.
    assert world.floor.dispatch.size(QUEUE) == 4
    assert world.floor.outlook(world.into_queue("c5"), world.now)[0] == 5


def test_asking_changes_no_decision() -> None:
    """Two floors with the same callers: the one that is asked all the time decides the same."""
    quiet, asked = World(), World()
    for world in (quiet, asked):
        world.reconfigure(QUEUE, rules=Rules(strategy="round-robin"))
        world.sign_on(ANA, BEN)
        for n in range(6):
            if world is asked:
                newcomer(world)
            world.into_queue(f"c{n}")
            if world is asked:
                newcomer(world)
            world.later(25)
    assert [(e.kind, e.at, e.body) for e in quiet.events] == [(e.kind, e.at, e.body) for e in asked.events]


async def test_what_has_not_changed_is_not_written_again() -> None:
    world, db = World(), Written()
    waits = ExpectedWaits(db, world.floor)  # type: ignore[arg-type]
    assert await waits.publish(world.now) == 2
    assert db.rows[str(QUEUE)] == {"queue_id": str(QUEUE), "seconds": None, "calls": {}}
    assert await waits.publish(world.now) == 0
    world.sign_on(ANA)
    assert await waits.publish(world.now) == 2 and db.rows[str(OTHER)]["seconds"] == 0
    world.into_queue("c1")
    call = world.into_queue("c2")
    assert await waits.publish(world.now) > 0
    calls = db.rows[str(QUEUE)]["calls"]
    assert isinstance(calls, dict)
    assert calls[str(call.id)] == world.floor.outlook(call, world.now)[1] and len(calls) == 2
    assert await waits.publish(world.now) == 0
