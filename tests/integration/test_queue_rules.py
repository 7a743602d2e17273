"""Routing rules in the database: kept, refused, and read by call control as they were written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from careline.calls import store
from careline.kernel.errors import Forbidden, InvalidInput, NotFound
from careline.platform.db import Database
from careline.queues.agents import ChangedSince
from careline.queues.model import Member
from careline.queues.rules import InvalidRules, from_body
from careline.queues.service import QueueService
from careline.queues.views import AgentProfile, MemberPlace, QueueRules, QueueView, WorkRules
from careline.security.actor import Actor, system_actor
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.testing.builders import make_person, make_tenant
from careline.testing.clock import ManualClock
from careline.testing.floor import Floor

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
ROUTING = {
    "strategy": "round-robin-ordered",
    "requirement": "spanish >= 50 or billing",
    "rings": [{"after_seconds": 30.0, "drop": ["spanish"]}],
    "max_wait": {"routine": 600.0},
}


@pytest.fixture
def service(db: Database) -> QueueService:
    return QueueService(db, ManualClock(NOON), Keyring.ephemeral())


async def made(service: QueueService, actor: Actor, **more: object) -> QueueView:
    return await service.create(actor, QueueRules(name="Front desk", routing=dict(ROUTING), **more))


async def people(db: Database, tenant: int, count: int) -> list[UUID]:
    found = []
    for number in range(count):
        person = await make_person(db, tenant, Role.AGENT, name=f"Agent {number}")
        assert person.person_id is not None
        found.append(person.person_id)
    return found


async def test_rules_and_places_are_what_call_control_reads(db: Database, tenant: int, service: QueueService) -> None:
    actor = system_actor(tenant)
    ana, ben = await people(db, tenant, 2)
    queue = await made(service, actor)
    assert queue.rules.routing == ROUTING
    await service.set_members(actor, queue.id, [ana, ben])
    place = MemberPlace(position=3, rank=1, weight=2.5, reserve=1)
    assert (await service.set_places(actor, queue.id, {ana: place})).places == {ana: place}
    work = WorkRules(level=4, wrap_up_seconds=30, capacity={"message": 2}, interrupts={"message": ["voice"]})
    await service.set_profile(actor, ben, skills={}, languages=["en"], queues=[queue.id], work=work)

    async with db.tenant(tenant) as tx:
        plan = await store.floor_plan(tx, tenant, NOON, NOON)

    (read,) = plan.queues
    assert read.rules == from_body(ROUTING)
    assert read.place(ana) == Member(position=3, rank=1, weight=2.5, reserve=1)
    assert read.place(ben) == Member()
    agent = next(a for a in plan.people if a.id == ben)
    assert (agent.level, agent.wrap_up_seconds, agent.capacity) == (4, 30, {"message": 2})
    assert agent.interrupts == {"message": frozenset({"voice"})}
    assert next(a for a in await service.agents(actor) if a.id == ben).work == work


async def test_complaint_25_renaming_and_changing_members_keeps_rules_and_places(
    db: Database, tenant: int, service: QueueService
) -> None:
    actor = system_actor(tenant)
    ana, ben = await people(db, tenant, 2)
    queue = await made(service, actor)
    await service.set_members(actor, queue.id, [ana, ben])
    await service.set_places(actor, queue.id, {ana: MemberPlace(rank=2)})

    renamed = await service.update(actor, queue.id, QueueRules(name="Reception"))
    assert renamed.rules.routing == ROUTING
    assert (await service.set_members(actor, queue.id, [ana])).places == {ana: MemberPlace(rank=2)}
    await service.set_profile(actor, ana, skills={"billing": 9.0}, languages=["en"], queues=[queue.id])
    assert (await service.get(actor, queue.id)).places == {ana: MemberPlace(rank=2)}
    emptied = await service.update(actor, queue.id, QueueRules(name="Reception", routing={}))
    assert emptied.rules.routing == {}


async def test_what_is_not_valid_is_refused_and_changes_nothing(
    db: Database, tenant: int, service: QueueService
) -> None:
    actor = system_actor(tenant)
    (ana,) = await people(db, tenant, 1)
    queue = await made(service, actor)
    other = system_actor(await make_tenant(db, "elsewhere"))
    theirs = await service.create(other, QueueRules(name="Theirs"))

    def to(queue_id: UUID) -> dict[str, object]:
        return {"overflow": [{"measure": "waiting", "above": 9, "target": {"kind": "queue", "to": str(queue_id)}}]}

    for routing in ({"strategy": "magic"}, to(theirs.id), to(uuid4())):
        with pytest.raises((InvalidRules, InvalidInput)):
            await service.update(actor, queue.id, QueueRules(name="Front desk", routing=routing))
    with pytest.raises(InvalidInput, match="Only somebody who serves"):
        await service.set_places(actor, queue.id, {ana: MemberPlace()})
    with pytest.raises(InvalidInput, match="rank goes from"):
        await service.set_places(actor, queue.id, {ana: MemberPlace(rank=-1)})
    work = WorkRules(capacity={"voice": 2})
    with pytest.raises(InvalidInput, match="one telephone call"):
        await service.set_profile(actor, ana, skills={}, languages=["en"], queues=[], work=work)
    assert (await service.get(actor, queue.id)).rules.routing == ROUTING


async def test_o7_ring_effectiveness_is_read_from_the_events(db: Database, tenant: int) -> None:
    floor = Floor(db, tenant, NOON)
    service = QueueService(db, ManualClock(NOON), Keyring.ephemeral())
    actor = system_actor(tenant)
    rings = [{"after_seconds": 20.0, "drop": ["spanish"]}, {"after_seconds": 60.0, "language": False}]
    queue = await service.create(actor, QueueRules(name="Front desk", routing={"rings": rings}))
    line = await floor.line()

    async def call(*events: tuple[str, float, dict[str, object]]) -> None:
        one = await floor.call(line, arrived=1000, phase="ended", ended_at=NOON)
        for kind, after, body in events:
            await floor.event(one, kind, 900 - after, **body)

    joins = ("queued", 0.0, {"queue_id": queue.id})
    await call(joins, ("offered", 1, {"ring": 0}), ("connected", 4, {}), ("ended", 90, {}))
    await call(joins, ("offered", 21, {"ring": 1}), ("offered", 45, {"ring": 1}), ("connected", 50, {}))
    await call(joins, ("offered", 2, {"ring": 2}), ("ended", 8, {}))  # nobody signed on for the first two
    await call(joins, ("ended", 30, {}))
    await call(joins, ("queued", 70, {"queue_id": uuid4()}), ("ended", 80, {}))

    results = await service.ring_effect(actor, queue.id)
    assert [(r.step, r.after_seconds, r.queued, r.expired, r.joined, r.left) for r in results] == [
        (0, 0.0, 5, 4, 1, 0),
        (1, 20.0, 4, 2, 1, 1),
        (2, 60.0, 2, 0, 0, 2),
    ]
    with pytest.raises(InvalidInput):
        await service.ring_effect(actor, queue.id, days=0)


async def test_w3_many_profiles_are_changed_at_once_and_taken_back(
    db: Database, tenant: int, service: QueueService
) -> None:
    actor = system_actor(tenant)
    ana, ben = await people(db, tenant, 2)
    queue = await made(service, actor)
    await service.set_profile(actor, ana, skills={"billing": 9.0}, languages=["en"], queues=[queue.id])
    await service.set_profile(actor, ben, skills={}, languages=["en", "es"], queues=[])
    before = await service.agents(actor)

    def serve(profile: AgentProfile) -> AgentProfile:
        places = {**profile.places, queue.id: MemberPlace(reserve=2)}
        return replace(profile, skills={**profile.skills, "scheduling": 50.0}, places=places)

    batch = await service.change_agents(actor, [ana, ben], serve)
    assert batch.people == 2
    assert [(a.skills, a.places) for a in await service.agents(actor)] == [
        ({"billing": 9.0, "scheduling": 50.0}, {queue.id: MemberPlace(reserve=2)}),
        ({"scheduling": 50.0}, {queue.id: MemberPlace(reserve=2)}),
    ]
    assert (await service.change_agents(actor, [ana, ben], serve)).people == 0, "what is so already is no change"
    newest = (await service.agent_history(actor, ana))[0]
    assert newest.latest
    assert newest.settings == (("queues.Front desk", "✓", "reserve 2"), ("skills.scheduling", "–", "50.0"))
    back = await service.undo_agents(actor, batch.id)
    assert back.people == 2
    assert await service.agents(actor) == before
    with pytest.raises(ChangedSince):
        await service.undo_agents(actor, batch.id)
    assert (await service.undo_agents(actor, back.id)).people == 2, "taking back is itself taken back"
    with pytest.raises(NotFound):
        await service.undo_agents(actor, uuid4())
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT count(*) AS n FROM audit_log WHERE object_type = 'agent-profile'")
    assert rows[0]["n"] == 8, "one entry for each person and change"


async def test_w3_one_wrong_entry_changes_nobody(db: Database, tenant: int, service: QueueService) -> None:
    actor = system_actor(tenant)
    ana, ben = await people(db, tenant, 2)
    await service.set_profile(actor, ana, skills={}, languages=["en"], queues=[])
    await service.set_profile(actor, ben, skills={}, languages=["en", "es"], queues=[])
    before = await service.agents(actor)
    with pytest.raises(InvalidInput):
        await service.change_agents(
            actor, [ben, ana], lambda p: replace(p, languages=[one for one in p.languages if one != "en"])
        )
    assert await service.agents(actor) == before
    with pytest.raises(Forbidden):
        await service.change_agents(Actor(tenant_id=tenant, kind="person", person_id=ana,
                                          roles=frozenset({Role.AGENT})), [ana], lambda p: p)  # fmt: skip
    with pytest.raises(InvalidInput):
        await service.change_agents(actor, [], lambda p: p)
