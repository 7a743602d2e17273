"""What users of other systems complain about, complaints 1 to 28: each a promise kept on the floor, on virtual time.

docs/complaints.md lists all of them with their tests, also those that need real processes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid5

import pytest

from careline.calls.fold import fold
from careline.calls.model import Kind, Phase
from careline.calls.ports import SwitchSnapshot
from careline.calls.reconcile import reconcile
from careline.calls.roster import live
from careline.calls.switch_commands import Bridge, Hangup, Park, Ring
from careline.calls.switch_events import EndpointChanged, HangupCause, LegAnswered, LegEnded
from careline.queues.model import Agent, AgentStatus
from careline.queues.rules import Rules, WrapUp
from careline.testing.world import ANA, BEN, OTHER, QUEUE, SPACE, World

pytestmark = pytest.mark.unit

CARLA = uuid5(SPACE, "carla")
BOSS = UUID(int=99)


def a_world(*, people: tuple[str, ...] = (), rules: Rules | None = None, **changes: object) -> World:
    """A world with more people and other rules in its first queue."""
    world = World()
    floor = world.floor
    more = [Agent(id=uuid5(SPACE, n), tenant_id=1, name=n.title(), languages=frozenset({"en", "es"})) for n in people]
    members = frozenset({*floor.agents, *(a.id for a in more)})
    queues = [replace(q, members=members) for q in floor.queues.values()]
    world.plan(queues, [*floor.agents.values(), *more])
    world.reconfigure(QUEUE, rules=rules, **changes)
    return world


def answers(world: World, channel: str = "c1", agent: UUID | None = None) -> None:
    call = world.call(channel)
    offered = call.offer if agent is None else call.offer_to(agent)
    assert offered is not None
    world.see(LegAnswered(channel=offered.leg, at=world.now))


def hangs_up(world: World, channel: str = "c1") -> None:
    world.see(LegEnded(channel=channel, cause=HangupCause.NORMAL, at=world.now))


def wraps_up(world: World, agent: UUID) -> None:
    world.order(agent, "call.wrap_up", call_id=str(world.floor.agents[agent].call_id), code="scheduled")


def test_complaint_1_the_search_goes_on_when_the_last_in_line_cannot_be_had():
    world = a_world(people=("carla",), rules=Rules(strategy="linear"))
    world.sign_on(ANA, BEN)
    call = world.into_queue()
    first = call.offer.agent_id
    world.order(first, "call.decline", call_id=str(call.id))
    second = world.call().offer.agent_id
    assert {first, second} == {ANA, BEN}
    world.order(second, "call.decline", call_id=str(call.id))
    world.order(first, "agent.status", status="available")
    world.later(31)
    assert world.call().offer.agent_id == first, "begins at the top again: Carla, the last, never was there"


def test_complaint_2_nobody_stays_reserved_when_all_were_rung():
    world = a_world(rules=Rules(strategy="ring-all", misses_allowed=0))
    world.sign_on(ANA, BEN)
    call = world.into_queue()
    assert {o.agent_id for o in call.offers} == {ANA, BEN}
    assert len(world.did(Ring)) == 2
    # The switch never says that a telephone stopped ringing: the lease ends by itself.
    world.later(20)
    assert world.call().offers == ()
    assert {world.status(ANA), world.status(BEN)} == {AgentStatus.AVAILABLE}
    assert len(world.did(Hangup)) == 2


def test_complaint_3_a_call_is_over_as_soon_as_the_caller_hangs_up():
    world = World()
    call = world.talking()
    hangs_up(world)
    assert world.call().phase is Phase.ENDED
    assert world.call().ended_at == world.now
    assert fold([e for e in world.events if e.call_id == call.id], 1).ended_by == "caller"
    wraps_up(world, ANA)
    assert world.gone()


def test_complaint_4_what_goes_wrong_with_one_call_does_not_stop_the_others(monkeypatch):
    world = World()
    world.sign_on(ANA)
    world.arrive("bad")
    monkeypatch.setattr("careline.calls.caller.played", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.heard("bad")
    monkeypatch.undo()
    assert world.into_queue("good").offer is not None


def test_complaint_5_five_agents_and_twenty_calls_a_minute_go_on_for_an_hour():
    world = a_world(people=("carla", "dora", "eve"))
    staff = [ANA, BEN, CARLA, uuid5(SPACE, "dora"), uuid5(SPACE, "eve")]
    world.sign_on(*staff)
    for number in range(1200):
        channel = f"n{number}"
        world.into_queue(channel)
        assert world.call(channel).offer is not None, "offered at once"
        agent = world.call(channel).offer.agent_id
        answers(world, channel)
        world.later(1)
        hangs_up(world, channel)
        wraps_up(world, agent)
        world.later(1)
    assert world.floor.calls == {}
    assert {a.calls_taken for a in world.floor.agents.values()} == {240}, "and shared out evenly"


def test_complaint_6_no_telephone_rings_for_a_caller_who_has_left():
    world = a_world(rules=Rules(strategy="ring-all"))
    world.sign_on(ANA, BEN)
    legs = {o.leg for o in world.into_queue().offers}
    hangs_up(world)
    assert {c.channel for c in world.did(Hangup)} >= legs
    assert {world.status(ANA), world.status(BEN)} == {AgentStatus.AVAILABLE}
    assert world.floor.agents[ANA].misses == 0


def test_complaint_8_each_agents_wrap_up_ends_by_itself():
    world = World()
    world.sign_on(ANA, BEN)
    for channel in ("c1", "c2"):
        world.into_queue(channel)
        answers(world, channel)
    hangs_up(world, "c1")
    world.later(30)
    hangs_up(world, "c2")
    world.later(31)
    assert world.status(ANA) is AgentStatus.AVAILABLE
    assert world.status(BEN) is AgentStatus.WRAP_UP
    world.later(30)
    assert world.status(BEN) is AgentStatus.AVAILABLE


def test_complaint_9_an_agent_marked_busy_with_a_call_that_is_gone_is_freed():
    world = World()
    world.sign_on(ANA)
    stuck = replace(world.floor.agents[ANA], status=AgentStatus.TALKING, call_id=uuid5(SPACE, "nothing"))
    world.floor.roster.put(stuck)
    world.take(reconcile(world.floor, SwitchSnapshot(endpoints_online=frozenset({"s-Ana"})), world.now))
    assert world.status(ANA) is AgentStatus.AVAILABLE
    assert world.into_queue().offer.agent_id == ANA


def test_complaint_10_the_wrap_up_of_an_agent_in_two_queues_is_not_cut_short_by_the_other():
    world = World()
    world.reconfigure(OTHER, wrap_up_seconds=5)
    world.talking()
    hangs_up(world)
    world.into_queue("c2")
    world.order(BOSS, "call.move", manage=True, call_id=str(world.call("c2").id), queue_id=str(OTHER))
    world.later(58)
    assert world.call("c2").offer is None, "the short wrap-up of the other queue is not hers"
    world.later(2)
    assert world.call("c2").offer.agent_id == ANA


def test_complaint_11_an_attended_transfer_does_not_reset_the_last_call():
    world = World()
    call = world.talking()
    world.sign_on(BEN)
    world.order(ANA, "call.transfer", call_id=call.id, mode="consult", to={"kind": "agent", "id": str(BEN)})
    world.see(LegAnswered(channel=world.did(Ring)[0].channel, at=world.now))
    world.order(ANA, "call.transfer_complete", call_id=call.id)
    left = world.floor.agents[ANA].last_inbound_end
    assert left == world.now
    until = world.floor.agents[ANA].wrap_up_until
    world.later(20)
    hangs_up(world)
    assert world.floor.agents[ANA].last_inbound_end == left
    assert world.floor.agents[ANA].wrap_up_until == until, "nor the clock of her notes"
    assert world.floor.agents[BEN].last_inbound_end == world.now


def test_complaint_12_a_call_counts_once_for_each_agent_however_many_queues():
    world = World()
    call = world.talking()
    world.sign_on(BEN)
    world.order(ANA, "call.transfer", call_id=call.id, mode="consult", to={"kind": "agent", "id": str(BEN)})
    world.see(LegAnswered(channel=world.did(Ring)[0].channel, at=world.now))
    assert world.floor.agents[BEN].calls_taken == 0, "asked for advice only"
    world.order(ANA, "call.transfer_complete", call_id=call.id)
    hangs_up(world)
    assert [world.floor.agents[p].calls_taken for p in (ANA, BEN)] == [1, 1]


def test_complaint_13_of_two_who_answer_only_the_first_has_the_call():
    world = a_world(rules=Rules(strategy="ring-all"))
    world.sign_on(ANA, BEN)
    call = world.into_queue()
    assert all(r.bridge is None for r in world.did(Ring)), "nobody is put to the caller before it is clear who has it"
    legs = {o.agent_id: o.leg for o in call.offers}
    world.see(LegAnswered(channel=legs[BEN], at=world.now))
    assert Hangup(channel=legs[ANA]) in world.commands
    world.see(LegAnswered(channel=legs[ANA], at=world.now))
    assert world.did(Bridge) == []
    assert world.commands == [Hangup(channel=legs[ANA])]
    assert world.call().handling.agent_id == BEN
    assert world.status(ANA) is AgentStatus.AVAILABLE
    assert world.floor.agents[ANA].misses == 0
    assert [e.body["reason"] for e in world.events if e.kind is Kind.OFFER_ENDED] == ["answered-elsewhere"]


def test_complaint_14_a_call_lost_between_answer_and_talk_goes_on_where_it_was():
    world = a_world(people=("carla",), rules=Rules(strategy="linear"))
    world.sign_on(ANA, BEN, CARLA)
    call = world.into_queue()
    place, entered, first = call.place_at, call.queued_at, call.offer
    world.see(LegAnswered(channel=first.leg, at=world.now))
    world.see(LegEnded(channel=first.leg, cause=HangupCause.NORMAL, at=world.now))
    call = world.call()
    assert call.phase is Phase.WAITING
    assert (call.place_at, call.queued_at) == (place, entered), "the same place, the same ring"
    assert call.offer.agent_id != first.agent_id, "the next one, not the whole round again"
    assert first.agent_id in call.spared
    assert world.did(Park)
    assert world.floor.agents[first.agent_id].calls_taken == 0
    answers(world)
    world.later(5)
    world.see(LegEnded(channel=world.call().handling.leg, cause=HangupCause.NORMAL, at=world.now))
    assert next(e for e in world.events if e.kind is Kind.ENDED).body["by"] == "agent", "later it is a hang-up"


def test_complaint_15_a_heavy_queue_nobody_can_serve_does_not_block_the_others():
    world = World()
    world.reconfigure(QUEUE, skills={"triage": 50.0}, rules=Rules(weight=10))
    world.into_queue("heavy")
    world.into_queue("light")
    world.order(BOSS, "call.move", manage=True, call_id=str(world.call("light").id), queue_id=str(OTHER))
    world.sign_on(ANA)
    assert world.call("heavy").offer is None
    assert world.call("light").offer.agent_id == ANA


def test_complaint_16_the_longest_waiting_first_across_queues_and_priority_before_it():
    world = World()
    for channel in ("c1", "c2", "c3"):
        world.into_queue(channel)
    world.order(BOSS, "call.move", manage=True, call_id=str(world.call("c1").id), queue_id=str(OTHER))
    world.order(BOSS, "call.priority", manage=True, call_id=str(world.call("c3").id), priority=1)
    order = []
    for _ in range(3):
        world.sign_on(ANA)
        channel = next(c.channel for c in world.floor.calls.values() if c.offer)
        order.append(channel)
        answers(world, channel)
        hangs_up(world, channel)
        wraps_up(world, ANA)
    assert order == ["c3", "c1", "c2"]


def test_complaint_17_the_reason_of_a_pause_is_told_when_it_begins_and_when_it_ends():
    world = World()
    world.sign_on(ANA)
    world.order(ANA, "agent.status", status="away", reason="lunch")
    world.order(ANA, "agent.status", status="available")
    begun, ended = [e.body for e in world.agent_events if e.kind == "status_changed"][-2:]
    assert (begun["status"], begun["reason"]) == ("away", "lunch")
    assert (ended["status"], ended["reason"], ended["from_reason"]) == ("available", None, "lunch")


def test_complaint_18_there_is_one_log_also_after_an_attended_transfer():
    world = World()
    call = world.talking()
    world.sign_on(BEN)
    world.order(ANA, "call.transfer", call_id=call.id, mode="consult", to={"kind": "agent", "id": str(BEN)})
    world.see(LegAnswered(channel=world.did(Ring)[0].channel, at=world.now))
    world.order(ANA, "call.transfer_complete", call_id=call.id)
    assert fold([e for e in world.events if e.call_id == call.id], 1) == world.call()
    left = next(n for n, e in enumerate(world.log) if e.kind == "agent_left")
    taken = next(n for n, e in enumerate(world.log) if e.kind == "connected" and n > left)
    assert taken, "calls and agents are in one order"


def test_complaint_19_the_floor_is_configured_anew_a_hundred_times_under_load_and_goes_on():
    world = World()
    world.sign_on(ANA)
    for number in range(100):
        world.into_queue(f"n{number}")
        world.reconfigure(QUEUE, name=f"name {number}", rules=Rules(strategy=("linear", "longest-idle")[number % 2]))
    waiting = [c for c in world.floor.calls.values() if c.phase is Phase.WAITING]
    assert len(waiting) == 100
    assert world.call("n0").offer is not None
    assert world.floor.outlook(world.call("n99"), world.now)[0] == 100


def test_complaint_21_a_changed_priority_holds_for_callers_who_wait_already():
    world = World()
    world.into_queue("c1")
    world.into_queue("c2")
    assert world.floor.outlook(world.call("c2"), world.now)[0] == 2
    world.order(BOSS, "call.priority", manage=True, call_id=str(world.call("c2").id), priority=10)
    assert world.floor.outlook(world.call("c2"), world.now)[0] == 1
    world.sign_on(ANA)
    assert world.call("c2").offer is not None
    # The priority of a whole queue, too.
    world.order(BOSS, "call.move", manage=True, call_id=str(world.call("c1").id), queue_id=str(OTHER))
    world.into_queue("c3")
    world.reconfigure(OTHER, priority=-5)
    world.sign_on(BEN)
    assert world.call("c3").offer is not None


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_complaint_22_an_agent_is_taken_out_after_n_misses_and_n_is_configured(allowed):
    world = a_world(rules=Rules(misses_allowed=allowed))
    world.sign_on(ANA)
    for number in range(1, 5):
        world.into_queue(f"c{number}")
        leg = world.call(f"c{number}").offer.leg
        world.see(LegEnded(channel=leg, cause=HangupCause.NO_ANSWER, at=world.now))
        hangs_up(world, f"c{number}")
        out = world.status(ANA) is AgentStatus.NOT_RESPONDING
        assert out == (allowed > 0 and number >= allowed)
        if out:
            break
    assert world.floor.agents[ANA].misses == number


def test_complaint_25_renaming_a_queue_or_an_agent_keeps_who_serves_what():
    world = World()
    world.into_queue()
    place = world.call().place_at
    world.reconfigure(QUEUE, name="Welcome desk")
    people = [replace(a, name=f"Dr. {a.name}") for a in world.floor.agents.values()]
    world.plan(list(world.floor.queues.values()), people)
    world.order(ANA, "agent.phone", endpoint="s-ana")
    world.see(EndpointChanged(endpoint="s-ana", online=True, at=world.now))
    world.order(ANA, "agent.status", status="available")
    assert world.call().place_at == place
    assert world.call().offer.agent_id == ANA
    assert world.floor.agents[ANA].name == "Dr. Ana"


def test_complaint_26_a_telephone_that_is_not_registered_makes_its_agent_not_ready():
    world = World()
    world.sign_on(ANA)
    world.see(EndpointChanged(endpoint="s-Ana", online=False, at=world.now))
    assert world.status(ANA) is AgentStatus.AWAY
    assert world.floor.agents[ANA].reason == "phone-offline"
    assert world.into_queue().offer is None


@pytest.mark.parametrize("changes", [{"ring_seconds": 40}, {"members": frozenset({BEN})}, {"skills": {"triage": 1.0}}])
def test_complaint_27_editing_a_queue_signs_nobody_out(changes):
    world = World()
    world.sign_on(ANA, BEN)
    call = world.into_queue()
    answers(world)
    states = {a.id: (a.status, a.since) for a in world.floor.agents.values()}
    world.reconfigure(QUEUE, rules=Rules(strategy="ring-all", wrap_up=WrapUp(mode="mandatory")), **changes)
    assert {a.id: (a.status, a.since) for a in world.floor.agents.values()} == states
    assert world.call().handling.agent_id == call.offer.agent_id


def test_complaint_28_another_process_recovers_ringing_and_held_calls_from_the_log():
    world = World()
    world.sign_on(ANA, BEN)
    held = world.into_queue("c1")
    answers(world, "c1")
    world.order(held.offer.agent_id, "call.hold", call_id=str(held.id))
    world.into_queue("c2")
    ringing = world.call("c2")
    other = World()
    for agent in world.floor.agents.values():
        other.floor.roster.lay_over(agent.id, live(agent))
    for call_id in (held.id, ringing.id):
        call = fold([e for e in world.events if e.call_id == call_id], 1)
        other.floor.pinned[call_id] = other.floor.lines["+15555550100"]
        other.floor.adopt(call)
    assert other.call("c1").held
    assert other.call("c2").offer == ringing.offer
    other.now = world.now
    other.see(LegAnswered(channel=ringing.offer.leg, at=other.now + timedelta(seconds=1)))
    assert other.call("c2").phase is Phase.TALKING
