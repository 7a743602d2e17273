"""Overflow to another site: its line's queue, while it is open, under its own rules, hours and longest wait."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid5

import pytest

from careline.calls.fold import fold
from careline.calls.model import Kind, Phase
from careline.queues.routing_form import chosen, read
from careline.queues.rules import Join, Overflow, Rules, Target
from careline.testing.world import ANA, NUMBER, OTHER, QUEUE, SPACE, World

pytestmark = pytest.mark.unit

THERE = uuid5(SPACE, "the line of the other site")
SITE = Target(kind="site", to=str(THERE))


class Sites(World):
    """Two locations: ours, whose queue overflows after 30 s, and another with a line, hours and a queue of its own."""

    def __init__(self, *more: Overflow, there: Rules | None = None) -> None:
        super().__init__()
        self.there = "open"
        self.floor.lines["+15555550101"] = replace(
            self.floor.lines[NUMBER], id=THERE, number="+15555550101", fallback_queue=OTHER,
            hours=lambda _: self.there, max_wait_seconds=300,
        )  # fmt: skip
        self.reconfigure(QUEUE, rules=Rules(overflow=(Overflow(measure="wait", above=30, target=SITE), *more)))
        if there:
            self.reconfigure(OTHER, rules=there)


def diverted(world: World) -> list[tuple[str, str]]:
    return [(e.body["reason"], e.body["to"]) for e in world.events if e.kind is Kind.DIVERTED]


def test_o14_a_caller_waits_at_the_other_site_with_the_place_kept() -> None:
    world = Sites()
    place = world.into_queue().place_at
    world.later(31)
    call = world.call()
    assert (call.queue_id, call.site, call.place_at) == (OTHER, THERE, place)
    assert fold([e for e in world.events if e.call_id == call.id], 1).site == THERE


def test_o14_a_site_that_is_closed_helps_nobody_and_the_next_rule_counts() -> None:
    later = Overflow(measure="wait", above=60, target=Target(kind="voicemail"))
    world = Sites(later)
    world.there = "closed"
    world.into_queue()
    world.later(45)
    assert (world.call().queue_id, diverted(world)) == (QUEUE, [])
    world.later(20)
    assert world.call().phase is Phase.VOICEMAIL
    assert diverted(world) == [("overflow-wait", "voicemail")]


def test_o14_a_site_that_opens_while_a_caller_waits_takes_the_caller() -> None:
    world = Sites()
    world.there = "closed"
    world.into_queue()
    world.later(45)
    world.there = "open"
    world.later(6)
    assert world.call().queue_id == OTHER


def test_o14_the_hours_of_the_site_count_there_and_not_those_at_home() -> None:
    world = Sites(there=Rules(overflow=(Overflow(measure="closed", target=Target(kind="voicemail")),)))
    world.into_queue()
    world.later(31)
    world.door = "closed"
    world.later(20)
    assert world.call().queue_id == OTHER, "we are closed, they are not"
    world.there = "closed"
    world.later(6)
    assert world.call().phase is Phase.VOICEMAIL


def test_o14_the_rules_of_the_sites_queue_count_at_its_door() -> None:
    world = Sites(there=Rules(join=Join(when_empty="refuse", target=Target(kind="voicemail"))))
    world.into_queue()
    world.later(31)
    assert diverted(world) == [("overflow-wait", "site"), ("join-empty", "voicemail")]


def test_o14_the_longest_wait_is_the_sites() -> None:
    world = Sites()
    world.into_queue()
    world.later(31)
    world.later(298)
    assert ("maximum-wait", "message-offer") not in diverted(world)
    world.later(5)
    assert ("maximum-wait", "message-offer") in diverted(world)


def test_o14_back_home_our_own_hours_count_again() -> None:
    world = Sites()
    world.into_queue()
    world.later(31)
    world.order(ANA, "call.move", manage=True, call_id=str(world.call().id), queue_id=str(QUEUE))
    assert (world.call().queue_id, world.call().site) == (QUEUE, None)


def test_o14_the_form_keeps_the_site() -> None:
    fields = {"overflow.0.measure": "wait", "overflow.0.above": "30", "overflow.0.target": f"site:{THERE}"}
    (rule,) = read(fields)["overflow"]
    assert rule["target"] == {"kind": "site", "to": str(THERE), "keep_place": False}
    assert chosen(rule["target"]) == f"site:{THERE}"
