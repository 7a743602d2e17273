"""A day decided again from its rows: the same when it was written down rightly, different when it was not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from careline.calls.opening import open_floor
from careline.calls.replay import Replay
from careline.calls.switch_events import HangupCause, LegAnswered, LegEnded
from careline.queues.rules import Rules
from careline.setup.replaying import lines
from careline.testing.world import ANA, BEN, NOON, QUEUE, World, rows

pytestmark = pytest.mark.unit


def a_day() -> World:
    """Two agents, five callers, a strategy changed at noon."""
    world = World()
    world.take(open_floor(world.floor, world.now))
    world.sign_on(ANA, BEN)
    for number in range(5):
        channel = f"c{number}"
        call = world.into_queue(channel)
        agent = call.offer.agent_id
        if number == 2:
            world.later(5)
            world.see(LegEnded(channel=channel, cause=HangupCause.NORMAL, at=world.now))
            continue
        world.see(LegAnswered(channel=call.offer.leg, at=world.now))
        world.later(30)
        world.see(LegEnded(channel=channel, cause=HangupCause.NORMAL, at=world.now))
        world.order(agent, "call.wrap_up", call_id=str(call.id), code="scheduled")
        if number == 1:
            world.reconfigure(QUEUE, rules=Rules(strategy="fewest-calls"))
    return world


def test_every_offer_of_a_day_comes_out_the_same():
    world = a_day()
    report = Replay(1, NOON).run(rows(world.log))
    assert report.differences == []
    assert report.offers == sum(e.kind.value == "offered" for e in world.events) >= 5
    assert lines(1, report) == [f"tenant 1: {report.offers} offers decided again: all the same"]


@pytest.mark.parametrize("forged", ["agent", "reasons", "state", "nothing-offered", "configuration"])
def test_whatever_was_written_down_wrongly_is_found(forged):
    found = rows(a_day().log)
    number = [n for n, row in enumerate(found) if row.kind == "offered"][-1]
    row = found[number]
    match forged:
        case "agent":
            other = ANA if row.body["agent_id"] == str(BEN) else BEN
            found[number] = replace(row, body={**row.body, "agent_id": str(other)})
        case "reasons":
            found[number] = replace(row, body={**row.body, "why": {**row.body["why"], "position": 9}})
        case "state":
            for n, one in enumerate(found):
                if one.stream == "agent" and "calls_taken" in one.body["state"]:
                    found[n] = replace(one, body={**one.body, "state": {**one.body["state"], "calls_taken": 7}})
        case "nothing-offered":
            del found[number:]
        case "configuration":
            found = [one for one in found if one.kind != "configured"]
    report = Replay(1, NOON).run(found)
    assert report.differences
    assert "DIFFERENT" in lines(1, report)[0]
    assert len(lines(1, report)) > 1


def test_days_before_are_folded_and_not_judged():
    world = a_day()
    report = Replay(1, world.now).run(rows(world.log))
    assert (report.offers, report.differences) == (0, [])
