"""Taking messages, working an inbox, and the invariant: nothing asked for is without an owner or inbox, and a timer."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from careline.kernel.errors import Forbidden, NotFound
from careline.messages.model import (
    Draft,
    InvalidMessage,
    MessageChanged,
    Move,
    RecipientUnknown,
    State,
    Urgency,
    WrongState,
)
from careline.messages.service import MessageService
from careline.messages.store import unowned
from careline.organization.service import OrganizationService
from careline.patients.model import Stated
from careline.patients.service import PatientService
from careline.platform.db import Database
from careline.platform.timers import TimerWorker
from careline.security.actor import Actor, system_actor
from careline.security.permissions import Role
from careline.testing.builders import (
    Practice,
    make_call,
    make_patient,
    make_person,
    make_practice,
    make_tenant,
)
from careline.testing.clock import ManualClock

pytestmark = pytest.mark.integration


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, 16, 0, tzinfo=UTC))


@pytest.fixture
def service(db: Database, clock: ManualClock) -> MessageService:
    return MessageService(db, clock)


@pytest.fixture
def worker(db: Database, clock: ManualClock, service: MessageService) -> TimerWorker:
    return TimerWorker(db, clock, service.timer_handlers())


@pytest.fixture
async def practice(db: Database, tenant: int, clock: ManualClock) -> Practice:
    return await make_practice(db, tenant, clock)


@pytest.fixture
async def agent(db: Database, tenant: int) -> Actor:
    return await make_person(db, tenant, Role.AGENT)


@pytest.fixture
async def nurse(db: Database, tenant: int, clock: ManualClock, practice: Practice) -> Actor:
    """Somebody who works the department's inbox."""
    actor = await make_person(db, tenant, Role.PROVIDER, name="Nora Lind")
    assert actor.person_id is not None
    await OrganizationService(db, clock).set_member(
        system_actor(tenant), practice.department_id, actor.person_id, member=True
    )
    return actor


@pytest.fixture
async def call(db: Database, tenant: int, practice: Practice, agent: Actor) -> UUID:
    return await make_call(db, tenant, practice, caller="+13125550142", agent_id=agent.person_id)


def draft(practice: Practice, **fields: Any) -> Draft:
    values: dict[str, Any] = {
        "department_id": practice.department_id,
        "caller_name": "Elena Garcia",
        "callback": "312/555-0142",
        "callback_confirmed": True,
        "reason": "appointment",
        "body": "Would like to move Thursday's visit.",
        **fields,
    }
    return Draft(**values)


async def hold_invariant(db: Database, tenant: int) -> None:
    async with db.tenant(tenant) as tx:
        assert await unowned(tx) == []


async def test_a_message_appears_in_its_inbox_and_becomes_read_when_opened(
    db: Database, tenant: int, practice: Practice, agent: Actor, nurse: Actor, call: UUID, service: MessageService
) -> None:
    message_id = await service.take(agent, draft(practice, call_id=call))

    inbox = (await service.inboxes(nurse))[0]
    assert (inbox.name, inbox.open, inbox.overdue) == ("Lakeside Clinic Family Medicine", 1, 0)
    item = (await service.items(nurse))[0]
    assert (item.id, item.state, item.taken_by) == (message_id, State.NEW, agent.name)
    opened = await service.open(nurse, message_id)
    assert (opened.state, opened.callback, opened.callback_confirmed) == (State.READ, "+13125550142", True)
    assert opened.body == "Would like to move Thursday's visit."
    assert [(s.kind, s.by) for s in opened.steps] == [("taken", agent.name), ("read", nurse.name)]
    assert Move.ACKNOWLEDGE in opened.moves


async def test_the_sender_may_look_but_looking_is_not_reading(
    practice: Practice, agent: Actor, nurse: Actor, call: UUID, service: MessageService
) -> None:
    message_id = await service.take(agent, draft(practice, call_id=call))
    seen = await service.open(agent, message_id)
    assert (seen.state, seen.moves) == (State.NEW, ())
    with pytest.raises(Forbidden):
        await service.finish(agent, message_id, "resolved")


async def test_people_outside_the_inbox_find_nothing(
    db: Database, tenant: int, practice: Practice, agent: Actor, service: MessageService
) -> None:
    message_id = await service.take(agent, draft(practice))
    stranger = await make_person(db, tenant, Role.PROVIDER, name="Uma Tell")
    colleague = await make_person(db, tenant, Role.AGENT, name="Sam Lee")
    supervisor = await make_person(db, tenant, Role.SUPERVISOR, name="Gil Ray")
    elsewhere = await make_person(db, await make_tenant(db, "elsewhere"), Role.SUPERVISOR)
    for outsider in (stranger, colleague, elsewhere):
        assert await service.items(outsider) == []
        with pytest.raises(NotFound):
            await service.open(outsider, message_id)
        with pytest.raises(NotFound):
            await service.acknowledge(outsider, message_id)
    assert (await service.open(supervisor, message_id)).state is State.NEW
    quality = await make_person(db, tenant, Role.QUALITY)
    with pytest.raises(Forbidden):
        await service.items(quality)


