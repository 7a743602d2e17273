"""Callbacks on a real database: the list by role, orders with their audit, the task after the last try, and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from careline.calls.callback_model import Callback, Stage
from careline.calls.callback_service import CallbackService, masked
from careline.calls.callback_tasks import chasing
from careline.calls.model import Call, Event, Kind, Phase
from careline.calls.outlook import Outlook
from careline.calls.service import CallService
from careline.calls.store import Batch, floor_plan, write
from careline.kernel.errors import Forbidden, NotFound
from careline.kernel.ids import new_id
from careline.messages.service import MessageService
from careline.platform.db import Database
from careline.queues.service import QueueInUse, QueueService
from careline.reporting.announcements import Told, accuracy
from careline.reporting.service import BoardService
from careline.security.actor import Actor
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.testing.builders import make_practice
from careline.testing.clock import ManualClock
from careline.testing.floor import Floor

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


class Noted:
    """Takes orders and keeps them."""

    def __init__(self) -> None:
        self.given: list[tuple[str, dict[str, Any], str | None]] = []

    async def give(self, actor: Actor, kind: str, body: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        del actor
        self.given.append((kind, dict(body), key))
        return {}


@pytest.fixture
def floor(db: Database, tenant: int) -> Floor:
    return Floor(db, tenant, NOW)


@pytest.fixture
def service(db: Database) -> CallbackService:
    return CallbackService(db, ManualClock(NOW), Noted())


async def callback(floor: Floor, line: UUID, queue: UUID, waited: float, **more: Any) -> UUID:
    """A caller who asked to be called back."""
    row = Callback(
        number="+13125550123",
        verified="calling-number",
        mode="agent-first",
        stage=Stage.WAITING,
        since=floor.ago(waited - 10),
        expires_at=floor.now + timedelta(hours=20),
        **more,
    ).to_row()
    return await floor.call(
        line, arrived=waited, phase="callback", queue_id=queue, place_at=floor.ago(waited), callback=Jsonb(row)
    )


@dataclass
class Estimates:
    """A floor as far as `Outlook` looks at it."""

    calls: dict[UUID, Call]
    queues: set[UUID]
    known: dict[UUID, tuple[int, float | None]]

    def outlook(self, call: Call, now: datetime) -> tuple[int, float | None]:
        del now
        return self.known[call.id]


def estimating(floor: Floor, known: dict[UUID, tuple[int, float | None]], *queues: UUID) -> Estimates:
    calls = {}
    for call_id in known:
        made = Callback(number="+13125550123", verified="keys", mode="agent-first", stage=Stage.WAITING, since=NOW,
                        expires_at=NOW)  # fmt: skip
        calls[call_id] = Call(
            id=call_id, tenant_id=floor.tenant_id, line_id=call_id, channel="c", source="trunk", dialled="+1",
            caller=None, caller_name=None, arrived_at=NOW, phase=Phase.CALLBACK, queue_id=queues[0], callback=made,
        )  # fmt: skip
    return Estimates(calls, set(queues), dict(known))


async def published(floor: Floor, known: dict[UUID, tuple[int, float | None]], *queues: UUID) -> None:
    """Call control has written what its router says."""
    outlook = Outlook(floor.db, estimating(floor, known, *queues))
    assert await outlook.publish(NOW) == len(known)


async def test_expected_is_the_floors_own_estimate_and_a_quiet_floor_writes_nothing(floor: Floor, db: Database):
    queue, line = await floor.queue("Front desk"), await floor.line()
    first, second = await callback(floor, line, queue, 300), await callback(floor, line, queue, 200)
    live = estimating(floor, {first: (1, 100.0), second: (2, 200.0)}, queue)
    outlook = Outlook(db, live)
    assert await outlook.publish(NOW) == 2
    assert await outlook.publish(NOW) == 0
    live.known[second] = (2, 205.0)
    assert await outlook.publish(NOW) == 0, "no moment that anybody would see"
    live.known[second] = (2, 260.0)
    assert await outlook.publish(NOW) == 1
    live.known[first] = (1, None)
    assert await outlook.publish(NOW) == 1, "the last agent has left"
    at = live.calls[second].callback
    live.calls[second] = replace(live.calls[second], callback=replace(at, next_at=NOW + timedelta(hours=1)))
    assert await outlook.publish(NOW) == 1, "put off: it has no place"
    async with db.tenant(floor.tenant_id) as tx:
        rows = await tx.all("SELECT id, callback_place AS place, callback_expected_at AS at FROM call")
    assert {row["id"]: (row["place"], row["at"]) for row in rows} == {first: (1, None), second: (None, None)}


async def test_a_machine_that_an_agent_met_is_no_handling(floor: Floor, db: Database):
    """In figures, in the handling time that estimates use, and in who talked with the caller the last time."""
    queue, line = await floor.queue("Front desk"), await floor.line()
    ana = await floor.agent("Ana Ruiz", queue)
    for n, reason in enumerate(["callback-machine"] * 3 + ["caller-left"] * 10):
        call = await floor.call(line, arrived=900, phase="ended", ended_at=floor.ago(10))
        body = {"handling_id": str(new_id()), "agent_id": str(ana), "queue_id": str(queue), "wrap_up": False,
                "leg": "a", "endpoint": "d", "reason": reason}  # fmt: skip
        begun, over = floor.ago(600), floor.ago(595 if n < 3 else 500)
        async with db.tenant(floor.tenant_id) as tx:
            talk = [Event(call_id=call, kind=Kind.CONNECTED, at=begun, body=body)]
            await write(tx, Batch(log=[*talk, Event(call_id=call, kind=Kind.AGENT_LEFT, at=over, body=body)]))
    boss = floor.actor(await floor.person("Vera Lund", Role.SUPERVISOR), "Vera Lund", Role.SUPERVISOR)
    board = await BoardService(db, ManualClock(NOW)).read(boss)
    (row,) = board.queues
    assert row.figures.average_handle_time == 100.0
    assert [(a.name, a.handled) for a in board.agents] == [("Ana Ruiz", 10)]
    async with db.tenant(floor.tenant_id) as tx:
        plan = await floor_plan(tx, floor.tenant_id, floor.ago(3600), NOW)
    assert plan.handling == {queue: 100.0}


async def test_complaint_60_the_numbers_that_wait_are_listed_with_place_and_what_is_expected(
    floor: Floor, service: CallbackService
):
    queue, other = await floor.queue("Front desk"), await floor.queue("Billing")
    line = await floor.line()
    first = await callback(floor, line, queue, 300)
    later = await callback(floor, line, queue, 500, next_at=NOW + timedelta(hours=1), attempts=1)
    alone, gone_by = await callback(floor, line, other, 100), await callback(floor, line, queue, 200)
    estimates = {first: (2, 400.0), alone: (1, None), gone_by: (3, -20.0)}
    await published(floor, estimates, queue, other)
    boss = floor.actor(await floor.person("Vera Lund", Role.SUPERVISOR), "Vera Lund", Role.SUPERVISOR)
    found = {view.id: view for view in await service.list(boss)}
    assert found.keys() == {first, later, alone, gone_by}
    assert (found[first].number, found[first].place, found[first].attempts) == ("(312) 555-0123", 2, 0)
    assert found[first].expected_at == NOW + timedelta(seconds=400), "what call control has estimated"
    assert found[gone_by].expected_at == NOW, "at any moment: an estimate that has passed is no time to show"
    assert (found[later].place, found[later].next_at, found[later].attempts) == (None, NOW + timedelta(hours=1), 1)
    assert found[alone].expected_at is None, "nobody is staffed"
    async with floor.db.tenant(floor.tenant_id) as tx:
        rows = await tx.all("SELECT action, fields FROM audit_log WHERE object_type = 'callback'")
    assert [(row["action"], row["fields"]) for row in rows] == [("search", ["number"])]


async def test_o11_visible_list_of_numbers_masked_by_role(floor: Floor, service: CallbackService):
    queue, other = await floor.queue("Front desk"), await floor.queue("Billing")
    line = await floor.line()
    ana = await floor.agent("Ana Ruiz", queue)
    mine = await callback(floor, line, queue, 60)
    theirs = await callback(floor, line, other, 60)
    actor = floor.actor(ana, "Ana Ruiz", Role.AGENT)
    (seen,) = await service.list(actor)
    assert (seen.id, seen.number) == (mine, masked("+13125550123")), "of the own queues, and not to be copied out"
    assert "312" not in seen.number
    assert await service.count(actor) == 1
    quality = floor.actor(await floor.person("Quinn Ode", Role.QUALITY), "Quinn Ode", Role.QUALITY)
    assert {view.number for view in await service.list(quality)} == {masked("+13125550123")}
    with pytest.raises(NotFound):
        await service.call_now(actor, theirs)
    for order in (service.cancel(actor, mine), service.change(actor, mine, number="+13125550188")):
        with pytest.raises(Forbidden):
            await order
    officer = floor.actor(await floor.person("Pat Vale"), "Pat Vale", Role.PRIVACY_OFFICER)
    with pytest.raises(Forbidden):
        await service.list(officer)


async def test_o11_cancel_and_change_by_staff_are_orders_with_an_audit_row(floor: Floor, service: CallbackService):
    queue, line = await floor.queue("Front desk"), await floor.line()
    waiting = await callback(floor, line, queue, 60)
    boss = floor.actor(await floor.person("Vera Lund", Role.SUPERVISOR), "Vera Lund", Role.SUPERVISOR)
    moment = NOW + timedelta(hours=3)
    await service.change(boss, waiting, number="+13125550188", next_at=moment, key="k1")
    await service.change(boss, waiting, when_it_is_due=True)
    await service.call_now(boss, waiting)
    await service.cancel(boss, waiting, "k2")
    call = {"call_id": str(waiting)}
    orders = service.orders
    assert isinstance(orders, Noted)
    assert orders.given == [
        ("callback.change", {**call, "number": "+13125550188", "next_at": moment.isoformat()}, "k1"),
        ("callback.change", {**call, "next_at": None}, None),
        ("callback.call_now", call, None),
        ("callback.cancel", call, "k2"),
    ]
    async with floor.db.tenant(floor.tenant_id) as tx:
        rows = await tx.all("SELECT object_id, detail FROM audit_log WHERE action = 'update' ORDER BY seq")
    assert [row["detail"]["order"] for row in rows] == [kind for kind, *_ in orders.given]
    with pytest.raises(NotFound):
        await service.cancel(boss, new_id())
    with pytest.raises(NotFound):
        await service.machine(boss, waiting)
    async with floor.db.tenant(floor.tenant_id) as tx:
        await tx.run("UPDATE call SET phase = 'talking', agent_id = %s", (boss.person_id,))
    await service.machine(boss, waiting)
    assert orders.given[-1] == ("callback.machine", call, None)


async def test_o11_after_the_last_try_the_department_has_a_message_once(db: Database, tenant: int):
    clock = ManualClock(NOW)
    practice = await make_practice(db, tenant, clock)
    floor = Floor(db, tenant, NOW)
    queue = await floor.queue("Front desk")
    call_id = await callback(floor, practice.line_id, queue, 600)
    call = Call(
        id=call_id,
        tenant_id=tenant,
        line_id=practice.line_id,
        channel="c",
        source="trunk",
        dialled="+15552010001",
        caller="+13125550123",
        caller_name=None,
        arrived_at=NOW,
        callback=Callback(
            number="+13125550123",
            verified="keys",
            mode="agent-first",
            stage=Stage.WAITING,
            since=NOW,
            expires_at=NOW,
        ),
    )
    missed = Event(call_id=call_id, kind=Kind.CALLBACK_MISSED, at=NOW, body={"attempts": 3, "reason": "busy"})
    last = Event(call_id=call_id, kind=Kind.CALLBACK_MISSED, at=NOW, body={"attempts": 3, "reason": "x", "last": True})
    companion = chasing(MessageService(db, clock))
    for events in ([missed], [last], [last]):
        async with db.tenant(tenant) as tx:
            await companion(tx, Batch(log=list(events), calls={call_id: call}))
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT call_id, callback, callback_confirmed, reason, body, due_at FROM message")
    (row,) = rows
    assert (row["call_id"], row["callback"], row["callback_confirmed"]) == (call_id, "+13125550123", True)
    assert row["reason"] == "callback"
    assert row["due_at"] is not None, "with a running timer"
    assert "3" in row["body"]


async def test_o10_the_error_of_the_announced_wait_is_measured_per_queue(floor: Floor, db: Database):
    queue, other, line = await floor.queue("Front desk"), await floor.queue("Billing"), await floor.line()
    told = []

    async def waited(queue_id: UUID, announced: list[tuple[float, int | None, int]], end: str | None) -> None:
        call = await floor.call(line, arrived=900)
        await floor.event(call, "queued", 900, queue_id=queue_id)
        for ago, low, high in announced:
            more = {"low": low, "more": low is None}
            await floor.event(call, "announced", ago, place=1, minutes=high, next_at="", **more)
        if end:
            await floor.event(call, end, 100, queue_id=queue_id, by="caller")
        if end == "connected":
            told.extend(Told(low=low, high=high, waited=ago - 100) for ago, low, high in announced)

    await waited(queue, [(890, 5, 10), (400, 2, 5)], "connected")
    await waited(queue, [(300, None, 30), (250, 0, 1)], "connected")
    await waited(queue, [(300, 2, 5)], "ended")
    await waited(queue, [(300, 2, 5)], "callback_arranged")
    await waited(other, [(300, 2, 5)], None)
    boss = floor.actor(await floor.person("Vera Lund", Role.SUPERVISOR), "Vera Lund", Role.SUPERVISOR)
    board = await BoardService(db, ManualClock(NOW)).read(boss)
    rows = {row.name: row.announced for row in board.queues}
    assert rows["Billing"] is None
    found, wanted = rows["Front desk"], accuracy(told)
    assert found is not None and wanted is not None
    assert found.announcements == 4
    assert found.mean_error == pytest.approx(wanted.mean_error)
    assert found.coverage == pytest.approx(wanted.coverage)


async def test_complaint_59_both_records_name_each_other(floor: Floor, db: Database):
    queue, line = await floor.queue("Front desk"), await floor.line()
    later = await floor.call(line, arrived=60, queue_id=queue)
    old = await floor.call(
        line, arrived=600, phase="ended", ended_at=floor.ago(50), outcome="merged", merged_into=later
    )
    await floor.event(old, "arrived", 600)
    await floor.event(old, "callback_merged", 50, into=later, by="system")
    await floor.event(later, "arrived", 60)
    await floor.event(later, "callback_merged", 50, old=old)
    boss = floor.actor(await floor.person("Vera Lund", Role.SUPERVISOR), "Vera Lund", Role.SUPERVISOR)
    calls = CallService(db, ManualClock(NOW))
    first, second = await calls.open(boss, old), await calls.open(boss, later)
    assert (first.merged_into, first.merged_from) == (later, [])
    assert (second.merged_into, second.merged_from) == (None, [old])
    assert any("called again" in step.text for step in first.steps)


async def test_a_queue_somebody_waits_in_to_be_called_back_is_not_taken_out_of_service(floor: Floor, db: Database):
    queue, line = await floor.queue("Front desk"), await floor.line()
    waiting = await callback(floor, line, queue, 60)
    manager = floor.actor(await floor.person("Max Roe", Role.ADMINISTRATOR), "Max Roe", Role.ADMINISTRATOR)
    queues = QueueService(db, ManualClock(NOW), Keyring.ephemeral())
    rules = (await queues.get(manager, queue)).rules
    with pytest.raises(QueueInUse):
        await queues.update(manager, queue, replace(rules, active=False))
    async with db.tenant(floor.tenant_id) as tx:
        await tx.run("UPDATE call SET phase = 'ended', ended_at = now() WHERE id = %s", (waiting,))
    assert not (await queues.update(manager, queue, replace(rules, active=False))).rules.active
