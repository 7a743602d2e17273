"""Everything is reloaded and reconfigured while calls come: none is dropped, nothing stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from careline.bench.loaded import LoadedSystem, under_load
from careline.organization.model import LineConfig
from careline.queues.views import QueueRules
from careline.security.actor import system_actor

pytestmark = pytest.mark.faults

RELOADS = (
    "pjsip reload",
    "dialplan reload",
    "moh reload",
    "rtp reload",
    "http reload",
    "manager reload",
    "core reload",
)


async def _again_and_again(work: Callable[[int], Awaitable[object]], calling: asyncio.Task[object]) -> int:
    """Do it until the calls are over; how many times it was done."""
    times = 0
    while not calling.done():
        await work(times)
        times += 1
        await asyncio.wait({calling}, timeout=0.3)
    return times


async def _reload(system: LoadedSystem, n: int) -> None:
    assert system.ours.asterisk is not None
    await system.ours.asterisk.command(f"{RELOADS[n % len(RELOADS)]} reload", seconds=20)


async def _reconfigure(system: LoadedSystem, n: int) -> None:
    """What a supervisor may do at any time: other times and priorities, a new telephone, a line set up anew."""
    actor = system_actor(system.tenant_id)
    queues = system.services.queues
    (queue,) = [q for q in await queues.list(actor) if q.rules.name == "Bench"]
    rules = QueueRules(name="Bench", wrap_up_seconds=0, match_language=False, ring_seconds=15 + n % 5)
    await queues.update(actor, queue.id, rules)
    person = system.ours.agents[n % len(system.ours.agents)][0].person_id
    assert person is not None
    await queues.add_phone(actor, person, f"Spare {n}")
    lines = await system.services.organization.lines(actor)
    line = next(line for line in lines if line.number.endswith("100"))
    config = LineConfig(queue_id=queue.id, direct=True, record=False, announce_recording=False)
    await system.services.organization.configure_line(
        actor, line.line_id, replace(config, announce_recording=bool(n % 2))
    )


async def test_w5_reload_and_configuration_changes_under_load_drop_no_call():
    async with under_load(agents=30, talk_ms=1500) as system:
        asterisk = system.ours.pids
        calling = asyncio.create_task(system.call(count=200, rate=10, seconds=90))
        reloads, changes = await asyncio.gather(
            _again_and_again(lambda n: _reload(system, n), calling),
            _again_and_again(lambda n: _reconfigure(system, n), calling),
        )
        calls = await calling
        assert reloads > 10
        assert changes > 10
        assert calls.completed == calls.placed == 200
        assert system.ours.pids == asterisk, "the same process all the time"
        assert await system.outcomes() == {"handled"}
        decided = await system.decisions()
        assert decided[5.0] == decided[float("inf")], "nothing stood still"


async def test_complaint_19_a_reload_by_the_manager_at_a_bad_moment_stops_nobody():
    """Many reloads at once, from several sides, while calls come and go: where others have deadlocked."""
    async with under_load(agents=20, talk_ms=1500) as system:
        calling = asyncio.create_task(system.call(count=100, rate=10, seconds=90))
        await asyncio.wait({calling}, timeout=1)
        for _ in range(3):
            await asyncio.gather(*(_reload(system, n) for n in range(len(RELOADS))))
        calls = await calling
        assert calls.completed == calls.placed == 100
        again = await system.call(count=20, rate=10, seconds=30)
        assert again.completed == 20, "calls go on as before"
