"""The router as a whole: rings, reserves, fair order, kept calls, capacity, and change while calls wait."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

import pytest

from careline.queues.model import AgentStatus, Direct, Member, Preferred
from careline.queues.rules import Ageing, ReserveLevel, Ring
from careline.testing.routing import NOON, OTHER, QUEUE, agent, at, call, pairs, queue, router

pytestmark = pytest.mark.unit

ONE, TWO, THREE = UUID(int=1), UUID(int=2), UUID(int=3)


def busy(one):
    """The agent in a call."""
    return replace(one, status=AgentStatus.TALKING)


# --- O5: rings --------------------------------------------------------------------------------------------------------


def test_o5_rings_widen_step_by_step_and_the_call_keeps_its_place():
    nurse = agent(1, skills={"nurse": 90.0}, status=AgentStatus.TALKING)
    clerk = agent(2, skills={"clerk": 90.0})
    people = [nurse, clerk]
    desk = queue(people, requirement="nurse", rings=(Ring(after_seconds=30, requirement="nurse or clerk"),))
    floor = router(people, desk)
    floor.put_call(call(1, waited=5))
    floor.put_call(call(2))
    assert floor.match(NOON) == []
    assert floor.next_change(NOON) == at(25)
    assert floor.match(at(24)) == []
    (match,) = floor.match(at(25))
    assert (pairs([match]), match.ring) == ([(1, 2)], 1)
    # Put back after an offer that came to nothing it is first again, before the call behind it.
    floor.put_call(call(1, waited=5, excluded=frozenset({TWO})))
    assert floor.position(UUID(int=1001), at(26)) == 1


def test_o5_the_next_ring_opens_at_once_when_nobody_signed_on_can_serve_this_one():
    nurse, clerk = agent(1, skills={"nurse": 90.0}), agent(2)
    desk = queue([nurse, clerk], requirement="nurse", rings=(Ring(after_seconds=60, drop=("nurse",)),))
    floor = router([busy(nurse), clerk], desk)
    floor.put_call(call(1))
    assert floor.match(NOON) == []  # she is in a call, and will be free again
    floor.put_agent(replace(nurse, status=AgentStatus.OFFLINE))
    assert pairs(floor.match(at(1))) == [(1, 2)]


def test_o5_a_call_being_offered_is_not_relaxed():
    nurse, clerk = agent(1, skills={"nurse": 90.0}), agent(2)
    desk = queue(
        [nurse, clerk], strategy="progressive", requirement="nurse", rings=(Ring(after_seconds=15, drop=("nurse",)),)
    )
    floor = router([nurse, clerk], desk)
    floor.put_call(call(1))
    assert pairs(floor.match(NOON)) == [(1, 1)]
    floor.put_call(call(1, ringing=frozenset({ONE}), rung_at=NOON, ring_frozen_at=NOON))
    assert floor.match(at(20)) == []
    floor.put_call(call(1, excluded=frozenset({ONE})))
    assert pairs(floor.match(at(20))) == [(1, 2)]


@pytest.mark.parametrize(("frozen", "taken"), [(True, []), (False, [(1, 1)])])
def test_o5_changed_rings_hold_for_waiting_calls_or_not_by_stated_policy(frozen, taken):
    clerk, nurse = agent(1), agent(2, skills={"nurse": 1.0}, status=AgentStatus.TALKING)
    old = queue(
        [clerk, nurse], requirement="nurse", rings=(Ring(after_seconds=600, drop=("nurse",)),), rings_frozen=frozen
    )
    floor = router([clerk, nurse], old)
    floor.put_call(call(1))
    assert floor.match(NOON) == []
    rules = replace(old.rules, rings=(Ring(after_seconds=5, drop=("nurse",)),))
    floor.configure({QUEUE: replace(old, rules=rules)})
    assert pairs(floor.match(at(6))) == taken


def test_o5_named_agents_and_teams_by_rank():
    people = [agent(1), agent(2), agent(3)]
    desk = queue(
        people,
        places={3: Member(rank=1)},
        rings=(Ring(after_seconds=0, max_rank=0), Ring(after_seconds=20, max_rank=5)),
    )
    floor = router([busy(people[0]), busy(people[1]), people[2]], desk)
    floor.put_call(call(1))
    assert floor.match(at(19)) == []
    assert pairs(floor.match(at(20))) == [(1, 3)]
    named = queue(people, rings=(Ring(after_seconds=0, agents=frozenset({TWO})),))
    floor = router(people, named)
    floor.put_call(call(1))
    assert pairs(floor.match(NOON)) == [(1, 2)]


# --- O6: reserve ------------------------------------------------------------------------------------------------------


def test_o6_the_reserve_is_called_on_above_one_threshold_and_sent_back_only_below_another():
    first, helper = busy(agent(1)), agent(2)
    desk = queue([first, helper], places={2: Member(reserve=1)}, reserve=(ReserveLevel(wait_above=60, wait_below=20),))
    floor = router([first, helper], desk)
    floor.put_call(call(1))
    assert floor.match(at(60)) == []
    assert floor.next_change(at(60)) > at(60)
    assert pairs(floor.match(at(61))) == [(1, 2)]
    # On: a call that has waited only 30 seconds is taken as well, for it is not below the second threshold.
    floor.put_agent(helper)
    floor.put_call(call(2, waited=-31))
    assert pairs(floor.match(at(61))) == [(2, 2)]
    # Off: everybody's wait is short again.
    floor.put_agent(helper)
    floor.put_call(call(3, waited=-60))
    assert floor.match(at(65)) == []
    assert floor.match(at(90)) == []


def test_o6_levels_go_up_in_turn_and_look_at_the_number_waiting_too():
    helpers = [agent(1), agent(2)]
    levels = (ReserveLevel(waiting_above=1, waiting_below=1), ReserveLevel(waiting_above=2, waiting_below=2))
    floor = router(helpers, queue(helpers, places={1: Member(reserve=1), 2: Member(reserve=2)}, reserve=levels))
    floor.put_call(call(1))
    assert floor.match(NOON) == []
    floor.put_call(call(2))
    assert pairs(floor.match(NOON)) == [(1, 1)]
    for number in (3, 4):
        floor.put_call(call(number))
    assert pairs(floor.match(NOON)) == [(2, 2)]


# --- O9, complaints 15 and 16: fair order across queues ---------------------------------------------------------------


def test_o9_weights_order_queues_and_a_blocked_one_never_holds_up_another():
    both, nurse_only = agent(1), agent(2, status=AgentStatus.TALKING, skills={"nurse": 1.0})
    heavy = queue([both, nurse_only], weight=10, requirement="nurse")
    light = queue([both], id=OTHER)
    floor = router([both, nurse_only], heavy, light)
    floor.put_call(call(1, waited=600))
    floor.put_call(call(2, queue_id=OTHER))
    assert pairs(floor.match(NOON)) == [(2, 1)]
    floor.put_call(call(3, queue_id=OTHER, waited=900))
    floor.put_agent(replace(both, skills={"nurse": 1.0}))
    assert pairs(floor.match(NOON)) == [(1, 1)]


def test_o9_acceleration_shares_agents_between_queues_without_starving_either():
    one = agent(1)
    fast = queue([one], ageing=Ageing(formula="accelerated", acceleration=2))
    slow = queue([one], id=OTHER, ageing=Ageing(formula="minutes"))
    floor = router([], fast, slow)
    served = []
    for minute in range(30):
        floor.put_call(call(100 + minute, waited=-60 * minute))
        floor.put_call(call(200 + minute, waited=-60 * minute, queue_id=OTHER))
        floor.put_agent(one)
        served += [c // 100 for c, _ in pairs(floor.match(at(60 * minute)))]
    assert served.count(1) > served.count(2) >= 8


def test_complaint_15_a_heavy_queue_with_relaxed_rings_does_not_block_queues_with_free_agents():
    first, second = busy(agent(1)), agent(2)
    heavy = queue([first, second], weight=50, places={2: Member(rank=5)}, rings=(
        Ring(after_seconds=0, max_rank=1), Ring(after_seconds=300, max_rank=9),
    ))  # fmt: skip
    light = queue([second], id=OTHER)
    floor = router([first, second], heavy, light)
    for number in range(5):
        floor.put_call(call(number, waited=250))
    floor.put_call(call(9, queue_id=OTHER))
    assert pairs(floor.match(NOON)) == [(9, 2)]
    floor.put_agent(second)
    # Once its rings have opened, weight decides again.
    floor.put_call(call(10, queue_id=OTHER))
    assert pairs(floor.match(at(50))) == [(0, 2)]


def test_complaint_16_longest_waiting_first_across_queues_and_priority_honoured():
    people = [agent(1), agent(2), agent(3)]
    floor = router([], queue(people), queue(people, id=OTHER))
    floor.put_call(call(1, waited=10))
    floor.put_call(call(2, waited=90, queue_id=OTHER))
    floor.put_call(call(3, waited=50))
    floor.put_call(call(4, waited=1, queue_id=OTHER, priority=1))
    for one in people:
        floor.put_agent(one)
    assert [c for c, _ in pairs(floor.match(NOON))] == [4, 2, 3]


def test_complaint_21_a_changed_priority_holds_at_once_for_a_waiting_caller():
    one = agent(1)
    floor = router([], queue([one]))
    for number in range(3):
        floor.put_call(call(number, waited=60 - number))
    floor.match(NOON)
    floor.put_call(call(2, waited=58, priority=5))
    assert floor.position(UUID(int=1002)) == 1
    floor.put_agent(one)
    assert pairs(floor.match(NOON)) == [(2, 1)]


# --- O14, O15: what overflow looks at ---------------------------------------------------------------------------------


def test_o10_the_estimate_knows_position_staffing_that_suits_and_other_queues():
    spanish = agent(1, status=AgentStatus.TALKING, languages=frozenset({"en", "es"}))
    english = agent(2, status=AgentStatus.TALKING)
    floor = router([spanish, english], queue([spanish, english]), queue([english], id=OTHER))
    floor.handling[QUEUE] = 100.0
    floor.put_call(call(1, waited=9))
    floor.put_call(call(2, waited=5))
    floor.put_call(call(3, language="es"))
    assert floor.estimate(UUID(int=1002), NOON) == 100  # second in line, two agents
    assert floor.estimate(UUID(int=1003), NOON) == 300  # third in line, one who speaks Spanish
    floor.put_call(call(4, waited=1, queue_id=OTHER))
    # One of the two is now shared: three of the four who wait there are ours.
    assert floor.estimate(UUID(int=1002), NOON) == pytest.approx(2 * 100 / 1.75)
    floor.put_agent(replace(spanish, status=AgentStatus.OFFLINE))
    assert floor.estimate(UUID(int=1003), NOON) is None


# --- O16: capacity ----------------------------------------------------------------------------------------------------


def test_o16_capacity_per_channel_and_what_may_interrupt_what():
    writer = agent(1, capacity={"message": 2}, load={"message": 1})
    floor = router([writer], queue([writer]))
    floor.put_call(call(1))
    floor.put_call(call(2, channel="message"))
    # A telephone call does not break into messages; a second message fits.
    assert pairs(floor.match(NOON)) == [(2, 1)]
    floor.put_agent(replace(writer, load={"message": 2}))
    floor.put_call(call(3, channel="message"))
    assert floor.match(NOON) == []
    floor.put_agent(replace(writer, load={"message": 2}, interrupts={"message": frozenset({"voice"})}))
    assert pairs(floor.match(NOON)) == [(1, 1)]
    talking = replace(busy(writer), load={"voice": 1}, interrupts={"voice": frozenset({"message"})})
    floor.put_agent(talking)
    assert pairs(floor.match(NOON)) == [(3, 1)]
    floor.put_call(call(4))
    floor.put_agent(talking)
    assert floor.match(NOON) == []  # never two telephone calls


# --- O17: sticky, preferred, direct -----------------------------------------------------------------------------------


def test_o17_a_call_is_kept_for_the_agent_of_the_last_time_and_no_longer():
    hers, other = busy(agent(1)), agent(2)
    floor = router([hers, other], queue([hers, other]))
    kept = call(1, preferred=(Preferred(agent_id=ONE, until=at(40)),))
    floor.put_call(kept)
    floor.put_call(call(2))
    assert pairs(floor.match(NOON)) == [(2, 2)]  # the call behind it is not held up
    floor.put_agent(other)
    assert floor.match(at(39)) == []
    assert floor.next_change(at(39)) == at(40)
    assert pairs(floor.match(at(40))) == [(1, 2)]


def test_o17_the_best_score_first_and_nobody_is_waited_for_who_is_signed_off():
    people = [agent(1, idle=500), agent(2), agent(3)]
    floor = router(people, queue(people))
    two = tuple(Preferred(agent_id=UUID(int=n), until=at(40), score=n) for n in (2, 3))
    floor.put_call(call(1, preferred=two))
    assert pairs(floor.match(NOON)) == [(1, 3)]
    floor.put_agent(replace(people[1], status=AgentStatus.OFFLINE))
    floor.put_agent(replace(people[2], status=AgentStatus.OFFLINE))
    floor.put_call(call(2, preferred=two))
    assert pairs(floor.match(NOON)) == [(2, 1)]


def test_o17_somebody_outside_the_queue_only_when_the_rules_say_anyone():
    member, other = agent(1), agent(2)
    floor = router([member, other], queue([member]))
    floor.put_call(call(1, preferred=(Preferred(agent_id=TWO, until=at(40)),)))
    assert pairs(floor.match(NOON)) == [(1, 1)]
    floor.put_call(call(2, preferred=(Preferred(agent_id=TWO, until=at(40), member=False),)))
    assert pairs(floor.match(NOON)) == [(2, 2)]


def test_o17_direct_waits_for_the_person_and_then_in_the_backup_queue():
    person, clerk = busy(agent(1)), agent(2)
    floor = router([person, clerk], queue([person]), queue([clerk], id=OTHER))
    floor.put_call(call(1, direct=Direct(agent_id=ONE, until=at(60), then=OTHER)))
    assert floor.match(at(59)) == []
    assert floor.next_change(at(59)) == at(60)
    (match,) = floor.match(at(60))
    assert (pairs([match]), match.queue_id) == ([(1, 2)], OTHER)
    # Signed off: the backup queue at once.
    floor.put_agent(replace(person, status=AgentStatus.OFFLINE))
    floor.put_agent(clerk)
    floor.put_call(call(2, direct=Direct(agent_id=ONE, until=at(600), then=OTHER)))
    assert pairs(floor.match(at(61))) == [(2, 2)]


# --- M1, and change while calls wait ----------------------------------------------------------------------------------


def test_m1_skills_priority_language_sticky_agents_and_several_queues():
    ana = agent(1, skills={"scheduling": 80.0}, languages=frozenset({"en", "es"}))
    ben = agent(2, idle=100, skills={"scheduling": 40.0, "billing": 90.0})
    cyd = agent(3, idle=50, skills={"billing": 20.0}, status=AgentStatus.TALKING)
    people = [ana, ben, cyd]
    scheduling = queue(people, skills={"scheduling": 30.0})
    billing = queue(people, id=OTHER, requirement="billing >= 50 or agent:" + str(THREE), priority=1)
    floor = router([], scheduling, billing)
    floor.put_call(call(1, waited=90, language="es"))
    floor.put_call(call(2, waited=60))
    floor.put_call(call(3, waited=5, queue_id=OTHER))
    floor.put_call(call(4, waited=1, queue_id=OTHER, preferred=(Preferred(agent_id=THREE, until=at(90)),)))
    for one in people:
        floor.put_agent(one)
    assert pairs(floor.match(NOON)) == [(3, 2), (1, 1)]
    floor.put_agent(replace(cyd, status=AgentStatus.AVAILABLE))
    assert pairs(floor.match(NOON)) == [(4, 3)]


def test_w5_strategy_skills_members_and_names_change_while_calls_wait_and_places_stay():
    ana, ben = agent(1, idle=9), agent(2, idle=90)
    desk = queue([ana], requirement="nurse")
    floor = router([busy(ana), ben], desk)
    for number in range(3):
        floor.put_call(call(number, waited=30 - number))
    floor.match(NOON)
    renamed = replace(desk, name="reception", rules=replace(desk.rules, requirement="", strategy="linear"))
    floor.configure({QUEUE: replace(renamed, members=frozenset({ONE, TWO}))})
    assert [floor.position(UUID(int=1000 + n), NOON) for n in range(3)] == [1, 2, 3]
    assert pairs(floor.match(NOON)) == [(0, 2)]
    # A queue that vanishes for a moment loses nobody.
    floor.configure({})
    assert floor.match(NOON) == []
    floor.configure({QUEUE: renamed})
    floor.put_agent(ana)
    assert pairs(floor.match(NOON)) == [(1, 1)]


# --- why --------------------------------------------------------------------------------------------------------------


def test_o20_every_match_and_every_wait_can_be_explained():
    ana, ben = agent(1, idle=9, skills={"nurse": 70.0}), agent(2, idle=90, skills={"nurse": 40.0})
    cyd, dan = agent(3), agent(4, skills={"nurse": 5.0}, status=AgentStatus.WRAP_UP)
    people = [ana, ben, cyd, dan]
    floor = router(people, queue(people, strategy="best-skills", requirement="nurse"))
    floor.put_call(call(1, waited=20, excluded=frozenset({TWO})))
    (match,) = floor.match(NOON, why=True)
    why = json.loads(json.dumps(dict(match.why)))
    assert why["chosen"] == [str(ONE)]
    assert (why["strategy"], why["requirement"], why["step"], why["position"]) == ("best-skills", "nurse", 0, 1)
    against = {UUID(c["agent"]).int: c["against"] for c in why["candidates"]}
    assert against == {1: None, 2: "tried", 3: "skills", 4: "wrap_up"}
    assert why["turn"]["waited"] == 20
    floor.put_call(call(2, waited=5))
    floor.put_agent(replace(ben, status=AgentStatus.AWAY))
    waiting = floor.explain(UUID(int=1002), NOON)
    assert waiting["state"] == "nobody-free"
    assert {UUID(c["agent"]).int: c["against"] for c in waiting["candidates"]} == {
        1: "just-offered", 2: "away", 3: "skills", 4: "wrap_up",
    }  # fmt: skip


def test_o20_more_candidates_than_can_be_read_are_counted():
    people = [agent(n, status=AgentStatus.AWAY if n > 20 else AgentStatus.AVAILABLE) for n in range(1, 61)]
    floor = router(people, queue(people))
    floor.put_call(call(1))
    (match,) = floor.match(NOON, why=True)
    assert len(match.why["candidates"]) == 25
    assert match.why["more"] == {"away": 35}
