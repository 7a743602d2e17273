"""The floor by its queues' rules: strategies, rings, wrap-up, overflow, sticky and direct, reasons; on virtual time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid5

import pytest

from careline.calls.model import Kind, Phase
from careline.calls.order_model import AgentUnavailable
from careline.calls.outcome import FloorEvent
from careline.calls.roster import live, relive
from careline.calls.switch_commands import Play, Ring
from careline.calls.switch_events import EndpointChanged, HangupCause, LegAnswered, LegEnded
from careline.calls.talk import WrongMoment
from careline.calls.waiting import join_queue
from careline.kernel.errors import Forbidden, InvalidInput
from careline.queues.model import Agent, AgentStatus
from careline.queues.rules import Callback, Join, Leave, Overflow, Rules, Sticky, Target, WrapUp
from careline.queues.rules import Ring as Step
from careline.testing.world import ANA, BEN, NOON, NUMBER, OTHER, QUEUE, SPACE, World

pytestmark = pytest.mark.unit

BOSS = UUID(int=99)
OUTSIDE = "+15555550188"


def answers(world: World, channel: str = "c1") -> None:
    world.see(LegAnswered(channel=world.call(channel).offer.leg, at=world.now))


def hangs_up(world: World, channel: str = "c1") -> None:
    world.see(LegEnded(channel=channel, cause=HangupCause.NORMAL, at=world.now))


def boss(world: World, kind: str, channel: str = "c1", **body: object) -> None:
    world.order(BOSS, kind, manage=True, call_id=str(world.call(channel).id), **body)


def diverted(world: World) -> list[tuple[str, str]]:
    return [(e.body["reason"], e.body["to"]) for e in world.events if e.kind is Kind.DIVERTED]


def a_world(rules: Rules, queue: UUID = QUEUE) -> World:
    world = World()
    world.reconfigure(queue, rules=rules)
    return world


# --- who ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("resets", "chosen"), [(True, BEN), (False, ANA)])
def test_o2_an_outbound_call_resets_the_idle_clock_or_not(resets, chosen):
    world = a_world(Rules(idle_reset_by_outbound=resets))
    world.sign_on(ANA, BEN)
    world.later(600)
    now = world.now
    ana = replace(
        world.floor.agents[ANA],
        idle_since=now - timedelta(seconds=10),
        last_outbound_end=now - timedelta(seconds=10),
        last_inbound_end=now - timedelta(seconds=300),
    )
    ben = replace(
        world.floor.agents[BEN],
        idle_since=now - timedelta(seconds=60),
        last_inbound_end=now - timedelta(seconds=60),
    )
    world.floor.roster.put(ana)
    world.floor.roster.put(ben)
    assert world.into_queue().offer.agent_id == chosen


def test_o5_a_ring_opens_on_time_and_the_call_keeps_its_place():
    world = a_world(Rules(rings=(Step(after_seconds=10, drop=("triage",)),)))
    world.reconfigure(QUEUE, skills={"triage": 50.0})
    people = [
        replace(a, skills={"triage": 90.0} if a.id == BEN else {}, status=a.status) for a in world.floor.agents.values()
    ]
    world.plan(list(world.floor.queues.values()), people)
    world.sign_on(ANA, BEN)
    world.into_queue("c0")
    answers(world, "c0")
    world.into_queue("c1")
    place = world.call("c1").place_at
    assert world.call("c1").offer is None, "Ana has not the skill, and Ben talks"
    world.later(9)
    assert world.call("c1").offer is None
    world.later(1)
    assert world.call("c1").offer.agent_id == ANA
    assert world.call("c1").place_at == place
    assert next(e for e in reversed(world.events) if e.kind is Kind.OFFERED).body["ring"] == 1


def test_o9_heavier_queues_first_and_the_longest_wait_among_equals():
    world = a_world(Rules(weight=5), OTHER)
    world.into_queue("c1")
    world.into_queue("c2")
    boss(world, "call.move", "c2", queue_id=str(OTHER))
    world.sign_on(ANA)
    assert world.call("c2").offer is not None
    world.reconfigure(OTHER, skills={"nobody": 1.0})
    world.sign_on(BEN)
    assert world.call("c1").offer.agent_id == BEN, "a queue that nobody can serve holds up no other"


# --- agents ---------------------------------------------------------------------------------------------------------


def test_o12_every_end_of_an_offer_says_whose_doing_it_was():
    for cause, status, misses in (
        (HangupCause.NO_ANSWER, AgentStatus.NOT_RESPONDING, 1),
        (HangupCause.REJECTED, AgentStatus.AWAY, 0),
        (HangupCause.UNREACHABLE, AgentStatus.AWAY, 0),
    ):
        world = World()
        world.sign_on(ANA)
        leg = world.into_queue().offer.leg
        world.see(LegEnded(channel=leg, cause=cause, at=world.now))
        assert (world.status(ANA), world.floor.agents[ANA].misses) == (status, misses)
    world = World()
    world.sign_on(ANA)
    world.into_queue()
    idle = world.floor.agents[ANA].idle_since
    hangs_up(world)
    agent = world.floor.agents[ANA]
    assert (agent.status, agent.misses, agent.idle_since) == (AgentStatus.AVAILABLE, 0, idle), "no fault, no loss"


def test_o12_answering_once_forgets_the_misses_before():
    world = a_world(Rules(misses_allowed=2))
    world.sign_on(ANA)
    call = world.into_queue()
    world.see(LegEnded(channel=call.offer.leg, cause=HangupCause.NO_ANSWER, at=world.now))
    assert (world.status(ANA), world.floor.agents[ANA].misses) == (AgentStatus.AVAILABLE, 1)
    assert world.call().offer is None, "not the same call again at once"
    world.later(30)
    answers(world)
    assert world.floor.agents[ANA].misses == 0


@pytest.mark.parametrize(
    ("mode", "own", "after_60", "free_after"),
    [("mandatory", None, AgentStatus.WRAP_UP, None), ("timeout", None, AgentStatus.AVAILABLE, 60),
     ("timeout", 20, AgentStatus.AVAILABLE, 20), ("timeout", 500, AgentStatus.AVAILABLE, 60),
     ("forced", None, AgentStatus.AVAILABLE, 60), ("optional", None, AgentStatus.AVAILABLE, 0),
     ("requested", None, AgentStatus.AVAILABLE, 0)],
)  # fmt: skip
def test_o13_modes_of_wrap_up_and_the_agents_own_time_up_to_the_queues(mode, own, after_60, free_after):
    world = a_world(Rules(wrap_up=WrapUp(mode=mode)))
    world.plan(
        list(world.floor.queues.values()),
        [replace(a, wrap_up_seconds=own) for a in world.floor.agents.values()],
    )
    call = world.talking()
    hangs_up(world)
    if free_after == 0:
        assert world.status(ANA) is AgentStatus.AVAILABLE
        return
    assert world.status(ANA) is AgentStatus.WRAP_UP
    if free_after is not None:
        world.later(free_after - 1)
        assert world.status(ANA) is AgentStatus.WRAP_UP
        world.later(1)
    else:
        world.later(60)
    assert world.status(ANA) is after_60
    if mode == "mandatory":
        world.later(3600)
        assert world.status(ANA) is AgentStatus.WRAP_UP
        world.order(ANA, "call.wrap_up", call_id=str(call.id), code="scheduled")
        assert world.status(ANA) is AgentStatus.AVAILABLE


def test_o13_forced_time_is_not_shortened_by_the_code():
    world = a_world(Rules(wrap_up=WrapUp(mode="forced")))
    call = world.talking()
    hangs_up(world)
    for _ in range(2):
        world.order(ANA, "call.wrap_up", call_id=str(call.id), code="scheduled")
        assert world.status(ANA) is AgentStatus.WRAP_UP
    assert [e.body["code"] for e in world.events if e.kind is Kind.WRAPPED_UP] == ["scheduled"]
    world.later(60)
    assert world.status(ANA) is AgentStatus.AVAILABLE


def test_o13_a_forced_time_is_part_of_what_the_events_say():
    world = a_world(Rules(wrap_up=WrapUp(mode="forced")))
    world.talking()
    hangs_up(world)
    states = [e.body["state"] for e in world.agent_events if e.agent_id == ANA]
    assert [s["wrap_up_forced"] for s in states if "wrap_up_forced" in s] == [False, True]
    old = {name: value for name, value in live(world.floor.agents[ANA]).items() if name != "wrap_up_forced"}
    assert not relive(Agent(id=ANA, tenant_id=1, name="Ana"), old).wrap_up_forced, "events of before still fold"
    world.later(60)
    assert not world.floor.agents[ANA].wrap_up_forced


@pytest.mark.parametrize("mode", ["optional", "requested"])
def test_o13_time_for_notes_when_the_agent_asked_for_it_in_the_call(mode):
    world = a_world(Rules(wrap_up=WrapUp(mode=mode)))
    call = world.talking()
    world.order(ANA, "call.notes_time", call_id=str(call.id))
    hangs_up(world)
    assert world.status(ANA) is AgentStatus.WRAP_UP
    world.later(60)
    assert world.status(ANA) is AgentStatus.AVAILABLE
    assert world.gone()


def test_t5_the_live_state_of_every_agent_is_the_sum_of_the_events():
    world = World()
    call = world.talking()
    world.later(42)
    world.order(ANA, "agent.status", status="away", reason="lunch")
    hangs_up(world)
    world.order(ANA, "call.wrap_up", call_id=str(call.id), code="scheduled")
    for agent in world.floor.agents.values():
        rebuilt = Agent(id=agent.id, tenant_id=1, name=agent.name, languages=agent.languages)
        for event in world.agent_events:
            if event.agent_id == agent.id:
                rebuilt = relive(rebuilt, event.body["state"])
        assert rebuilt == agent
    assert live(world.floor.agents[ANA])["talk_seconds"] == 42.0
    assert world.floor.agents[ANA].calls_taken == 1


def test_counts_begin_anew_after_a_nights_absence_and_not_after_a_break():
    world = World()
    call = world.talking()
    hangs_up(world)
    world.order(ANA, "call.wrap_up", call_id=str(call.id), code="scheduled")
    world.order(ANA, "agent.status", status="offline")
    world.later(3600)
    world.order(ANA, "agent.status", status="available")
    assert world.floor.agents[ANA].calls_taken == 1
    world.order(ANA, "agent.status", status="offline")
    world.later(5 * 3600)
    world.order(ANA, "agent.status", status="available")
    assert world.floor.agents[ANA].calls_taken == 0


# --- where to -------------------------------------------------------------------------------------------------------


def test_o14_the_ratio_at_the_door_turns_away_at_three_for_two():
    there = Target(kind="queue", to=str(OTHER))
    world = a_world(Rules(overflow=(Overflow(measure="ratio", above=1.0, at="entry", target=there),)))
    world.sign_on(ANA, BEN)
    for person in (ANA, BEN):
        world.order(person, "agent.status", status="away")
    for number in (1, 2):
        assert world.into_queue(f"c{number}").queue_id == QUEUE
    assert world.into_queue("c3").queue_id == OTHER, "(2 + 1) / 2 = 1.5 > 1"
    assert diverted(world) == [("overflow-ratio", "queue")]


@pytest.mark.parametrize("keep", [True, False])
def test_o14_time_on_hold_sends_a_call_on_and_the_rule_says_whether_its_place_counts(keep):
    there = Target(kind="queue", to=str(OTHER), keep_place=keep)
    world = a_world(Rules(overflow=(Overflow(measure="wait", above=90, at="waiting", target=there),)))
    place = world.into_queue().place_at
    world.later(89)
    assert world.call().queue_id == QUEUE
    world.later(1)
    assert world.call().queue_id == OTHER
    assert (world.call().place_at == place) is keep
    assert diverted(world) == [("overflow-wait", "queue")]


def test_o14_size_and_expected_wait():
    world = a_world(Rules(overflow=(Overflow(measure="waiting", above=2, at="entry", target=Target()),)))
    assert [world.into_queue(f"c{n}").phase for n in range(3)] == [Phase.WAITING, Phase.WAITING, Phase.VOICEMAIL]
    out = Target(kind="outside", to=OUTSIDE)
    world = a_world(Rules(overflow=(Overflow(measure="estimate", above=300, at="entry", target=out),)))
    world.talking()
    assert world.into_queue("c2").transfer is None
    call = world.into_queue("c3")
    assert call.transfer.target == OUTSIDE
    assert world.did(Ring)[0].endpoint == f"tel:{OUTSIDE}"
    world.see(LegEnded(channel=call.transfer.leg, cause=HangupCause.BUSY, at=world.now))
    call = world.call("c3")
    assert (call.phase, call.queue_id, call.transfer) == (Phase.WAITING, QUEUE, None), "busy there: a place here"
    assert world.floor.outlook(call, world.now)[0] == 2


def test_o14_an_outside_number_that_answers_has_the_caller():
    out = Target(kind="outside", to=OUTSIDE)
    world = a_world(Rules(overflow=(Overflow(measure="wait", above=60, target=out),)))
    world.into_queue()
    world.later(60)
    world.see(LegAnswered(channel=world.call().transfer.leg, at=world.now))
    assert world.call().outside.number == OUTSIDE
    world.sign_on(ANA)
    assert world.call().offer is None


def test_o14_staffing_hours_the_end_a_site_and_a_callback():
    end = Target(kind="end")
    world = a_world(Rules(overflow=(Overflow(measure="staffing", above=1, at="entry", target=end),)))
    assert world.into_queue().ending == "overflow"
    site = Target(kind="site", to=str(uuid5(SPACE, "line 2")))
    world = a_world(Rules(overflow=(Overflow(measure="closed", at="waiting", target=site),)))
    there = replace(world.floor.lines[NUMBER], id=uuid5(SPACE, "line 2"), number="+15555550101", fallback_queue=OTHER)
    there = replace(there, hours=lambda _: "open")
    world.floor.lines["+15555550101"] = there
    world.into_queue()
    world.later(60)
    assert world.call().queue_id == QUEUE
    world.door = "closed"
    world.later(6)
    assert world.call().queue_id == OTHER
    back = Target(kind="callback")
    rules = Rules(overflow=(Overflow(measure="wait", above=60, target=back),), callback=Callback(offered=True))
    world = a_world(rules)
    world.into_queue()
    world.later(61)
    assert diverted(world) == [("overflow-wait", "callback")]
    assert world.call().arranging is not None


def test_two_queues_that_overflow_into_each_other_do_not_pass_a_caller_to_and_fro():
    world = World()
    for here, there in ((QUEUE, OTHER), (OTHER, QUEUE)):
        target = Target(kind="queue", to=str(there))
        world.reconfigure(here, rules=Rules(overflow=(Overflow(measure="staffing", above=1, target=target),)))
    call = world.into_queue()
    assert call.phase is Phase.WAITING
    world.later(600)
    assert len(diverted(world)) == 2
    assert len([e for e in world.events if e.kind is Kind.QUEUED]) <= 2


def test_o15_nobody_there_means_no_joining():
    world = a_world(Rules(join=Join(when_empty="refuse", target=Target(kind="queue", to=str(OTHER)))))
    assert world.into_queue("c1").queue_id == OTHER
    assert diverted(world) == [("join-empty", "queue")]
    world.sign_on(ANA)
    assert world.into_queue("c2").queue_id == QUEUE


def test_o15_when_the_last_agent_leaves_callers_stay_for_a_grace_time():
    rules = Rules(leave=Leave(when_empty=True, grace_seconds=60, target=Target(kind="queue", to=str(OTHER))))
    world = a_world(rules)
    world.sign_on(ANA)
    world.order(ANA, "agent.status", status="away")
    place = world.into_queue().place_at
    world.later(120)
    assert world.call().queue_id == QUEUE, "away is there"
    world.order(ANA, "agent.status", status="offline")
    world.later(30)
    world.order(ANA, "agent.status", status="away")
    world.later(10)
    world.order(ANA, "agent.status", status="offline")
    world.later(55)
    assert world.call().queue_id == QUEUE, "the time begins anew"
    world.later(15)
    assert (world.call().queue_id, world.call().place_at) == (OTHER, place)
    assert diverted(world) == [("leave-empty", "queue")]


def staffing(world: World) -> list[str]:
    return [e.kind for e in world.log if isinstance(e, FloorEvent) and e.kind.startswith("queue_")]


def test_o15_the_grace_time_counts_from_when_the_last_agent_left_not_from_an_older_time_without_agents():
    rules = Rules(leave=Leave(when_empty=True, grace_seconds=60, target=Target(kind="queue", to=str(OTHER))))
    world = a_world(rules)
    world.later(600)
    world.sign_on(ANA)
    world.order(ANA, "agent.status", status="away")
    world.into_queue()
    world.later(30)
    world.order(ANA, "agent.status", status="offline")
    world.later(59)
    assert world.call().queue_id == QUEUE, "an hour without agents before does not shorten the grace time"
    world.later(6)
    assert world.call().queue_id == OTHER
    assert staffing(world) == ["queue_emptied", "queue_staffed", "queue_emptied"]


def test_o15_who_joins_a_queue_that_is_empty_already_has_the_grace_time_too():
    world = a_world(Rules(leave=Leave(when_empty=True, grace_seconds=60, target=Target(kind="queue", to=str(OTHER)))))
    world.later(600)
    world.into_queue()
    world.later(50)
    assert world.call().queue_id == QUEUE
    world.later(15)
    assert world.call().queue_id == OTHER


def test_the_longest_wait_of_a_line_offers_to_leave_a_message():
    world = World()
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], max_wait_seconds=300)
    world.into_queue()
    world.heard() if world.call().playback else None
    world.later(299)
    assert diverted(world) == []
    world.later(1)
    assert diverted(world) == [("maximum-wait", "message-offer")]
    assert "/en/queue.voicemail-offer" in world.did(Play)[-1].media
    assert world.call().phase is Phase.WAITING, "the place is kept"
    world.press("1")
    assert world.call().phase is Phase.VOICEMAIL
    world.later(3)
    assert len(diverted(world)) == 1


def test_a_queue_taken_out_of_service_gives_its_callers_to_the_lines_queue():
    world = World()
    call = world.into_queue()
    boss(world, "call.move", queue_id=str(OTHER))
    world.plan([q for q in world.floor.queues.values() if q.id != OTHER], list(world.floor.agents.values()))
    assert (world.call().queue_id, world.call().place_at) == (QUEUE, call.place_at)
    assert diverted(world) == [("queue-closed", "queue")]
    world.plan([], list(world.floor.agents.values()))
    assert world.call().phase is Phase.VOICEMAIL


# --- for whom -------------------------------------------------------------------------------------------------------


def test_o17_a_caller_waits_for_the_agent_of_the_last_time_and_no_longer_than_said():
    world = a_world(Rules(sticky=Sticky(mode="members", seconds=40)))
    world.sign_on(ANA, BEN)
    world.into_queue("c0")
    answers(world, "c0")
    busy = world.call("c0").handling.agent_id
    world.arrive("c1")
    world.take(world.floor.recognise(world.call("c1").id, busy, world.now - timedelta(days=2), world.now))
    world.heard("c1")
    world.press("1", "c1")
    world.press("1", "c1")
    assert world.call("c1").offer is None, "the other is free, but it is kept"
    world.later(39)
    assert world.call("c1").offer is None
    world.later(1)
    assert world.call("c1").offer.agent_id != busy


def test_o17_the_last_time_must_not_be_too_long_ago():
    world = a_world(Rules(sticky=Sticky(mode="members", seconds=40, days=7)))
    world.sign_on(ANA)
    world.arrive("c1")
    world.take(world.floor.recognise(world.call("c1").id, BEN, world.now - timedelta(days=8), world.now))
    world.heard("c1")
    world.press("1", "c1")
    world.press("1", "c1")
    assert world.call("c1").offer.agent_id == ANA


def test_o17_a_person_who_is_busy_has_a_queue_of_their_own_and_then_the_backup():
    world = World()
    world.sign_on(ANA, BEN)
    for channel in ("c1", "c2"):
        world.into_queue(channel)
        answers(world, channel)
    with pytest.raises(AgentUnavailable):
        world.order(ANA, "call.transfer", call_id=str(world.call("c1").id), to={"kind": "agent", "id": str(BEN)})
    wanted = {"kind": "agent", "id": str(BEN), "wait": 120}
    with pytest.raises(InvalidInput):
        world.order(ANA, "call.transfer", call_id=str(world.call("c1").id), to={**wanted, "wait": 5})
    world.order(ANA, "call.transfer", call_id=str(world.call("c1").id), to=wanted)
    world.later(61)
    assert world.status(ANA) is AgentStatus.AVAILABLE
    assert world.call("c1").offer is None, "for Ben alone"
    hangs_up(world, "c2")
    world.order(BEN, "call.wrap_up", call_id=str(world.floor.agents[BEN].call_id), code="scheduled")
    assert world.call("c1").offer.agent_id == BEN
    assert not world.did(Play)


@pytest.mark.parametrize("signed_off", [True, False])
def test_o17_a_direct_line_waits_for_its_person_and_then_in_the_lines_queue(signed_off):
    world = World()
    world.sign_on(ANA, BEN)
    world.into_queue("c0")
    answers(world, "c0")
    busy = world.call("c0").handling.agent_id
    free = ANA if busy == BEN else BEN
    if signed_off:
        world.order(BOSS, "agent.status", manage=True, person_id=str(busy), status="offline")
        hangs_up(world, "c0")
        world.later(60)
    world.arrive("c1")
    out = world.floor.handle(EndpointChanged(endpoint="s-x", online=True, at=world.now), world.now)
    world.floor.step(world.call("c1").id, world.now, out, lambda s: join_queue(s, busy, reason=None, leave=None))
    world.floor.distribute(world.now, out)
    world.take(out)
    if not signed_off:
        assert world.call("c1").offer is None
        world.later(120)
    assert world.call("c1").offer.agent_id == free
    assert world.call("c1").queue_id == QUEUE


# --- supervisors ----------------------------------------------------------------------------------------------------


def test_a_supervisor_gives_a_waiting_call_to_somebody_now():
    world = World()
    world.sign_on(BEN)
    world.into_queue("c1")
    answers(world, "c1")
    world.into_queue("c2")
    world.into_queue("c3")
    with pytest.raises(AgentUnavailable):
        boss(world, "call.assign", "c3", person_id=str(BEN))
    world.reconfigure(QUEUE, skills={"triage": 1.0})
    world.sign_on(ANA)
    assert world.call("c3").offer is None
    boss(world, "call.assign", "c3", person_id=str(ANA))
    assert world.call("c3").offer.agent_id == ANA
    event = next(e for e in reversed(world.events) if e.kind is Kind.OFFERED)
    assert (event.body["by"], event.person_id) == ("supervisor", BOSS)
    with pytest.raises(WrongMoment):
        boss(world, "call.assign", "c1", person_id=str(ANA))


def test_supervisors_orders_are_refused_to_others_and_checked():
    world = World()
    call = world.into_queue()
    for kind, body in (("priority", {"priority": 1}), ("assign", {"person_id": str(ANA)}), ("explain", {})):
        with pytest.raises(Forbidden):
            world.order(ANA, f"call.{kind}", call_id=str(call.id), **body)
    for wrong in (None, "high", 901, True):
        with pytest.raises(InvalidInput):
            boss(world, "call.priority", priority=wrong)
    world.press("*")
    with pytest.raises(WrongMoment):
        boss(world, "call.priority", priority=1)


# --- why ------------------------------------------------------------------------------------------------------------


def test_o20_every_offer_carries_its_reasons_and_a_waiting_call_can_be_asked():
    world = World()
    world.sign_on(ANA, BEN)
    world.order(BEN, "agent.status", status="away")
    world.into_queue("c1")
    why = next(e for e in world.events if e.kind is Kind.OFFERED).body["why"]
    assert why["strategy"] == "longest-idle"
    assert why["chosen"] == [str(ANA)]
    against = {c["agent"]: c["against"] for c in why["candidates"]}
    assert against == {str(ANA): None, str(BEN): "away"}
    assert {"position", "turn", "requirement", "step"} <= set(why)
    world.into_queue("c2")
    boss(world, "call.explain", "c2")
    out = world.floor.dispatch.explain(world.call("c2").id, world.now)
    assert out["state"] == "nobody-free"
    assert {c["against"] for c in out["candidates"]} == {"offered", "away"}


def test_o21_w5_everything_is_changed_while_calls_wait_and_no_place_is_lost():
    world = World()
    for number in range(6):
        world.into_queue(f"c{number}")
    order = [world.call(f"c{n}").place_at for n in range(6)]
    floor = world.floor
    for changes in (
        {"rules": Rules(strategy="ring-all")},
        {"skills": {"triage": 50.0}},
        {"skills": {}, "members": frozenset({BEN})},
        {"name": "Welcome", "priority": 3},
        {"members": frozenset({ANA, BEN}), "ring_seconds": 5, "rules": Rules(rings=(Step(after_seconds=5),))},
    ):
        world.reconfigure(QUEUE, **changes)
        world.plan(list(floor.queues.values()), [replace(a, name=a.name + "x") for a in floor.agents.values()])
        places = [floor.outlook(world.call(f"c{n}"), world.now)[0] for n in range(6)]
        assert places == [1, 2, 3, 4, 5, 6]
    assert [world.call(f"c{n}").place_at for n in range(6)] == order
    world.sign_on(ANA)
    assert world.call("c0").offer is not None


def test_o22_an_unregistered_telephone_is_passed_over_and_its_agent_shown_away():
    world = World()
    world.sign_on(ANA, BEN)
    world.see(EndpointChanged(endpoint="s-Ana", online=False, at=world.now))
    assert world.into_queue().offer.agent_id == BEN
    assert (world.status(ANA), world.floor.agents[ANA].reason) == (AgentStatus.AWAY, "phone-offline")
    assert world.now > NOON