async def test_a_provider_has_an_inbox_of_their_own(
    db: Database, tenant: int, clock: ManualClock, practice: Practice, agent: Actor, service: MessageService
) -> None:
    doctor = await make_person(db, tenant, Role.PROVIDER, name="Ana Osei")
    provider_id = await OrganizationService(db, clock).add_provider(
        system_actor(tenant), practice.department_id, "Dr. Osei", person_id=doctor.person_id
    )
    message_id = await service.take(agent, draft(practice, department_id=None, provider_id=provider_id))
    assert [(i.kind, i.name, i.open) for i in await service.inboxes(doctor)] == [("provider", "Dr. Osei", 1)]
    assert (await service.open(doctor, message_id)).to == "Dr. Osei"


async def test_a3_one_contact_carries_several_requests_each_with_its_own_state_owner_and_clock(
    db: Database, tenant: int, clock: ManualClock, practice: Practice, agent: Actor, nurse: Actor, call: UUID,
    service: MessageService,
) -> None:  # fmt: skip
    mother = await make_patient(db, tenant, "Elena Garcia")
    child = await make_patient(db, tenant, "Leo Garcia", birth_date=date(2018, 5, 1))
    refill = await service.take(
        agent, draft(practice, call_id=call, patient_id=mother, reason="refill", body="Asks for a refill.")
    )
    visit = await service.take(agent, draft(practice, call_id=call, patient_id=child, urgency=Urgency.URGENT))
    form = await service.take(
        agent, draft(practice, department_id=None, provider_id=practice.provider_id, call_id=call, reason="records")
    )
    await service.acknowledge(nurse, visit)
    await service.finish(nurse, refill, "resolved", note="Sent to the pharmacy.")

    items = {item.id: item for item in await service.on_call(agent, call)}

    assert set(items) == {refill, visit, form}
    assert {i: items[i].state for i in items} == {
        refill: State.DONE, visit: State.ACKNOWLEDGED, form: State.NEW,
    }  # fmt: skip
    assert (items[visit].owner, items[form].owner) == (nurse.name, None)
    now = clock.now()
    assert items[refill].due_at is None
    assert items[visit].due_at == now + timedelta(minutes=120)
    assert items[form].due_at == now + timedelta(minutes=240)
    patients = {(await service.open(agent, i)).patient_id for i in (refill, visit, form)}
    assert patients == {mother, child, None}


async def test_a4_no_open_message_is_ever_without_inbox_or_owner_and_timer(
    db: Database, tenant: int, clock: ManualClock, practice: Practice, agent: Actor, nurse: Actor,
    service: MessageService, worker: TimerWorker,
) -> None:  # fmt: skip
    supervisor = await make_person(db, tenant, Role.SUPERVISOR)
    one = await service.take(agent, draft(practice, urgency=Urgency.CRITICAL))
    await hold_invariant(db, tenant)
    for act in (
        lambda: service.open(nurse, one),
        lambda: service.acknowledge(nurse, one),
        lambda: service.reply(nurse, one, "Left a voicemail."),
        lambda: service.forward(nurse, one, provider_id=practice.provider_id, note="Yours."),
        lambda: service.finish(supervisor, one, "called-back"),
        lambda: service.reopen(supervisor, one, "Rang again."),
    ):
        await act()
        await hold_invariant(db, tenant)
    for _ in range(3):
        clock.advance(hours=1)
        assert await worker.fire_due() == 1
        await hold_invariant(db, tenant)
    await service.finish(supervisor, one, "resolved")
    await hold_invariant(db, tenant)
    clock.advance(days=2)
    assert await worker.fire_due() == 0


async def test_a4_the_check_itself_finds_what_it_is_for(
    db: Database, tenant: int, practice: Practice, agent: Actor, service: MessageService
) -> None:
    message_id = await service.take(agent, draft(practice))
    async with db.tenant(tenant) as tx:
        await tx.run("DELETE FROM timer WHERE ref = %(id)s", {"id": message_id})
    async with db.tenant(tenant) as tx:
        found = await unowned(tx)
    assert [(u.id, u.nobody, u.no_timer) for u in found] == [(message_id, False, True)]


