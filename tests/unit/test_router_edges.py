"""Edges of the router that change what a caller meets: who is counted, what a departure opens, a clock set back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from careline.queues import overflow
from careline.queues.estimate import Announced, announce
from careline.queues.model import AgentStatus
from careline.queues.rules import Announce, ReserveLevel, Ring
from careline.testing.routing import NOON, agent, at, call, pairs, queue, router

pytestmark = pytest.mark.unit

WIDER = (Ring(after_seconds=60, drop=("nurse",)),)
NURSE = agent(1, skills={"nurse": 90.0}, status=AgentStatus.TALKING)
CLERK = agent(2)


@pytest.mark.parametrize("what", ["dropped", "loses the skill", "signs off"])
def test_o5_whoever_could_serve_a_ring_is_gone_and_the_next_one_opens_at_once(what: str) -> None:
    floor = router([NURSE, CLERK], queue([NURSE, CLERK], requirement="nurse", rings=WIDER))
    floor.put_call(call(1))
    assert floor.match(NOON) == [], "she is in a call, and will be free again"
    match what:
        case "dropped":
            floor.drop_agent(NURSE.id)
        case "loses the skill":
            floor.put_agent(replace(NURSE, skills={}))
        case _:
            floor.put_agent(replace(NURSE, status=AgentStatus.OFFLINE))
    assert pairs(floor.match(at(1))) == [(1, 2)]


def test_o5_a_ring_that_nobody_signed_on_can_serve_holds_up_nobody_from_the_start() -> None:
    away = replace(NURSE, status=AgentStatus.OFFLINE)
    floor = router([away, CLERK], queue([NURSE, CLERK], requirement="nurse", rings=WIDER))
    floor.put_call(call(1))
    assert pairs(floor.match(NOON)) == [(1, 2)]


def test_o5_a_clock_that_is_set_back_closes_no_ring_again() -> None:
    floor = router([NURSE], queue([NURSE, CLERK], requirement="nurse", rings=WIDER))
    floor.put_call(call(1))
    assert floor.match(at(61)) == []
    assert floor.match(at(10)) == []
    floor.put_call(call(1))
    floor.put_agent(CLERK)
    assert pairs(floor.match(at(10))) == [(1, 2)]


def test_o5_a_call_that_comes_again_enters_by_the_rings_of_now() -> None:
    before = queue([NURSE, CLERK], requirement="nurse", rings=WIDER, rings_frozen=True)
    floor = router([NURSE, CLERK], before)
    floor.put_call(call(1))
    after = replace(before, rules=replace(before.rules, rings=(Ring(after_seconds=5, drop=("nurse",)),)))
    floor.configure({after.id: after})
    assert floor.match(at(20)) == [], "who waits keeps the rings of the beginning"
    floor.drop_call(call(1).call_id)
    floor.put_call(call(1))
    assert pairs(floor.match(at(21))) == [(1, 2)]


def test_o16_who_is_being_offered_a_call_is_offered_nothing_else_on_a_new_channel() -> None:
    ann = agent(1, capacity={"voice": 1, "chat": 1}, interrupts={"voice": frozenset({"chat"})})
    floor = router([ann], queue([ann]))
    floor.put_call(call(1))
    assert pairs(floor.match(NOON)) == [(1, 1)]
    floor.put_call(call(2, channel="chat"))
    assert floor.match(at(1)) == []
    floor.put_agent(replace(ann, status=AgentStatus.TALKING, load={"voice": 1}))
    assert pairs(floor.match(at(2))) == [(2, 1)]


def test_o10_callers_whom_others_serve_do_not_lengthen_the_wait() -> None:
    french = agent(1, skills={"french": 90.0}, status=AgentStatus.TALKING)
    biller = agent(2, skills={"billing": 90.0}, status=AgentStatus.TALKING)
    floor = router([french, biller], replace(queue([french, biller]), expected_handle_seconds=100))
    for number in range(1, 4):
        floor.put_call(call(number, waited=100 - number, requirement="french"))
    floor.put_call(call(9, requirement="billing"))
    floor.match(NOON)
    assert floor.position(call(9).call_id, NOON) == 4
    alone = floor.estimate(call(9).call_id, NOON)
    floor.put_call(call(8, waited=50, requirement="billing"))
    floor.match(NOON)
    second = floor.estimate(call(9).call_id, NOON)
    assert alone is not None
    assert second == pytest.approx(2 * alone)


def test_o10_a_wait_beyond_the_cap_is_told_as_more_than_the_cap_and_the_cap_itself_as_it_is() -> None:
    rules = Announce(wait=True, cap_minutes=30)
    assert announce(20 * 60, None, rules) == Announced(low=20, high=30)
    assert announce(20 * 60 + 1, None, rules) == Announced(low=None, high=30)


@pytest.mark.parametrize(
    ("longest", "waiting", "on"),
    [(10, 3, 1), (50, 1, 1), (30, 1, 1), (10, 1, 0), (0, 0, 0), (500, 0, 0), (121, 1, 1), (10, 6, 1)],
)
def test_o6_the_reserve_goes_back_only_when_wait_and_number_are_both_low(longest: float, waiting: int, on: int) -> None:
    level = ReserveLevel(wait_above=120, wait_below=30, waiting_above=5, waiting_below=1)
    # Above either threshold it is called on before it could be sent back.
    assert overflow.reserve_level((level,), 1, longest, waiting) == on
