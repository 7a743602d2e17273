"""A caller who refused to be recorded: no message is recorded unless they say so; they may be called back instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from careline.calls.callback_model import Ask
from careline.calls.fold import fold
from careline.calls.model import Kind, Phase
from careline.calls.ports import ChannelSeen, SwitchSnapshot
from careline.calls.reconcile import reconcile
from careline.calls.switch_commands import Hangup, StartRecording
from careline.flows.reading import read
from careline.flows.rehearsal import Rehearsal
from careline.flows.start import Start
from careline.queues.rules import Overflow, Rules, Target
from careline.testing.world import ANA, NOON, NUMBER, QUEUE, World

pytestmark = pytest.mark.unit

NODES = {
    "ask": {"kind": "consent", "prompts": ["record.notice"],
            "exits": {"accepted": "message", "refused": "message", "no_input": "message"}},
    "message": {"kind": "voicemail"},
}  # fmt: skip
FLOW = read({"start": "ask", "languages": ["en", "es"], "nodes": NODES}).flow


def asked(consent: str = "2") -> World:
    """A caller who answered the question about recording, and came to the voicemail."""
    world = World()
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], flow=FLOW)
    world.arrive()
    world.press(consent)
    return world


def spoken(world: World) -> list[str]:
    return next(e.body["prompts"] for e in reversed(world.events) if e.kind is Kind.PLAYED)


def recorded(world: World) -> bool:
    return any(e.kind is Kind.VOICEMAIL_STARTED and e.body["recording_id"] for e in world.events)


def test_who_refused_hears_that_a_message_is_a_recording_and_nothing_is_recorded() -> None:
    world = asked()
    assert spoken(world)[-3:] == [
        "voicemail.unrecorded", "voicemail.unrecorded-callback", "voicemail.unrecorded-nothing"
    ]  # fmt: skip
    world.heard()
    assert not world.did(StartRecording)
    world.later(8)
    assert spoken(world)[0] == "voicemail.unrecorded", "asked once more"
    world.heard()
    world.later(8)
    assert spoken(world) == ["goodbye"]
    world.heard()
    assert world.did(Hangup)
    assert not recorded(world)


def test_who_agreed_is_not_asked_again() -> None:
    world = asked("1")
    assert "voicemail.unrecorded" not in spoken(world)
    world.heard()
    assert world.did(StartRecording)


@pytest.mark.parametrize("heard", [True, False])
def test_who_says_so_leaves_a_message_and_stays_unrecorded_elsewhere(heard: bool) -> None:
    world = asked()
    if heard:
        world.heard()
    world.press("7")
    assert world.call().message.asked == 1, "another key means nothing"
    world.press("1")
    assert spoken(world) == ["beep"]
    world.heard()
    assert world.did(StartRecording)
    assert world.call().consent is False


@pytest.mark.parametrize("number", ["+13125550123", None])
def test_who_would_rather_be_called_back_is_even_where_the_queue_turns_callers_away(number: str | None) -> None:
    world = World(door="closed")
    away = Overflow(measure="closed", target=Target(kind="voicemail"))
    world.reconfigure(QUEUE, rules=Rules(overflow=(away,)))
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], flow=FLOW)
    world.arrive(caller=number)
    world.press("2")
    world.heard()
    world.press("2")
    assert world.call().arranging.ask is (Ask.NUMBER if number else Ask.ENTER)
    if number is None:
        for digit in "3125550199#":
            world.press(digit)
        world.press("1")
    world.press("1")
    call = world.call()
    assert (call.phase, call.queue_id, call.consent) == (Phase.CALLBACK, QUEUE, False)
    assert not recorded(world)


def test_without_a_queue_only_the_message_is_offered() -> None:
    world = World()
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], flow=FLOW, fallback_queue=None)
    world.arrive()
    world.press("2")
    assert "voicemail.unrecorded-callback" not in spoken(world)
    world.press("2")
    assert world.call().phase is Phase.VOICEMAIL


def test_after_a_restart_the_caller_is_asked_again_and_not_recorded() -> None:
    world = asked()
    world.heard()
    call = world.call()
    world.floor.calls[call.id] = fold([e for e in world.events if e.call_id == call.id], 1)
    seen = ChannelSeen(channel="c1", ours=True, up=True, inbound=True, dialled=NUMBER, caller=None, created=NOON)
    world.take(reconcile(world.floor, SwitchSnapshot(channels={"c1": seen}), world.now))
    assert spoken(world)[0] == "voicemail.unrecorded"
    assert not recorded(world)


def test_in_an_emergency_the_caller_is_helped_first() -> None:
    world = asked()
    world.sign_on(ANA)
    world.press("*")
    assert world.call().offer.agent_id == ANA


def test_the_editors_telephone_says_the_same() -> None:
    call = Rehearsal.begin(FLOW, Start())
    call.act("press", "2")
    heard = [p["key"] for entry in call.log if entry["what"] == "heard" for p in entry["prompts"]]
    assert heard[-1] == "voicemail.unrecorded"