async def test_a4_an_overdue_message_reminds_again_and_again_until_somebody_acts(
    db: Database, tenant: int, clock: ManualClock, practice: Practice, agent: Actor, nurse: Actor,
    service: MessageService, worker: TimerWorker,
) -> None:  # fmt: skip
    message_id = await service.take(agent, draft(practice, urgency=Urgency.CRITICAL))
    clock.advance(minutes=4)
    assert await worker.fire_due() == 0
    clock.advance(minutes=2)
    assert await worker.fire_due() == 1
    clock.advance(minutes=5)
    assert await worker.fire_due() == 1
    item = (await service.items(nurse))[0]
    assert (item.overdue, item.state) == (2, State.NEW)
    await service.acknowledge(nurse, message_id)
    clock.advance(minutes=29)
    assert await worker.fire_due() == 0
    kinds = [s.kind for s in (await service.open(nurse, message_id)).steps]
    assert kinds == ["taken", "overdue", "overdue", "acknowledged"]


async def test_a4_the_timer_and_the_person_may_act_in_the_same_moment(
    db: Database, tenant: int, clock: ManualClock, practice: Practice, agent: Actor, nurse: Actor,
    service: MessageService, worker: TimerWorker,
) -> None:  # fmt: skip
    messages = [await service.take(agent, draft(practice, urgency=Urgency.CRITICAL)) for _ in range(12)]
    clock.advance(minutes=5)
    await asyncio.gather(worker.fire_due(), worker.fire_due(), *(service.acknowledge(nurse, m) for m in messages))
    await hold_invariant(db, tenant)
    assert {i.state for i in await service.items(nurse)} == {State.ACKNOWLEDGED}
    async with db.tenant(tenant) as tx:
        row = await tx.one("SELECT count(*) AS n, count(DISTINCT ref) AS refs FROM timer WHERE kind = 'message-due'")
    assert row == {"n": 12, "refs": 12}


async def test_taking_the_same_message_twice_makes_one(
    db: Database, tenant: int, practice: Practice, agent: Actor, nurse: Actor, service: MessageService
) -> None:
    wanted = draft(practice, key="desk-7f3a")
    ids = await asyncio.gather(*(service.take(agent, wanted) for _ in range(6)))
    assert len(set(ids)) == 1
    assert len(await service.items(nurse)) == 1
    await hold_invariant(db, tenant)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"callback": "12"}, "callback"),
        ({"caller_name": "  "}, "caller_name"),
        ({"caller_role": "wizard"}, "caller_role"),
        ({"reason": "gossip"}, "reason"),
        ({"body": " \n"}, "body"),
        ({"body": "x" * 4001}, "body"),
        ({"patient_id": uuid4()}, "patient_id"),
        ({"provider_id": uuid4()}, "to"),
        ({"department_id": None}, "to"),
    ],
)
async def test_a_bad_message_is_refused_and_changes_nothing(
    db: Database, tenant: int, practice: Practice, agent: Actor, service: MessageService,
    fields: dict[str, Any], field: str,
) -> None:  # fmt: skip
    with pytest.raises(InvalidMessage) as refused:
        await service.take(agent, draft(practice, **fields))
    assert refused.value.facts["field"] == field
    async with db.tenant(tenant) as tx:
        assert await tx.one("SELECT FROM message") is None
        assert await tx.one("SELECT FROM timer") is None


async def test_another_tenants_department_patient_or_call_cannot_be_used(
    db: Database, tenant: int, clock: ManualClock, practice: Practice, agent: Actor, call: UUID,
    service: MessageService,
) -> None:  # fmt: skip
    other = await make_tenant(db, "elsewhere")
    there = await make_practice(db, other, clock, number="+14145550100", name="Elsewhere")
    spy = await make_person(db, other, Role.AGENT)
    patient = await make_patient(db, tenant)
    with pytest.raises(RecipientUnknown):
        await service.take(spy, draft(practice))
    with pytest.raises(InvalidMessage):
        await service.take(spy, draft(there, patient_id=patient))
    with pytest.raises(NotFound):
        await service.take(spy, draft(there, call_id=call))


async def test_a_message_is_only_taken_on_ones_own_call(
    db: Database, tenant: int, practice: Practice, call: UUID, service: MessageService
) -> None:
    colleague = await make_person(db, tenant, Role.AGENT, name="Sam Lee")
    with pytest.raises(NotFound):
        await service.take(colleague, draft(practice, call_id=call))


