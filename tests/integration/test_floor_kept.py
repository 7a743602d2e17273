"""Call control on a switch in memory and a real database: what a restart keeps, and a day decided again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from careline.calls.codes import CodeGiven, StillWrappingUp
from careline.calls.commands import CallCommands
from careline.calls.control import CallControl
from careline.calls.days import replay_day
from careline.calls.desk import DeskService
from careline.calls.lines import LineBook
from careline.calls.model import Call, Phase
from careline.calls.order_model import Order
from careline.calls.orders import obey
from careline.calls.runner import obey as obey_orders
from careline.calls.service import CallService
from careline.kernel.clock import SystemClock
from careline.kernel.errors import Forbidden, InvalidInput, NotFound
from careline.organization.service import OrganizationService
from careline.platform.db import Database
from careline.queues.model import Agent, AgentStatus
from careline.reporting.service import BoardService
from careline.reporting.views import BoardSnapshot
from careline.security.permissions import Role
from careline.setup.replaying import lines as told
from careline.telephony.prompts.media import SpokenMenu
from careline.testing.callcenter import NUMBER, furnish, until
from careline.testing.fake_switch import FakeSwitch
from careline.testing.floor import Floor
from careline.testing.postgres import Urls
from careline.testing.world import speak

pytestmark = pytest.mark.integration


@dataclass
class House:
    """A practice with a direct line, and the call control that serves it just now."""

    db: Database
    tenant: int
    queue: UUID
    switch: FakeSwitch
    rows: Floor
    control: CallControl | None = None

    @property
    def floor(self) -> CallControl:
        assert self.control is not None
        return self.control

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[CallControl]:
        """Another process takes the floor; it is stopped as abruptly as a process is."""
        clock = SystemClock()
        control = CallControl(
            db=self.db,
            switch=self.switch,
            lines=LineBook(OrganizationService(self.db, clock), SpokenMenu()),
            media=speak,
            clock=clock,
        )
        if self.control is not None:
            self.switch.come_up()
        running = asyncio.create_task(control.run())
        try:
            async with asyncio.timeout(20):
                await control.ready.wait()
            self.control = control
            yield control
            await control.drained()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            self.switch.go_down()

    async def agent(self, name: str) -> UUID:
        person = await self.rows.agent(name, self.queue, status="offline", online=False, languages=("en", "es"))
        await self.floor.refresh()
        endpoint = f"d-{name}"
        await self.switch.grant_softphone(endpoint, "test", kind="desk")
        self.order(person, "agent.phone", endpoint=endpoint)
        self.switch.register(endpoint)
        await until(lambda: self.person(person).phone_online)
        self.order(person, "agent.status", status="available")
        return person

    def order(self, person: UUID, kind: str, manage: bool = False, **body: object) -> None:
        order = Order(tenant_id=self.tenant, person_id=person, kind=kind, body=body, manage=manage)
        self.floor.apply(obey(self.floor.floor, order, self.floor.clock.now()))

    def person(self, person: UUID) -> Agent:
        return self.floor.floor.agents[person]

    async def call(self, phase: Phase = Phase.WAITING) -> UUID:
        """A caller in the queue; the call's id."""
        channel = self.switch.arrive(NUMBER)
        found = lambda: [c for c in self.floor.floor.calls.values() if c.channel == channel and c.phase is phase]  # noqa: E731
        await until(found)
        return found()[0].id

    def state(self, call_id: UUID) -> Call:
        return self.floor.floor.calls[call_id]

    async def answered(self, call_id: UUID) -> Call:
        await until(lambda: self.state(call_id).offer)
        offered = self.state(call_id).offer
        assert offered is not None
        self.switch.answer_leg(offered.leg)
        await until(lambda: self.state(call_id).handling)
        return self.state(call_id)


@pytest.fixture
async def house(db: Database, tenant: int) -> House:
    clock = SystemClock()
    _, queue = await furnish(db, tenant, direct=True)
    return House(db, tenant, queue, FakeSwitch(clock), Floor(db, tenant, clock.now()))


async def test_complaint_17_the_reason_of_a_pause_survives_a_restart_and_is_told_when_it_ends(house: House) -> None:
    async with house.open():
        ana = await house.agent("ana")
        house.order(ana, "agent.status", status="away", reason="lunch")
    async with house.open():
        assert (house.person(ana).status, house.person(ana).reason) == (AgentStatus.AWAY, "lunch")
        house.order(ana, "agent.status", status="available")
    async with house.db.tenant(house.tenant) as tx:
        rows = await tx.all("SELECT body FROM event WHERE stream = 'agent' AND kind = 'status_changed' ORDER BY id")
    ended = rows[-1]["body"]
    assert (ended["from"], ended["status"], ended["from_reason"]) == ("away", "available", "lunch")


