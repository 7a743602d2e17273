"""Who gets the call: strategies, one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib.metadata import EntryPoint
from uuid import UUID

import pytest

from careline.queues import strategies
from careline.queues.model import AgentStatus, Member
from careline.testing.routing import NOON, QUEUE, agent, asked, at, call, pairs, queue, router

pytestmark = pytest.mark.unit

PLACES = {1: Member(position=30), 2: Member(position=10), 3: Member(position=20)}


def test_o1_the_union_of_strategies_is_there():
    assert {
        "ring-all", "progressive", "longest-idle", "longest-idle-while-ready", "least-recent", "last-inbound",
        "fewest-calls", "least-talk", "round-robin", "round-robin-ordered", "linear", "sequential", "ranked", "level",
        "random", "weighted-random", "best-skills", "next-agent", "preferred",
    } <= set(strategies.names())  # fmt: skip


def test_o1_longest_idle_is_asked_first():
    assert asked([agent(1, idle=10), agent(2, idle=60), agent(3, idle=30)], "longest-idle", 3) == [2, 3, 1]


def test_o1_longest_idle_while_ready_counts_only_time_as_ready():
    back_from_lunch = agent(1, idle=600, since=at(-5))
    assert asked([back_from_lunch, agent(2, idle=60)], "longest-idle-while-ready") == [2]
    assert asked([back_from_lunch, agent(2, idle=60)], "longest-idle") == [1]


def test_o1_least_recent_and_last_inbound_ask_whose_last_call_is_longest_ago():
    people = [agent(1, last_inbound_end=at(-10)), agent(2, last_inbound_end=at(-90)), agent(3)]
    assert asked(people, "least-recent", 3) == [3, 2, 1]
    people[1] = replace(people[1], last_outbound_end=at(-1))
    assert asked(people, "least-recent", 3) == [3, 1, 2]
    assert asked(people, "last-inbound", 3) == [3, 2, 1]


def test_o1_fewest_calls_and_least_talk_then_longest_idle():
    people = [agent(1, calls_taken=3), agent(2, calls_taken=1, idle=5), agent(3, calls_taken=1, idle=9)]
    assert asked(people, "fewest-calls", 3) == [3, 2, 1]
    people = [agent(1, talk_seconds=30.0), agent(2, talk_seconds=10.0), agent(3, talk_seconds=20.0)]
    assert asked(people, "least-talk", 3) == [2, 3, 1]


def test_o1_round_robin_goes_on_where_it_left_off():
    people = [agent(1), agent(2), agent(3)]
    floor = router(people, queue(people, strategy="round-robin"))
    found = []
    for number in range(5):
        floor.put_call(call(number))
        match = floor.match(NOON)[0]
        found.append(match.agent_id.int)
        floor.put_agent(people[match.agent_id.int - 1])
    assert found == [1, 2, 3, 1, 2]


def test_o1_round_robin_in_order_keeps_the_queues_order_and_survives_a_restart():
    people = [agent(1), agent(2), agent(3)]
    floor = router(people, queue(people, strategy="round-robin-ordered", places=PLACES))
    floor.remember(QUEUE, UUID(int=2))
    floor.put_call(call(1))
    assert pairs(floor.match(NOON)) == [(1, 3)]


def test_o1_linear_begins_at_the_top_each_time():
    people = [agent(1), agent(2), agent(3)]
    floor = router(people, queue(people, strategy="linear", places=PLACES))
    for number in range(3):
        floor.put_call(call(number))
        assert pairs(floor.match(NOON)) == [(number, 2)]
        floor.put_agent(people[1])


def test_o1_sequential_ranked_and_level():
    places = {1: Member(rank=1, position=1), 2: Member(rank=0, position=9), 3: Member(rank=0, position=5)}
    people = [agent(1, idle=1, level=1), agent(2, idle=90, level=1), agent(3, idle=5, level=7)]
    assert asked(people, "sequential", 3, places=places) == [3, 2, 1]
    assert asked(people, "ranked", 3, places=places) == [2, 3, 1]
    assert asked(people, "level", 3) == [3, 2, 1]


def test_o1_random_is_spread_and_the_same_again_for_the_same_call():
    people = [agent(n) for n in range(1, 5)]

    def drawn(strategy, count=400, **more):
        found = Counter()
        floor = router(people, queue(people, strategy=strategy, **more))
        for number in range(count):
            floor.put_call(call(number))
            who = floor.match(NOON)[0].agent_id.int
            found[who] += 1
            floor.put_agent(people[who - 1])
        return found

    assert min(drawn("random").values()) > 70
    assert drawn("random") == drawn("random")
    weighted = drawn("weighted-random", places={1: Member(weight=7), 2: Member(weight=0)})
    assert weighted[2] == 0
    assert 7 / 9 - 0.1 < weighted[1] / 400 < 7 / 9 + 0.1


def test_o1_best_skills_is_the_highest_sum_of_what_was_asked_for():
    people = [
        agent(1, idle=90, skills={"billing": 60.0, "nurse": 10.0}),
        agent(2, skills={"billing": 50.0, "nurse": 30.0, "sales": 100.0}),
        agent(3, idle=500, skills={"billing": 90.0}),
    ]
    assert asked(people, "best-skills", 3, requirement="billing and nurse") == [2, 1]
    assert asked(people, "longest-idle", 3, requirement="billing and nurse") == [1, 2]
    # Disregard skills: whoever is idle longest.
    assert asked(people, "next-agent", 3, requirement="billing and nurse") == [3, 1, 2]


def test_o1_preferred_takes_scores_from_outside():
    people = [agent(1, idle=90), agent(2, idle=60), agent(3)]
    floor = router(people, queue(people, strategy="preferred"))
    floor.put_call(call(1, scores={UUID(int=3): 0.9, UUID(int=2): 0.4}))
    assert pairs(floor.match(NOON)) == [(1, 3)]


def test_o1_ring_all_asks_everybody_at_once():
    people = [agent(1, idle=10), agent(2, idle=60), agent(3, status=AgentStatus.TALKING)]
    floor = router(people, queue(people, strategy="ring-all"))
    floor.put_call(call(1, waited=5))
    floor.put_call(call(2))
    (match,) = floor.match(NOON)
    assert match.call_id.int == 1001
    assert [a.int for a in match.agents] == [2, 1]


def test_o1_progressive_asks_one_more_every_ten_seconds():
    people = [agent(1, idle=10), agent(2, idle=60), agent(3, idle=30)]
    floor = router(people, queue(people, strategy="progressive"))
    floor.put_call(call(1))
    assert pairs(floor.match(NOON)) == [(1, 2)]
    floor.put_call(call(1, ringing=frozenset({UUID(int=2)}), rung_at=NOON, ring_frozen_at=NOON))
    assert floor.match(at(9)) == []
    assert floor.next_change(at(9)) == at(10)
    assert pairs(floor.match(at(10))) == [(1, 3)]


def test_o2_idle_tie_break_with_and_without_outbound():
    # A ended an outbound call ten seconds ago, B an inbound call a minute ago; A's last inbound call is older still.
    a = agent(1, idle=10, last_inbound_end=at(-300), last_outbound_end=at(-10))
    b = agent(2, idle=60, last_inbound_end=at(-60))
    assert asked([a, b], "longest-idle", idle_reset_by_outbound=True) == [2]
    assert asked([a, b], "longest-idle", idle_reset_by_outbound=False) == [1]


@pytest.mark.parametrize("strategy", ["linear", "sequential", "round-robin", "round-robin-ordered", "longest-idle"])
def test_complaint_1_the_next_candidate_is_asked_when_the_last_is_not_available(strategy):
    people = [agent(1), agent(2), agent(3, status=AgentStatus.AWAY)]
    floor = router(people, queue(people, strategy=strategy, places=PLACES))
    floor.put_call(call(1))
    first = floor.match(NOON)[0].agent_id
    # That telephone was not picked up; the agent at the end of the list is away.
    floor.put_agent(replace(people[first.int - 1], status=AgentStatus.NOT_RESPONDING))
    floor.put_call(call(1, excluded=frozenset({first})))
    (match,) = floor.match(at(20))
    assert match.agent_id.int == 3 - first.int


def test_complaint_20_a_strategy_of_a_third_party(monkeypatch):
    class AlphabetBackwards:
        name, looks_at, at_once, any_skill = "backwards", "agent", "one", False

        def key(self, one, deal):
            return [-ord(c) for c in one.name]

    monkeypatch.setattr(strategies, "_registered", dict(strategies._registered))
    strategies._load_others.cache_clear()
    monkeypatch.setattr(EntryPoint, "load", lambda self: AlphabetBackwards())
    monkeypatch.setattr(
        strategies, "entry_points", lambda group: [EntryPoint("backwards", "clinic_plug_in:backwards", group)]
    )
    people = [agent(1, idle=500, name="Ana"), agent(2, name="Zoe"), agent(3, idle=60, name="Ben")]
    assert asked(people, "backwards", 3) == [2, 3, 1]
    with pytest.raises(ValueError, match="already a strategy"):
        strategies.register(replace(strategies.get("linear"), name="backwards"))
    strategies._load_others.cache_clear()


def test_a_strategy_that_is_no_longer_installed_falls_back_to_longest_idle():
    assert asked([agent(1, idle=10), agent(2, idle=60)], "gone-with-its-package") == [2]