async def test_the_level_of_verification_is_kept_with_the_message(
    db: Database, tenant: int, clock: ManualClock, practice: Practice, agent: Actor, nurse: Actor, call: UUID,
    service: MessageService,
) -> None:  # fmt: skip
    patient = await make_patient(db, tenant)
    before = await service.take(agent, draft(practice, call_id=call, patient_id=patient))
    stated = Stated(name="Maria Garcia", birth_date=date(1984, 3, 12), postal_code="60614")
    await PatientService(db, clock).verify(agent, call, patient, stated)
    afterwards = await service.take(agent, draft(practice, call_id=call, patient_id=patient))
    levels = [(await service.open(nurse, m)).verified_level for m in (before, afterwards)]
    assert levels == [0, 1]


async def test_forwarding_moves_the_inbox_and_not_the_clock(
    practice: Practice, agent: Actor, nurse: Actor, clock: ManualClock, service: MessageService
) -> None:
    message_id = await service.take(agent, draft(practice))
    due = (await service.items(nurse))[0].due_at
    clock.advance(hours=1)
    await service.acknowledge(nurse, message_id)
    due = (await service.items(nurse))[0].due_at
    await service.forward(nurse, message_id, provider_id=practice.provider_id, note="Please call her.")
    assert await service.items(nurse) == []
    supervisor = system_actor(nurse.tenant_id)
    moved = await service.open(supervisor, message_id)
    assert (moved.to, moved.owner_id, moved.state, moved.due_at) == ("Dr. Ana Osei", None, State.NEW, due)
    assert moved.steps[-1].note == "Please call her."
    with pytest.raises(RecipientUnknown):
        await service.forward(supervisor, message_id, department_id=uuid4())


async def test_double_clicks_are_harmless_and_stale_pages_are_told(
    practice: Practice, agent: Actor, nurse: Actor, service: MessageService
) -> None:
    message_id = await service.take(agent, draft(practice))
    version = (await service.open(nurse, message_id)).version
    await service.acknowledge(nurse, message_id, version=version)
    await service.acknowledge(nurse, message_id, version=version)
    with pytest.raises(MessageChanged):
        await service.finish(nurse, message_id, "resolved", version=version)
    await service.finish(nurse, message_id, "resolved")
    await service.finish(nurse, message_id, "resolved")
    with pytest.raises(WrongState):
        await service.finish(nurse, message_id, "duplicate")
    with pytest.raises(WrongState):
        await service.acknowledge(nurse, message_id)
    assert [s.kind for s in (await service.open(nurse, message_id)).steps].count("done") == 1


async def test_lists_and_live_views_hold_no_patient_data_and_opening_is_audited(
    db: Database, tenant: int, practice: Practice, agent: Actor, nurse: Actor, call: UUID, service: MessageService
) -> None:
    patient = await make_patient(db, tenant, "Tamsin Overbrook", mrn="LH-778899")
    message_id = await service.take(
        agent,
        draft(practice, call_id=call, patient_id=patient, caller_name="Wilf Overbrook", body="Zephyrine dose"),
    )
    lists = [await service.snapshot(nurse), await service.on_call(agent, call)]
    text = msgspec.json.encode(lists).decode()
    assert str(message_id) in text
    for secret in ("Tamsin", "Overbrook", "778899", "Zephyrine", "5550142"):
        assert secret not in text
    opened = await service.open(nurse, message_id)
    assert (opened.patient_name, opened.patient_mrn) == ("Tamsin Overbrook", "LH-778899")
    async with db.tenant(tenant) as tx:
        rows = await tx.all(
            "SELECT action, object_type, person_id, contact_id FROM audit_log WHERE patient_id = %(id)s ORDER BY seq",
            {"id": patient},
        )
        events = await tx.all("SELECT body::text AS body FROM event WHERE stream = 'message'")
    assert [(r["action"], r["person_id"]) for r in rows] == [("create", agent.person_id), ("read", nurse.person_id)]
    assert all(r["contact_id"] == call for r in rows)
    for secret in ("Tamsin", "Overbrook", "Zephyrine", "5550142"):
        assert all(secret not in e["body"] for e in events)


async def test_a_voicemail_becomes_a_message_that_somebody_must_deal_with(
    db: Database, tenant: int, practice: Practice, agent: Actor, nurse: Actor, call: UUID, service: MessageService
) -> None:
    async def arrive(department_id: UUID | None) -> UUID | None:
        async with db.tenant(tenant) as tx:
            return await service.take_voicemail(
                tx, call_id=call, department_id=department_id, caller="+13125550142", language="es", seconds=31.4
            )

    first = await arrive(practice.department_id)
    assert first is not None
    assert await arrive(None) == first
    opened = await service.open(nurse, first)
    assert (opened.reason, opened.callback, opened.language) == ("voicemail", "+13125550142", "es")
    assert opened.body == "Voicemail, 31 seconds."
    await hold_invariant(db, tenant)