async def test_what_an_agent_asked_for_while_busy_is_done_after_a_restart(house: House) -> None:
    async with house.open():
        ana = await house.agent("ana")
        call = await house.call()
        await house.answered(call)
        house.order(ana, "agent.status", status="away", reason="training")
    async with house.open():
        assert house.person(ana).wanted is AgentStatus.AWAY
        house.order(ana, "call.hang_up", call_id=str(call))
        house.order(ana, "call.wrap_up", call_id=str(call), code="scheduled")
        assert (house.person(ana).status, house.person(ana).reason) == (AgentStatus.AWAY, "training")


async def test_complaint_23_counts_are_those_of_the_event_log_after_a_restart(house: House) -> None:
    async with house.open():
        ana = await house.agent("ana")
        for _ in range(2):
            call = await house.call()
            await house.answered(call)
            house.order(ana, "call.hang_up", call_id=str(call))
            house.order(ana, "call.wrap_up", call_id=str(call), code="scheduled")
        before = house.person(ana)
    assert before.calls_taken == 2
    async with house.open():
        after = house.person(ana)
        assert (after.calls_taken, after.talk_seconds) == (before.calls_taken, before.talk_seconds)
        assert after.last_inbound_end == before.last_inbound_end
    async with house.db.tenant(house.tenant) as tx:
        counted = await tx.one(
            "SELECT count(*) FILTER (WHERE kind = 'connected') AS taken,"
            " sum((body ->> 'seconds')::float) FILTER (WHERE kind = 'agent_left') AS talked"
            " FROM event WHERE stream = 'call' AND body ->> 'agent_id' = %s",
            (str(ana),),
        )
    assert counted is not None
    assert (counted["taken"], pytest.approx(counted["talked"])) == (after.calls_taken, after.talk_seconds)


async def test_complaint_28_another_call_control_recovers_ringing_held_and_waiting_calls(house: House) -> None:
    async with house.open():
        ana, _ben = await house.agent("ana"), await house.agent("ben")
        held = await house.call()
        await house.answered(held)
        house.order(ana, "call.hold", call_id=str(held))
        ringing = await house.call()
        await until(lambda: house.state(ringing).offer)
        waiting = [await house.call(), await house.call()]
        places = [house.state(c).place_at for c in waiting]
    async with house.open():
        assert house.state(held).held
        assert house.state(held).handling is not None
        await house.answered(ringing)
        assert [house.state(c).place_at for c in waiting] == places
        assert [house.floor.floor.outlook(house.state(c), house.floor.clock.now())[0] for c in waiting] == [1, 2]
        house.order(ana, "call.resume", call_id=str(held))
        await until(lambda: house.switch.together(house.state(held).channel, house.state(held).handling.leg))


async def test_w5_a_queue_is_renamed_and_reordered_while_callers_wait_and_nobody_loses_a_place(house: House) -> None:
    async with house.open() as control:
        first, second = await house.call(), await house.call()
        places = [house.state(c).place_at for c in (first, second)]
        async with house.db.tenant(house.tenant) as tx:
            await tx.run(
                "UPDATE queue SET name = 'Welcome', priority = 5, rules = %s WHERE id = %s",
                ('{"strategy": "linear"}', house.queue),
            )
        await control.refresh()
        assert [house.state(c).place_at for c in (first, second)] == places
        ana = await house.agent("ana")
        await until(lambda: house.state(first).offer)
        offer = house.state(first).offer
        assert offer is not None
        assert offer.agent_id == ana
        assert control.floor.queues[house.queue].name == "Welcome"


async def test_o20_a_day_is_decided_again_from_its_rows_bit_for_bit(house: House) -> None:
    today = SystemClock().now().date()
    async with house.open() as control:
        ana, ben = await house.agent("ana"), await house.agent("ben")
        for number in range(4):
            call = await house.call()
            await house.answered(call)
            house.order(house.state(call).handling.agent_id, "call.hang_up", call_id=str(call))
            if number == 1:
                async with house.db.tenant(house.tenant) as tx:
                    rules = '{"strategy": "fewest-calls", "rings": [{"after_seconds": 30, "language": false}]}'
                    await tx.run("UPDATE queue SET rules = %s WHERE id = %s", (rules, house.queue))
                await control.refresh()
            for person in (ana, ben):
                if house.person(person).status is AgentStatus.WRAP_UP:
                    house.order(person, "call.wrap_up", call_id=str(call), code="scheduled")
        left = await house.call()
    async with house.open():
        await house.answered(left)
    report = await replay_day(house.db, house.tenant, today)
    assert report.differences == []
    assert report.offers >= 5
    assert told(house.tenant, report)[0].endswith("all the same")


