"""A callback that a flow offers: its own words go on after it, and whatever ends them, the callback stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from careline.calls.callback_model import AGENT_FIRST, CALLER_FIRST, Stage
from careline.calls.fold import fold
from careline.calls.model import Kind, Phase
from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.reconcile import lost_switch, reconcile
from careline.calls.switch_commands import Hangup, Play, Ring
from careline.calls.switch_events import HangupCause, LegAnswered, LegEnded
from careline.flows.reading import read
from careline.flows.text import load
from careline.kernel.errors import CarelineError
from careline.queues.rules import Callback, Rules
from careline.testing.world import ANA, BEN, NOON, NUMBER, QUEUE, World

pytestmark = pytest.mark.unit

FLOW = f"""
careline: flow/1
name: Test
languages: [en, es]
start: ask
nodes:
  ask: {{kind: callback, queue: "{QUEUE}", MODE exits: {{accepted: after, declined: message, failed: message}}}}
  after: AFTER
  message: {{kind: voicemail}}
  bye: {{kind: end, prompts: [closed.goodbye], outcome: closed}}
  menu:
    kind: menu
    prompts: [menu.main]
    options: {{"1": {{next: bye}}}}
    exits: {{no_input: bye, no_match: bye}}
"""
SAY = "{kind: say, prompts: [closed.hours], next: bye}"
KEPT = ["callback.at-your-turn", "callback.kept"]


def flowing(after: str = SAY, node: str = "", **rules) -> World:
    """A line whose flow begins with the offer of a callback."""
    world = World()
    world.reconfigure(QUEUE, rules=Rules(callback=Callback(**rules)))
    text = FLOW.replace("AFTER", after).replace("MODE", f"mode: {node}," if node else "")
    reading = read(load(text))
    assert reading.sound, reading.problems
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], flow=reading.flow)
    return world


def said(world: World) -> list[str]:
    return [path.split("/")[-1] for play in world.did(Play) for path in play.media]


def accepted(world: World) -> None:
    """A caller arranges a callback, and the flow goes on."""
    world.arrive("c1")
    world.press("1")
    assert said(world) == KEPT, "the flow says goodbye itself"
    world.heard()


def hangs_up(world: World, channel: str = "c1") -> None:
    world.see(LegEnded(channel=channel, cause=HangupCause.NORMAL, at=world.now))


def stands(world: World) -> None:
    """The callback waits in line, and its turn comes."""
    call = world.call()
    assert (call.phase, call.callback.stage, call.queue_id) == (Phase.CALLBACK, Stage.WAITING, QUEUE)
    assert call.callback.attempts == 0
    folded = fold([e for e in world.events if e.call_id == call.id], 1)
    assert (folded.phase, folded.callback, folded.cursor) == (call.phase, call.callback, call.cursor)
    if world.did(Ring):
        return
    world.sign_on(ANA)
    assert world.call().offer is not None


def test_the_accepted_exit_is_walked_and_the_callback_stands_after_the_last_word():
    world = flowing()
    accepted(world)
    assert said(world) == ["closed.hours"]
    world.heard()
    assert said(world) == ["closed.goodbye"]
    assert not [h for h in world.did(Hangup) if h.channel == "c1"]
    world.heard()
    assert Hangup(channel="c1") in world.commands
    assert not any(e.kind is Kind.ENDED for e in world.events), "it is the same call that goes on"
    hangs_up(world)
    stands(world)


def test_it_stands_when_the_caller_hangs_up_in_the_middle_of_the_words():
    world = flowing()
    accepted(world)
    hangs_up(world)
    stands(world)


@pytest.mark.parametrize(
    "after",
    [
        f'{{kind: queue, queue: "{QUEUE}"}}',
        "{kind: voicemail}",
        '{kind: transfer, prompts: [], number: "+13125550199", exits: {busy: bye, no_answer: bye, failed: bye}}',
        f'{{kind: callback, queue: "{QUEUE}", exits: {{accepted: bye, declined: bye, failed: bye}}}}',
    ],
    ids=["queue", "voicemail", "transfer", "callback"],
)
def test_whatever_would_take_the_caller_elsewhere_ends_with_the_goodbye(after):
    world = flowing(after)
    accepted(world)
    assert said(world) == ["goodbye"]
    assert not world.did(Ring)
    hangs_up(world)
    stands(world)


def test_a_flow_that_cannot_go_on_takes_no_callback_with_it():
    world = flowing()
    world.arrive("c1")
    world.press("1")
    call = world.call()
    world.floor.pinned[call.id] = replace(
        world.floor.pinned[call.id], flow=replace(world.floor.pinned[call.id].flow, nodes={})
    )
    world.heard()
    hangs_up(world)
    stands(world)


def test_questions_after_it_take_keys_as_anywhere():
    world = flowing("{kind: set, values: {}, next: menu}")
    accepted(world)
    assert said(world) == ["menu.main"]
    world.press("1")
    assert said(world) == ["closed.goodbye"]
    hangs_up(world)
    stands(world)


def test_an_outage_in_the_middle_of_the_words_loses_neither_caller_nor_callback():
    world = flowing()
    accepted(world)
    seen = ChannelSeen(channel="c1", ours=True, up=True, inbound=True, dialled=NUMBER, caller=None, created=NOON)
    world.take(reconcile(world.floor, SwitchSnapshot(channels={"c1": seen}), world.now))
    assert said(world) == ["closed.hours"], "said again"
    world.take(lost_switch(world.floor, world.now))
    stands(world)


def test_a_supervisor_ends_the_call_and_with_it_the_callback():
    world = flowing()
    accepted(world)
    call_id = world.call().id
    with pytest.raises(CarelineError):
        world.order(ANA, "call.end", call_id=call_id)
    world.order(BEN, "call.end", manage=True, call_id=call_id)
    assert world.gone()
    assert [e.body["outcome"] for e in world.events if e.kind is Kind.ENDED] == ["callback-cancelled"]


def test_an_emergency_after_it_puts_the_caller_in_line_at_once():
    world = flowing()
    world.sign_on(ANA)
    world.arrive("c2", caller="+15555550177")
    world.press("1", "c2")
    world.heard("c2")
    world.press("*", "c2")
    call = world.call("c2")
    assert (call.phase, call.emergency) == (Phase.WAITING, True)
    assert call.offer is not None
    hangs_up(world, "c2")
    assert [e.body["outcome"] for e in world.events if e.kind is Kind.ENDED and e.call_id == call.id] == ["abandoned"]


@pytest.mark.parametrize(
    ("node", "queue", "first"),
    [
        ("", AGENT_FIRST, AGENT_FIRST),
        ("", CALLER_FIRST, CALLER_FIRST),
        ("queue", CALLER_FIRST, CALLER_FIRST),
        (CALLER_FIRST, AGENT_FIRST, CALLER_FIRST),
        (AGENT_FIRST, CALLER_FIRST, AGENT_FIRST),
    ],
)
def test_the_nodes_mode_decides_who_is_rung_first_and_else_the_queues(node, queue, first):
    world = flowing("{kind: end}", node, mode=queue)
    world.arrive("c1")
    world.press("2")
    for digit in "3125550199#11":
        world.press(digit)
    assert world.call().callback.mode == first
    hangs_up(world)
    world.sign_on(ANA)
    if first == CALLER_FIRST:
        assert [r.endpoint for r in world.did(Ring)] == ["tel:+13125550199"]
    else:
        assert world.call().offer is not None
        world.see(LegAnswered(channel=world.call().offer.leg, at=world.now))
        assert [r.endpoint for r in world.did(Ring)] == ["tel:+13125550199"]
