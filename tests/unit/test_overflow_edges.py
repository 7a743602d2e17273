"""Edges of leaving a queue: emergencies stay, nothing goes to and fro, each rule once, callbacks are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from careline.calls.model import Kind, Phase
from careline.calls.switch_events import HangupCause as Cause
from careline.calls.switch_events import LegAnswered, LegEnded
from careline.queues.model import AgentStatus
from careline.queues.rules import Callback, Join, Overflow, Rules, Target
from careline.testing.world import ANA, BEN, NUMBER, OTHER, QUEUE, World

pytestmark = pytest.mark.unit

VOICEMAIL = Target(kind="voicemail")


def a_world(*overflow: Overflow, other: tuple[Overflow, ...] = (), **rules: object) -> World:
    world = World()
    world.reconfigure(QUEUE, rules=Rules(overflow=overflow, **rules))  # type: ignore[arg-type]
    world.reconfigure(OTHER, rules=Rules(overflow=other))
    return world


def busy(world: World) -> None:
    """Ana is signed on and talks with somebody."""
    world.talking()


def diverted(world: World, channel: str) -> list[tuple[str, str]]:
    call = world.call(channel).id
    return [(e.body["reason"], e.body["to"]) for e in world.events if e.kind is Kind.DIVERTED and e.call_id == call]


# --- emergencies ------------------------------------------------------------------------------------------------------


def test_an_emergency_is_never_turned_away_at_the_door() -> None:
    world = a_world()
    busy(world)
    world.reconfigure(QUEUE, rules=Rules(overflow=(Overflow(measure="waiting", above=0, target=VOICEMAIL),)))
    world.into_queue("c2")
    assert (world.call("c2").phase, diverted(world, "c2")) == (Phase.VOICEMAIL, [("overflow-waiting", "voicemail")])
    world.arrive("c3")
    world.heard("c3")
    world.press("*", "c3")
    assert world.call("c3").emergency
    assert (world.call("c3").phase, diverted(world, "c3")) == (Phase.WAITING, [])


def test_an_emergency_is_not_sent_away_while_it_waits() -> None:
    world = a_world(Overflow(measure="wait", above=30, target=VOICEMAIL))
    busy(world)
    world.into_queue("c2")
    world.into_queue("c3")
    world.press("*", "c3")
    world.later(90)
    assert (world.call("c2").phase, diverted(world, "c2")) == (Phase.VOICEMAIL, [("overflow-wait", "voicemail")])
    assert (world.call("c3").phase, diverted(world, "c3")) == (Phase.WAITING, [])


# --- nothing twice ----------------------------------------------------------------------------------------------------


def test_o14_a_queue_that_overflows_into_itself_keeps_its_callers() -> None:
    world = a_world(Overflow(measure="wait", above=30, target=Target(kind="queue", to=str(QUEUE))))
    place = world.into_queue("c1").place_at
    world.later(120)
    assert (diverted(world, "c1"), world.call("c1").queue_id, world.call("c1").place_at) == ([], QUEUE, place)
    assert world.kinds().count("queued") == 1


@pytest.mark.parametrize("measure", ["wait", "waiting"])
def test_o14_two_queues_never_pass_a_caller_to_and_fro(measure: str) -> None:
    there = Overflow(measure=measure, above=30 if measure == "wait" else 0, target=Target(kind="queue", to=str(OTHER)))  # type: ignore[arg-type]
    back = replace(there, target=Target(kind="queue", to=str(QUEUE)))
    world = a_world(there, other=(back,))
    world.into_queue("c1")
    world.later(600)
    assert diverted(world, "c1") == [(f"overflow-{measure}", "queue")] * 2
    assert (world.call("c1").queue_id, world.call("c1").phase) == (QUEUE, Phase.WAITING)


def test_o14_a_rule_that_was_used_hides_no_later_one() -> None:
    there = Overflow(measure="wait", above=30, target=Target(kind="queue", to=str(OTHER)))
    back = replace(there, target=Target(kind="queue", to=str(QUEUE)))
    world = a_world(there, Overflow(measure="closed", at="waiting", target=VOICEMAIL), other=(back,))
    world.into_queue("c1")
    world.later(60)
    assert world.call("c1").queue_id == QUEUE
    world.door = "closed"
    world.later(10)
    assert world.call("c1").phase is Phase.VOICEMAIL


def test_o15_two_queues_that_nobody_serves_do_not_pass_a_caller_to_and_fro() -> None:
    world = a_world(join=Join(when_empty="refuse", target=Target(kind="queue", to=str(OTHER))))
    back = Join(when_empty="refuse", target=Target(kind="queue", to=str(QUEUE)))
    world.reconfigure(OTHER, rules=Rules(join=back))
    world.into_queue("c1")
    assert diverted(world, "c1") == [("join-empty", "queue")] * 2
    assert (world.call("c1").queue_id, world.call("c1").phase) == (QUEUE, Phase.WAITING)


def test_o14_the_longest_wait_of_a_line_offers_a_message_once() -> None:
    # A rule that never holds has the call looked at again and again.
    world = a_world(Overflow(measure="waiting", above=99, at="waiting", target=VOICEMAIL))
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], max_wait_seconds=60)
    world.into_queue("c1")
    world.later(59)
    assert diverted(world, "c1") == []
    world.later(600)
    assert diverted(world, "c1") == [("maximum-wait", "message-offer")]
    assert world.call("c1").phase is Phase.WAITING


# --- callbacks --------------------------------------------------------------------------------------------------------


def arranged(world: World, channel: str = "c1") -> None:
    world.into_queue(channel)
    world.press("2", channel)
    world.press("1", channel)
    world.see(LegEnded(channel=channel, cause=Cause.NORMAL, at=world.now))
    assert world.call(channel).phase is Phase.CALLBACK


def test_o11_a_callback_outlives_its_queue() -> None:
    world = a_world(callback=Callback(offered=True))
    arranged(world)
    place = world.call().place_at
    gone = world.floor.queues[QUEUE]
    world.plan([world.floor.queues[OTHER]], list(world.floor.agents.values()))
    assert (world.call().phase, diverted(world, "c1")) == (Phase.CALLBACK, [])
    world.plan([gone, world.floor.queues[OTHER]], list(world.floor.agents.values()))
    assert world.call().place_at == place
    world.sign_on(ANA)
    assert world.call().offer is not None


def test_o11_nobody_is_rung_for_a_callback_once_the_quiet_hours_have_begun() -> None:
    world = a_world(callback=Callback(offered=True))
    world.now = datetime(2026, 11, 23, 20, 59, 40, tzinfo=UTC)
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], zone="UTC")
    arranged(world)
    world.now = datetime(2026, 11, 23, 20, 59, 55, tzinfo=UTC)
    world.sign_on(ANA)
    assert world.call().offer is not None
    world.later(10)
    assert not world.call().offers
    ended = [e.body["reason"] for e in world.events if e.kind is Kind.OFFER_ENDED]
    assert (ended, world.call().phase) == (["withdrawn"], Phase.CALLBACK)
    assert world.status(ANA) is AgentStatus.AVAILABLE, "that was no fault of hers"


@pytest.mark.parametrize(("above", "offered"), [(3600, False), (60, True)])
def test_o11_a_callback_is_offered_where_the_wait_is_long(above: int, offered: bool) -> None:
    world = a_world(callback=Callback(offered=True, estimate_above=above))
    world.reconfigure(QUEUE, expected_handle_seconds=300)
    world.sign_on(BEN)
    call = world.into_queue("c0")
    assert call.offer is not None
    world.see(LegAnswered(channel=call.offer.leg, at=world.now))
    world.into_queue("c1")
    world.press("2", "c1")
    assert (world.call("c1").arranging is not None) is offered


# --- what it is called ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("door", "outcome"), [("closed", "closed"), ("closure", "closed"), ("open", "abandoned")])
def test_who_never_waited_did_not_give_up_waiting(door: str, outcome: str) -> None:
    world = a_world()
    world.door = door  # type: ignore[assignment]
    if door == "open":
        world.into_queue("c1")
        world.press("1", "c1")
    else:
        world.arrive("c1")
        world.heard("c1")
    assert world.call("c1").phase is Phase.VOICEMAIL
    world.see(LegEnded(channel="c1", cause=Cause.NORMAL, at=world.now))
    assert [e.body["outcome"] for e in world.events if e.kind is Kind.ENDED] == [outcome]