async def test_o20_supervisors_ask_why_and_order_and_it_is_audited(house: House, pg_urls: Urls) -> None:
    async with house.open() as control:
        obeying = asyncio.create_task(obey_orders(control, house.db, pg_urls.app))
        try:
            ana = await house.agent("ana")
            boss = house.rows.actor(await house.rows.person("Bea", Role.SUPERVISOR), "Bea", Role.SUPERVISOR)
            agent = house.rows.actor(ana, "ana", Role.AGENT)
            commands, service = CallCommands(house.db), CallService(house.db, SystemClock())
            busy = await house.call()
            await house.answered(busy)
            first, second = await house.call(), await house.call()
            why = await service.why(boss, second, commands)
            assert why.position == 2
            assert [(c.agent, c.code) for c in why.candidates] == [("ana", "talking")]
            await commands.give(boss, "call.priority", {"call_id": str(second), "priority": 5})
            assert (await service.why(boss, first, commands)).position == 2
            for order in ("call.priority", "call.assign", "call.explain"):
                with pytest.raises(Forbidden):
                    await commands.give(agent, order, {"call_id": str(first)})
            shown = await service.open(boss, busy)
            assert shown.reasons is not None
            assert shown.reasons[0].chosen == ["ana"]
            assert (await service.open(agent, busy)).reasons is None
        finally:
            obeying.cancel()
    async with house.db.tenant(house.tenant) as tx:
        rows = await tx.all("SELECT object_id, detail FROM audit_log WHERE action = 'execute' AND object_type = 'call'")
    assert [(row["object_id"], row["detail"]["order"]) for row in rows] == [(str(second), "call.priority")]


async def test_o13_a_forced_wrap_up_stays_forced_after_a_restart(house: House) -> None:
    async with house.db.tenant(house.tenant) as tx:
        await tx.run("UPDATE queue SET rules = %s WHERE id = %s", ('{"wrap_up": {"mode": "forced"}}', house.queue))
    async with house.open():
        ana = await house.agent("ana")
        call = await house.call()
        await house.answered(call)
        house.order(ana, "call.hang_up", call_id=str(call))
        until_then = house.person(ana).wrap_up_until
        assert house.person(ana).wrap_up_forced
    async with house.open():
        house.order(ana, "call.wrap_up", call_id=str(call), code="scheduled")
        assert house.person(ana).status is AgentStatus.WRAP_UP, "the code is taken, the time is not shortened"
        assert house.person(ana).wrap_up_until == until_then


@pytest.mark.parametrize("mode", ["optional", "requested"])
async def test_o13_a_call_left_without_a_code_is_over_and_gets_its_code_later(house: House, mode: str) -> None:
    async with house.db.tenant(house.tenant) as tx:
        await tx.run("UPDATE queue SET rules = %s WHERE id = %s", (f'{{"wrap_up": {{"mode": "{mode}"}}}}', house.queue))
    await house.rows.insert("wrap_up_code", code="refill", label_en="Refill", label_es="Receta")
    desk = DeskService(house.db, SystemClock())
    async with house.open() as control:
        ana = await house.agent("ana")
        me = house.rows.actor(ana, "ana", Role.AGENT)
        call = await house.call()
        await house.answered(call)
        await control.drained()
        contact = (await desk.read(me)).contact
        assert contact is not None
        assert contact.notes_time == "ask"
        async with house.db.tenant(house.tenant) as tx:
            await tx.run("UPDATE call_handling SET connected_at = connected_at - interval '1 minute'")
        house.order(ana, "call.hang_up", call_id=str(call))
        await control.drained()
        found = await desk.read(me)
        assert (house.person(ana).status, found.contact) == (AgentStatus.AVAILABLE, None)
        assert [one.call_id for one in found.uncoded] == [call]
        async with house.db.tenant(house.tenant) as tx:
            row = await tx.one("SELECT wrapped_up_at, left_at FROM call_handling WHERE call_id = %s", (call,))
        assert row is not None
        assert row["wrapped_up_at"] == row["left_at"], "nothing of the call stays open for the sake of its code"
    stranger = house.rows.actor(await house.rows.person("Ben", Role.AGENT), "Ben", Role.AGENT)
    with pytest.raises(NotFound):
        await desk.give_code(stranger, call, "scheduled")
    with pytest.raises(InvalidInput):
        await desk.give_code(me, call, "no-such-code")
    for _ in range(2):
        await desk.give_code(me, call, "scheduled")
    with pytest.raises(CodeGiven):
        await desk.give_code(me, call, "refill")
    assert (await desk.read(me)).uncoded == []
    shown = await CallService(house.db, SystemClock()).open(me, call)
    assert [h.wrap_up_code for h in shown.handlings] == ["scheduled"]
    assert [s.text for s in shown.steps if s.kind == "coded"] == ["ana gave the code later: scheduled"]
    async with house.db.tenant(house.tenant) as tx:
        rows = await tx.all("SELECT detail FROM audit_log WHERE action = 'update' AND object_type = 'call'")
    assert len(rows) == 1
    async with house.open() as control:
        assert call not in control.floor.calls, "the event of the page folds like any other"


