"""Flows say what the agent must be able to do: by what callers choose, by the queue's step, for one person first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from careline.calls.callback_model import Ask
from careline.calls.fold import fold
from careline.calls.model import Kind
from careline.flows import gate
from careline.flows.judge import Context
from careline.flows.model import Flow
from careline.flows.reading import read
from careline.flows.text import load
from careline.queues.rules import Callback, Overflow, Rules, Target
from careline.testing.world import ANA, BEN, NUMBER, OTHER, QUEUE, World

pytestmark = pytest.mark.unit

FLOW = """
careline: flow/1
languages: [en, es]
start: language
variables: {special: {default: ""}}
nodes:
  language:
    kind: menu
    prompts: [language.choose]
    options: {1: {next: menu, language: en}, 2: {next: menu, language: es}}
    exits: {no_input: menu, no_match: menu}
  menu:
    kind: menu
    prompts: [menu.intro]
    options:
      1: {next: wait, reason: billing, requirement: billing >= 50}
      2: {next: wait, reason: other}
      3: {next: language, requirement: nursing}
      4: {next: odd}
      5: {next: later, requirement: billing >= 50}
    exits: {no_input: wait, no_match: wait}
  odd: {kind: set, values: {special: "= 'no ) expression'"}, next: wait}
  wait: {kind: queue, queue: QUEUE, requirement: = special}
  later: {kind: callback, queue: QUEUE, exits: {accepted: bye, declined: bye, failed: bye}}
  bye: {kind: end}
"""


def flow_of(text: str) -> Flow:
    found = read(load(text.replace("QUEUE", str(QUEUE)).replace("ANA", str(ANA))))
    assert found.problems == ()
    return found.flow


def skilled(text: str = FLOW, rules: Rules | None = None) -> World:
    """A world with this flow, in which only Ben can bill."""
    world = World()
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], flow=flow_of(text))
    if rules:
        world.reconfigure(QUEUE, rules=rules)
    people = [replace(a, skills={"billing": 80.0} if a.id == BEN else {}) for a in world.floor.agents.values()]
    world.plan(list(world.floor.queues.values()), people)
    world.sign_on(ANA, BEN)
    return world


def choose(world: World, *digits: str) -> None:
    world.arrive()
    for digit in digits:
        world.press(digit)


def test_o4_what_a_caller_chose_decides_who_can_help_and_why_says_so() -> None:
    world = skilled()
    choose(world, "1", "1")
    assert world.call().offer.agent_id == BEN, "Ana has waited longer, and cannot bill"
    why = next(e for e in world.events if e.kind is Kind.OFFERED).body["why"]
    assert why["requirement"] == "billing >= 50"
    assert {c["agent"]: c["against"] for c in why["candidates"]} == {str(BEN): None, str(ANA): "skills"}


def test_o4_choosing_otherwise_asks_for_what_was_chosen_last() -> None:
    world = skilled()
    choose(world, "1", "3", "2", "2")
    assert (world.call().requirement, world.call().language) == ("", "es")
    assert world.call().offer.agent_id == ANA


def test_o4_a_restart_keeps_what_was_chosen() -> None:
    world = skilled()
    choose(world, "1", "3")
    folded = fold(world.events, 1)
    assert folded.cursor.needs == {"menu": "nursing"}
    world.press("2")
    world.press("1")
    assert fold(world.events, 1).requirement == "billing >= 50"


def test_o4_skills_that_cannot_be_read_ask_for_nothing_rather_than_nobody() -> None:
    world = skilled()
    choose(world, "1", "4")
    assert world.call().requirement == ""
    assert world.call().offer.agent_id == ANA


def test_o4_in_an_emergency_anybody_helps() -> None:
    world = skilled()
    world.order(BEN, "agent.status", status="away")
    choose(world, "1", "1")
    assert world.call().offer is None
    world.press("*")
    assert world.call().offer.agent_id == ANA


def test_o4_a_callback_waits_for_the_same_skills() -> None:
    world = skilled(rules=Rules(callback=Callback(offered=True)))
    world.order(BEN, "agent.status", status="away")
    choose(world, "1", "5")
    assert world.call().arranging.ask is Ask.NUMBER
    assert world.call().requirement == "billing >= 50"


def test_o4_another_queue_by_overflow_keeps_what_was_chosen_and_a_supervisors_move_does_not() -> None:
    there = Target(kind="queue", to=str(OTHER))
    world = skilled(rules=Rules(overflow=(Overflow(measure="wait", above=30, target=there),)))
    world.order(BEN, "agent.status", status="away")
    choose(world, "1", "1")
    world.later(40)
    assert (world.call().queue_id, world.call().requirement) == (OTHER, "billing >= 50")
    world.order(UUID(int=99), "call.move", manage=True, call_id=str(world.call().id), queue_id=str(QUEUE))
    assert (world.call().queue_id, world.call().requirement) == (QUEUE, "")
    assert world.call().offer.agent_id == ANA


# --- one person first -------------------------------------------------------------------------------------------------

PERSON = """
careline: flow/1
start: wait
nodes:
  wait: {kind: queue, queue: QUEUE, person: ANA, person_seconds: 30}
