"""The surge switch: one audited click, for one queue or all, and it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from careline.calls.store import floor_plan
from careline.kernel.errors import Forbidden, InvalidInput, NotFound
from careline.platform.db import Database
from careline.queues.service import QueueService
from careline.queues.surge import AlreadySurging
from careline.queues.views import QueueRules
from careline.security.actor import Actor
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.testing.builders import make_person
from careline.testing.clock import ManualClock

pytestmark = pytest.mark.integration

MONDAY = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def service(db: Database, clock: ManualClock) -> QueueService:
    return QueueService(db, clock, Keyring.ephemeral())


@pytest.fixture
async def supervisor(db: Database, tenant: int) -> Actor:
    return await make_person(db, tenant, Role.SUPERVISOR)


async def queue(db: Database, tenant: int, service: QueueService, name: str) -> UUID:
    return (await service.create(await make_person(db, tenant, Role.ADMINISTRATOR), QueueRules(name=name))).id


async def surging(db: Database, tenant: int, at: datetime) -> set[str]:
    async with db.tenant(tenant) as tx:
        plan = await floor_plan(tx, tenant, at - timedelta(hours=12), at)
    return {q.name for q in plan.queues if q.surge}


async def test_m9_one_audited_click_and_the_floor_works_by_it(
    db: Database, tenant: int, service: QueueService, supervisor: Actor, clock: ManualClock
) -> None:
    await queue(db, tenant, service, "Appointments")
    billing = await queue(db, tenant, service, "Billing")

    everywhere = await service.begin_surge(supervisor)
    assert await surging(db, tenant, clock.now()) == {"Appointments", "Billing"}
    (seen,) = await service.surges(supervisor)
    assert (seen.id, seen.queue, seen.began_by) == (everywhere, None, supervisor.name)
    await service.end_surge(supervisor, everywhere)
    await service.end_surge(supervisor, everywhere)
    assert await surging(db, tenant, clock.now()) == set()

    await service.begin_surge(supervisor, queue_id=billing)
    assert await surging(db, tenant, clock.now()) == {"Billing"}
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT detail FROM audit_log WHERE object_type = 'surge' ORDER BY seq")
    assert [row["detail"]["on"] for row in rows] == [True, False, True]


async def test_a_surge_with_an_end_ends_by_itself(
    db: Database, tenant: int, service: QueueService, supervisor: Actor, clock: ManualClock
) -> None:
    await queue(db, tenant, service, "Appointments")
    await service.begin_surge(supervisor, hours=2)
    assert await surging(db, tenant, MONDAY + timedelta(hours=1, minutes=59)) == {"Appointments"}
    assert await surging(db, tenant, MONDAY + timedelta(hours=2)) == set()
    clock.advance(hours=2)
    assert await service.surges(supervisor) == []
    await service.begin_surge(supervisor)


async def test_it_is_thrown_once(service: QueueService, supervisor: Actor) -> None:
    await service.begin_surge(supervisor)
    with pytest.raises(AlreadySurging):
        await service.begin_surge(supervisor)
    assert len(await service.surges(supervisor)) == 1


async def test_what_is_wrong_changes_nothing(
    db: Database, tenant: int, service: QueueService, supervisor: Actor
) -> None:
    with pytest.raises(InvalidInput):
        await service.begin_surge(supervisor, hours=0)
    with pytest.raises(NotFound):
        await service.begin_surge(supervisor, queue_id=uuid4())
    with pytest.raises(Forbidden):
        await service.begin_surge(await make_person(db, tenant, Role.AGENT))
    assert await service.surges(replace(supervisor)) == []