async def test_o13_a_code_is_not_given_later_while_the_call_is_being_wrapped_up(house: House) -> None:
    desk = DeskService(house.db, SystemClock())
    async with house.open() as control:
        ana = await house.agent("ana")
        me = house.rows.actor(ana, "ana", Role.AGENT)
        call = await house.call()
        await house.answered(call)
        house.order(ana, "call.hang_up", call_id=str(call))
        await control.drained()
        assert (await desk.read(me)).uncoded == []
        with pytest.raises(StillWrappingUp):
            await desk.give_code(me, call, "scheduled")


async def test_o15_the_grace_time_of_a_queue_without_agents_goes_on_over_a_restart(house: House) -> None:
    rules = '{"leave": {"when_empty": true, "grace_seconds": 3600}}'
    async with house.db.tenant(house.tenant) as tx:
        await tx.run("UPDATE queue SET rules = %s WHERE id = %s", (rules, house.queue))
    async with house.open() as control:
        ana = await house.agent("ana")
        assert house.queue not in control.floor.empty_since
        house.order(ana, "agent.status", status="offline")
        since = control.floor.empty_since[house.queue]
    async with house.open() as control:
        assert control.floor.empty_since[house.queue] == since
        house.order(ana, "agent.status", status="available")
        assert house.queue not in control.floor.empty_since
    async with house.open() as control:
        assert house.queue not in control.floor.empty_since, "an earlier time without agents is over"


async def test_round_robin_goes_on_after_a_restart_where_it_stopped(house: House) -> None:
    async with house.db.tenant(house.tenant) as tx:
        await tx.run("UPDATE queue SET rules = %s WHERE id = %s", ('{"strategy": "round-robin"}', house.queue))
    async with house.open():
        people = [await house.agent(name) for name in ("ana", "ben", "carla")]
        call = await house.call()
        first = (await house.answered(call)).handling
        assert first is not None
        house.order(first.agent_id, "call.hang_up", call_id=str(call))
        house.order(first.agent_id, "call.wrap_up", call_id=str(call), code="scheduled")
    rung = [first.agent_id]
    for _ in range(2):
        async with house.open():
            call = await house.call()
            handling = (await house.answered(call)).handling
            assert handling is not None
            rung.append(handling.agent_id)
            house.order(handling.agent_id, "call.hang_up", call_id=str(call))
            house.order(handling.agent_id, "call.wrap_up", call_id=str(call), code="scheduled")
    assert sorted(rung) == sorted(people), "each in turn, although call control was replaced in between"


async def test_the_board_has_the_waits_that_callers_are_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written by call control as it goes: of whoever joins now, and of each who waits."""
    monkeypatch.setattr("careline.calls.control.REFRESH", 0.05)
    board = BoardService(house.db, SystemClock())
    vera = house.rows.actor(await house.rows.person("Vera Lund", Role.SUPERVISOR), "Vera Lund", Role.SUPERVISOR)

    async def shown(seen: Callable[[BoardSnapshot], bool]) -> BoardSnapshot:
        async with asyncio.timeout(20):
            while not seen(found := await board.read(vera)):
                await asyncio.sleep(0.02)
        return found

    async with house.open():
        call = await house.call()
        nobody = await shown(lambda b: bool(b.calls))
        assert nobody.queues[0].expected_wait is None and nobody.calls[0].expected_wait is None
        ana = await house.agent("ana")
        await until(lambda: house.state(call).offer)
        second = await house.call()
        told = house.floor.floor.outlook(house.state(second), house.floor.clock.now())[1]
        waits = lambda b: {c.id: c.expected_wait for c in b.calls}.get(second) == told  # noqa: E731
        assert (await shown(waits)).queues[0].expected_wait
        assert house.person(ana).status is AgentStatus.OFFERED
