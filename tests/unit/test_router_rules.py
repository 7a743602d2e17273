"""Skill expressions, rings, ageing, overflow and estimates: the rules as pure functions."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from careline.queues import ageing, estimate, overflow, rings, skills
from careline.queues.estimate import Announced
from careline.queues.explain import describe
from careline.queues.model import AgentStatus, Member
from careline.queues.rings import StepEvent
from careline.queues.rules import (
    Ageing,
    Announce,
    InvalidRules,
    Join,
    Leave,
    Overflow,
    Ring,
    Rules,
    Target,
    from_body,
    queues_named,
    to_body,
)
from careline.testing.routing import NOON, OTHER, QUEUE, agent, at, call, queue

pytestmark = pytest.mark.unit

SOMEBODY = UUID("018f0000-0000-7000-8000-000000000001")


# --- O3, O4: skills ---------------------------------------------------------------------------------------------------


def test_o3_importers_keep_the_ordering():
    best_first = [skills.from_scale(n, "1-20-inverted") for n in range(1, 21)]
    assert best_first == sorted(best_first, reverse=True)
    assert (best_first[0], best_first[-1]) == (100, 0)
    five = [skills.from_scale(n / 10, "0-5") for n in range(51)]
    ten = [skills.from_scale(n, "1-10") for n in range(1, 11)]
    assert five == sorted(set(five))
    assert ten == sorted(set(ten))
    assert (five[0], five[-1], ten[0], ten[-1]) == (0, 100, 0, 100)
    with pytest.raises(ValueError, match="not on the scale"):
        skills.from_scale(21, "1-20-inverted")


def test_o3_no_skill_is_not_a_skill_of_zero():
    zero, none = {"spanish": 0.0}, {}
    for text, with_zero in (("spanish >= 0", True), ("spanish < 50", True), ("spanish", True), ("spanish > 0", False)):
        assert skills.holds(skills.parse(text), SOMEBODY, zero) is with_zero
        assert skills.holds(skills.parse(text), SOMEBODY, none) is False
    assert skills.holds(skills.parse("not spanish"), SOMEBODY, none)
    assert not skills.holds(skills.parse("not spanish"), SOMEBODY, zero)


@pytest.mark.parametrize(
    ("text", "have", "fits"),
    [
        ("", {}, True),
        ("spanish >= 50 and billing", {"spanish": 50.0, "billing": 1.0}, True),
        ("spanish >= 50 and billing", {"spanish": 49.9, "billing": 1.0}, False),
        ("spanish or billing and nurse", {"spanish": 1.0}, True),
        ("(spanish or billing) and nurse", {"spanish": 1.0}, False),
        ("billing in 20..80", {"billing": 80.0}, True),
        ("billing in 20..80", {"billing": 80.5}, False),
        ("billing = 30", {"billing": 30.0}, True),
        ("billing <= 30.5", {"billing": 30.5}, True),
        ("not trainee and billing", {"billing": 10.0}, True),
        ("not trainee and billing", {"billing": 10.0, "trainee": 5.0}, False),
        ("not (a or b)", {"c": 1.0}, True),
        (f"agent:{SOMEBODY}", {}, True),
        (f"not agent:{SOMEBODY}", {}, False),
    ],
)
def test_o4_expressions_with_and_or_not_ranges_and_named_agents(text, have, fits):
    expression = skills.parse(text)
    assert skills.holds(expression, SOMEBODY, have) is fits
    # What is shown of it means the same.
    assert skills.parse(describe(expression)) == expression


@pytest.mark.parametrize(
    ("text", "at", "what"),
    [
        ("spanish >=", 10, "a number"),
        ("spanish >= 150", 11, "0 to 100"),
        ("spanish and", 11, "a skill"),
        ("spanish billing", 8, "should end"),
        ("(spanish", 8, "closing parenthesis"),
        ("spanish & billing", 8, "does not belong"),
        ("billing in 80..20", 15, "smaller to the greater"),
        ("billing in 80", 13, "20..80"),
        ("agent:018f0000-0000-7000-8000-00000000000-", 0, "agent's id"),
        ("not " * 60 + "a", 204, "too deeply"),
        ("(" * 60 + "a" + ")" * 60, 51, "too deeply"),
    ],
)
def test_o4_an_error_points_at_its_place(text, at, what):
    with pytest.raises(skills.BadExpression, match=what) as caught:
        skills.parse(text)
    assert caught.value.facts["at"] == at
    assert caught.value.detail.startswith(f"Character {at + 1}:")


# --- O5, O7: rings ----------------------------------------------------------------------------------------------------


def test_o5_rings_open_by_time_and_never_for_a_call_that_is_being_offered():
    steps = (Ring(after_seconds=10, drop=("nurse",)), Ring(after_seconds=30, requirement="billing", language=False))
    waiting = call(1, requirement="nurse")
    assert [rings.opened(waiting, steps, at(t)) for t in (0, 9.9, 10, 29, 30)] == [0, 0, 1, 1, 2]
    assert rings.next_opens(waiting, steps, at(10)) == at(30)
    offered = replace(waiting, ring_frozen_at=at(12))
    assert rings.opened(offered, steps, at(300)) == 1
    assert rings.next_opens(offered, steps, at(300)) is None
    desk = queue([], requirement="scheduling and nurse")
    assert describe(rings.reach(waiting, desk, steps, 0).requirement) == "scheduling and nurse"
    assert describe(rings.reach(waiting, desk, steps, 1).requirement) == "scheduling"
    widest = rings.reach(waiting, desk, steps, 2)
    assert (describe(widest.requirement), widest.language) == ("billing", False)


def test_o5_rings_count_from_entry_into_this_queue_not_from_the_place():
    steps = (Ring(after_seconds=10),)
    assert rings.opened(call(1, waited=500, queued_at=NOON), steps, at(5)) == 0


def test_o7_each_step_counts_who_came_who_was_taken_and_who_went_on():
    a, b, c, d = (UUID(int=n) for n in range(4))
    events = [
        StepEvent(call_id=a, kind="entered", step=0),
        StepEvent(call_id=b, kind="entered", step=0),
        StepEvent(call_id=c, kind="entered", step=0),
        StepEvent(call_id=d, kind="entered", step=0),
        StepEvent(call_id=a, kind="joined", step=0),
        StepEvent(call_id=b, kind="entered", step=1),
        StepEvent(call_id=b, kind="joined", step=1),
        StepEvent(call_id=c, kind="entered", step=1),
        StepEvent(call_id=c, kind="left", step=2),
        StepEvent(call_id=d, kind="left", step=0),
    ]
    counts = rings.measure(events)
    assert [(n.queued, n.expired, n.joined, n.left) for n in counts.values()] == [
        (4, 2, 1, 1),
        (2, 1, 1, 0),
        (1, 0, 0, 1),
    ]
    assert counts[0].joined_share == 0.25
    assert all(n.queued == n.expired + n.joined + n.left for n in counts.values())


# --- O8: ageing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "scores", "order"),
    [("minutes", [10, 11, 5], "BAC"), ("seconds", [600, 70, 300], "ACB")],
)
def test_o8_priority_ageing_reproduces_the_vector(formula, scores, order):
    desk = queue([], ageing=Ageing(formula=formula))
    calls = {"A": call(1, waited=600), "B": call(2, waited=60, priority=10), "C": call(3, waited=300)}
    assert [ageing.score(c, desk, NOON) for c in calls.values()] == scores
    assert "".join(sorted(calls, key=lambda name: ageing.rank(calls[name], desk, NOON))) == order


def test_o8_acceleration_and_its_cap():
    desk = queue([], ageing=Ageing(formula="accelerated", acceleration=2.0, cap=9.0))
    assert ageing.score(call(1, waited=120, priority=3), desk, NOON) == 7
    assert ageing.score(call(1, waited=1200, priority=3), desk, NOON) == 9


def test_o8_priority_alone_and_the_clock_of_the_whole_call():
    plain = queue([])
    assert ageing.rank(call(1, priority=1), plain, NOON) < ageing.rank(call(2, waited=9000), plain, NOON)
    whole = queue([], ageing=Ageing(formula="minutes", since="arrival"))
    assert ageing.score(call(1, waited=60, arrived_at=at(-300)), whole, NOON) == 5


def test_o8_a_hard_maximum_wait_puts_a_call_first_and_danger_goes_before_it():
    desk = queue([], max_wait={"routine": 300}, weight=-5)
    busy = queue([], id=OTHER, weight=10)
    late, urgent = call(1, waited=300), call(2, waited=10, priority=50, queue_id=OTHER)
    assert ageing.rank(late, desk, NOON) < ageing.rank(urgent, busy, NOON)
    assert ageing.rank(late, desk, at(-1)) > ageing.rank(urgent, busy, at(-1))
    danger = call(3, waited=0, klass="emergency")
    assert ageing.rank(danger, desk, NOON) < ageing.rank(late, desk, NOON)


# --- O10: estimates ---------------------------------------------------------------------------------------------------


def test_o10_what_is_announced_never_grows_where_the_moving_average_does():
    # app_queue's formula with an average of a minute: three minutes after five of waiting, eight after ten.
    assert [estimate.moving_average_minutes(60, waited) for waited in (300, 600)] == [3, 8]
    told, last = [], None
    for seconds in (300, 290, 340, 250, 500, 120, 130):
        last = estimate.announce(seconds, last, Announce()) or last
        told.append(last.high)
    assert told == sorted(told, reverse=True)


def test_o10_a_much_longer_wait_is_said_with_an_apology_and_capped():
    rules = Announce(cap_minutes=20)
    last = estimate.announce(120, None, rules)
    assert last == Announced(low=2, high=3)
    assert estimate.announce(400, last, rules) == Announced(low=7, high=10, longer=True)
    assert estimate.announce(1200, last, rules) == Announced(low=None, high=20, longer=True)
    assert estimate.announce(130, last, replace(rules, only_if_improved=True)) is None
    assert estimate.announce(None, last, rules) is None


# --- O14, O15: overflow, joining, leaving -----------------------------------------------------------------------------

ENTERING = overflow.QueueState(entering=True, waiting=2, signed_on=2, estimate=90.0, waited=0.0)


def decided(state, **rule):
    """The reason of the action under one rule."""
    action = overflow.decide(state, Rules(overflow=(Overflow(**rule),)))
    return action and action.reason


def test_o14_the_ratio_vectors_of_wazo():
    assert decided(ENTERING, measure="ratio", above=1) == "overflow-ratio"  # (2 + 1) / 2 = 1.5 > 1
    half = replace(ENTERING, waiting=5, signed_on=12)
    assert decided(half, measure="ratio", above=0.5) is None  # 6 / 12 = 0.5 is not > 0.5
    assert decided(replace(ENTERING, waiting=0, signed_on=1), measure="ratio", above=0.5) is None  # never from nobody
    assert decided(replace(ENTERING, signed_on=0), measure="ratio", above=50) == "overflow-ratio"


def test_o14_three_thresholds_size_estimate_and_time_on_hold():
    assert decided(ENTERING, measure="waiting", above=2) == "overflow-waiting"
    assert decided(ENTERING, measure="waiting", above=3) is None
    assert decided(ENTERING, measure="estimate", above=60) == "overflow-estimate"
    assert decided(ENTERING, measure="estimate", above=90) is None
    assert decided(replace(ENTERING, estimate=None), measure="estimate", above=0) is None
    held = replace(ENTERING, entering=False, waited=120.0)
    assert decided(held, measure="wait", above=120) == "overflow-wait"
    assert decided(replace(held, waited=119.0), measure="wait", above=120) is None
    rules = Rules(overflow=(Overflow(measure="wait", above=120),))
    assert overflow.next_check(10.0, rules, NOON) == at(120)
    assert overflow.next_check(130.0, rules, NOON) is None


def test_o14_staffing_hours_and_the_moment_at_which_a_rule_looks():
    assert decided(ENTERING, measure="staffing", above=3) == "overflow-staffing"
    assert decided(ENTERING, measure="closed") is None
    assert decided(replace(ENTERING, open=False), measure="closed") == "overflow-closed"
    assert decided(replace(ENTERING, open=False), measure="closed", at="waiting") is None
    assert decided(replace(ENTERING, open=False, entering=False), measure="closed", at="entry") is None


def test_o14_the_first_rule_that_holds_says_where_to():
    night, line = Target(kind="outside", to="+15555550199"), Target(kind="queue", to=str(OTHER), keep_place=False)
    rules = Rules(
        overflow=(
            Overflow(measure="waiting", above=10, target=line),
            Overflow(measure="estimate", above=30, target=night),
            Overflow(measure="ratio", above=0, target=line),
        )
    )
    assert overflow.decide(ENTERING, rules) == overflow.Action(target=night, reason="overflow-estimate")


def test_o15_joining_an_empty_queue_by_what_counts_as_staffed():
    people = [agent(1, status=AgentStatus.AWAY), agent(2, status=AgentStatus.TALKING), agent(3, phone_online=False)]
    open_desk = queue(people)
    assert overflow.may_join([], open_desk) is None
    strict = queue(people, join=Join(when_empty="refuse", target=Target(kind="callback")))
    assert overflow.may_join(people, strict) is None
    action = overflow.may_join([replace(a, status=AgentStatus.OFFLINE) for a in people], strict)
    assert action == overflow.Action(target=Target(kind="callback"), reason="join-empty")
    choosy = Join(when_empty="refuse", not_counted=frozenset({"away", "talking", "phone_offline"}))
    assert overflow.may_join(people, queue(people, join=choosy)).reason == "join-empty"
    helper = {1: Member(reserve=1)}
    reserve = Join(when_empty="refuse", not_counted=frozenset({"reserve"}))
    assert overflow.may_join(people[:1], queue(people, places=helper, join=reserve)).reason == "join-empty"


def test_o15_leaving_when_nobody_is_left_has_a_grace_time():
    leave = Leave(when_empty=True, grace_seconds=60, target=Target(kind="voicemail"))
    assert overflow.must_leave(False, at(0), leave, at(59)) is None
    assert overflow.must_leave(False, at(0), leave, at(60)).reason == "leave-empty"
    assert overflow.must_leave(True, at(0), leave, at(600)) is None
    assert overflow.must_leave(False, at(0), Leave(), at(600)) is None


# --- rules as data ----------------------------------------------------------------------------------------------------


def test_rules_come_back_from_their_json_as_they_were():
    rules = Rules(
        strategy="ring-all",
        requirement="nurse >= 50",
        rings=(Ring(after_seconds=10, agents=frozenset({SOMEBODY})), Ring(after_seconds=20.5, max_rank=2)),
        ageing=Ageing(formula="accelerated", acceleration=2, cap=30),
        max_wait={"routine": 600.0},
        overflow=(Overflow(measure="ratio", above=2, target=Target(kind="queue", to=str(QUEUE))),),
        join=Join(when_empty="refuse", not_counted=frozenset({"away"})),
    )
    assert from_body(to_body(rules)) == rules
    assert to_body(Rules()) == {}
    assert queues_named(rules) == {QUEUE}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"stategy": "linear"}, "stategy: there is no such rule."),
        ({"strategy": "nearest"}, "strategy: there is no strategy 'nearest'."),
        ({"rings": [{"after_seconds": 5, "reqirement": "a"}]}, "rings[0].reqirement: there is no such rule."),
        ({"rings": [{"after_seconds": "soon"}]}, "rings[0].after_seconds: expected `float`, got `str`."),
        ({"rings": [{"after_seconds": 9}, {"after_seconds": 9}]}, "rings: each ring opens later"),
        ({"requirement": "spanish >"}, "requirement: Character 10: a number from 0 to 100"),
        ({"weight": 1000}, "weight: expected `int` <= 100."),
        ({"reserve": [{"wait_above": 5, "wait_below": 10}]}, "reserve[0]: it must stop below"),
        ({"overflow": [{"measure": "ratio", "target": {"kind": "moon"}}]}, "overflow[0].target.kind"),
        ({"overflow": 5}, "overflow: expected `array`"),
        ({"ageing": [1]}, "ageing: expected `object`"),
    ],
)
def test_rules_that_are_not_understood_are_refused_by_name(body, message):
    with pytest.raises(InvalidRules) as caught:
        from_body(body)
    assert message in caught.value.detail


def test_a_queue_as_a_target_must_be_named():
    with pytest.raises(InvalidRules, match="choose the queue"):
        queues_named(Rules(leave=Leave(target=Target(kind="queue"))))