"""
OWN = """
careline: flow/1
start: wait
nodes:
  wait: {kind: queue, queue: ANA, person_seconds: 45}
"""


@pytest.mark.parametrize(("text", "seconds"), [(PERSON, 30), (OWN, 45)])
def test_o17_one_person_is_waited_for_as_long_as_the_flow_says(text: str, seconds: int) -> None:
    world = skilled(text)
    world.arrive("c0")
    assert world.call("c0").offer.agent_id == ANA
    world.arrive("c1")
    assert world.call("c1").offer is None, "Ben is free, and the caller waits for Ana"
    world.later(seconds - 1)
    assert not any(o.agent_id == BEN for o in world.call("c1").offers)
    world.later(2)
    assert world.call("c1").offer.agent_id == BEN


def test_o17_a_person_who_is_gone_is_nobody_to_wait_for() -> None:
    world = skilled(PERSON.replace("ANA", str(UUID(int=7))))
    world.arrive()
    assert world.call().offer is not None


# --- before callers meet it -------------------------------------------------------------------------------------------

CONTEXT = Context(queues={QUEUE: "Desk"}, people={ANA: "Ana Kim", BEN: "Ben"}, skills=frozenset({"billing"}))


def judged(**node: Any) -> set[tuple[str, str, str]]:
    found = read({"start": "x", "nodes": {"x": {"kind": "queue", "queue": "Desk", **node}}})
    assert found.problems == ()
    return {(p.field, p.code, p.severity) for p in gate.problems(found.flow, CONTEXT)}


def test_a_requirement_is_read_before_it_is_published() -> None:
    assert judged(requirement="billing >= 50 and not (billing < 10)") == set()
    assert judged(requirement="billing >=") == {("requirement", "requirement-invalid", "error")}
    assert judged(requirement="dancing") == {("requirement", "skill-unknown", "warning")}
    menu = {"kind": "menu", "prompts": ["a"], "exits": {"no_input": "x", "no_match": "x"}}
    options = {"1": {"next": "x", "requirement": "(billing"}, "2": {"next": "x", "requirement": "billing"}}
    nodes = {"m": {**menu, "options": options}, "x": {"kind": "queue", "queue": "Desk"}}
    found = gate.problems(read({"start": "m", "nodes": nodes}).flow, CONTEXT)
    assert [(p.field, p.code) for p in found] == [("options.1.requirement", "requirement-invalid")]


def test_a_person_is_somebody_who_takes_calls() -> None:
    assert judged(person="Ana Kim") == judged(person=str(ANA)) == judged(queue=str(ANA)) == judged(queue="Ben") == set()
    assert judged(person="Nobody") == {("person", "person-unknown", "error")}
    assert judged(queue="Nobody") == {("queue", "queue-unknown", "error")}
