"""The emergency key: it works at every point before and beside an agent, once, and somebody is there next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from careline.calls.model import FIRST_OF_ALL, Phase
from careline.calls.switch_commands import Park, Play, StopPlay, StopRecording
from careline.calls.switch_events import LegAnswered
from careline.testing.world import ANA, BEN, NUMBER, OTHER, QUEUE, World

pytestmark = pytest.mark.unit

NOTICE = "/en/greeting.emergency-notice"


@pytest.fixture
def world() -> World:
    """A floor on which Ben is signed on, and busy wherever a test wants the caller to wait."""
    world = World()
    world.sign_on(BEN)
    return world


def busy(world: World) -> None:
    """Ben talks with somebody else."""
    call = world.into_queue("c-other")
    assert call.offer is not None
    world.see(LegAnswered(channel=call.offer.leg, at=world.now))


def raised(world: World) -> list[str]:
    return [str(e.body.get("how")) for e in world.events if e.kind.value == "emergency_raised"]


def hears_the_notice_at_once(world: World) -> None:
    """Of what the switch is told, the notice is the first thing that plays, after what played was stopped."""
    plays = world.did(Play)
    assert plays, "nothing is played"
    assert plays[0].media[0] == NOTICE
    kinds = [type(c) for c in world.commands]
    if StopPlay in kinds:
        assert kinds.index(StopPlay) < kinds.index(Play)


def is_first_in_line(world: World, queue=QUEUE) -> None:
    call = world.call()
    assert call.phase is Phase.WAITING
    assert call.queue_id == queue
    assert call.priority == FIRST_OF_ALL
    assert (call.emergency, call.emergency_how) == (True, "key")


def greeting(world: World) -> None:
    world.arrive()


def language_menu(world: World) -> None:
    world.arrive()
    world.heard()


def main_menu(world: World) -> None:
    world.arrive()
    world.heard()
    world.press("1")


def silent_menu(world: World) -> None:
    main_menu(world)
    world.heard()


def music(world: World) -> None:
    world.into_queue()


def announcement(world: World) -> None:
    world.into_queue()
    world.later(5)
    assert world.call().playback


def voicemail_words(world: World) -> None:
    world.into_queue()
    world.press("1")
    assert world.call().phase is Phase.VOICEMAIL


def recording(world: World) -> None:
    voicemail_words(world)
    world.heard()
    message = world.call().message
    assert message
    assert message.recording


def goodbye(world: World) -> None:
    recording(world)
    world.press("#")
    assert world.call().ending == "voicemail"


EVERYWHERE = [
    greeting, language_menu, main_menu, silent_menu, music, announcement, voicemail_words, recording, goodbye,
]  # fmt: skip


@pytest.mark.parametrize("stand", EVERYWHERE, ids=lambda f: f.__name__)
def test_v5_the_key_interrupts_at_every_point(world: World, stand) -> None:
    busy(world)
    stand(world)
    world.press("*")
    assert raised(world) == ["key"]
    hears_the_notice_at_once(world)
    is_first_in_line(world)
    world.heard()
    assert world.did(Park)
    world.press("*")
    assert raised(world) == ["key"], "a second key changes nothing"
    is_first_in_line(world)


def test_v5_the_key_on_hold_shows_the_banner_and_says_the_notice(world: World) -> None:
    call = world.into_queue()
    world.see(LegAnswered(channel=call.offer.leg, at=world.now))
    world.order(BEN, "call.hold", call_id=str(call.id))
    world.press("*")
    hears_the_notice_at_once(world)
    assert world.call().emergency_how == "key"
    assert world.call().handling is not None
    world.heard()
    assert world.did(Park)


def test_v5_the_key_while_a_colleague_is_consulted(world: World) -> None:
    world.sign_on(ANA)
    call = world.into_queue()
    agent = call.offer.agent_id
    world.see(LegAnswered(channel=call.offer.leg, at=world.now))
    other = BEN if agent == ANA else ANA
    target = {"kind": "agent", "id": str(other)}
    world.order(agent, "call.transfer", call_id=str(call.id), to=target, mode="consult")
    world.press("*")
    hears_the_notice_at_once(world)
    assert world.call().transfer is not None, "the consultation goes on: both see the banner"


def test_v5_the_key_in_a_conversation_only_shows_the_banner(world: World) -> None:
    call = world.into_queue()
    world.see(LegAnswered(channel=call.offer.leg, at=world.now))
    world.press("*")
    assert raised(world) == ["key"]
    assert world.did(Play) == []


def test_v5_a_ringing_telephone_keeps_ringing(world: World) -> None:
    world.into_queue()
    before = world.call().offer
    assert before is not None
    world.press("*")
    assert world.call().offer == before
    is_first_in_line(world)


def test_v5_the_emergency_queue_is_used_when_somebody_is_there(world: World) -> None:
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], emergency_queue=OTHER)
    busy(world)
    world.into_queue()
    world.press("*")
    is_first_in_line(world, OTHER)


def test_v5_an_emergency_queue_without_anybody_is_passed_over(world: World) -> None:
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], emergency_queue=OTHER)
    world.floor.queues[OTHER] = replace(world.floor.queues[OTHER], members=frozenset({ANA}))
    busy(world)
    world.into_queue()
    world.press("*")
    is_first_in_line(world, QUEUE)


def test_v5_with_nobody_there_the_notice_is_said_and_the_call_goes_on() -> None:
    world = World(door="closed")
    world.arrive()
    world.press("*")
    hears_the_notice_at_once(world)
    assert raised(world) == ["key"]
    world.heard()
    assert world.call().phase is Phase.VOICEMAIL
    world.heard()
    recorded = world.call().message.recording
    assert recorded
    world.order(ANA, "agent.phone", endpoint="s-ana1")
    assert world.call().message.until, "a second press would not stop the message either"
    world.press("*")
    assert world.call().message.until


def test_v5_a_message_that_is_interrupted_is_kept(world: World) -> None:
    busy(world)
    recording(world)
    world.later(3)
    world.press("*")
    assert world.did(StopRecording)
    ended = [e for e in world.events if e.kind.value == "voicemail_ended"]
    assert [e.body["why"] for e in ended] == ["emergency"]


def test_v5_a_line_may_use_another_key() -> None:
    world = World()
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], emergency_key="0")
    world.arrive()
    world.press("*")
    assert raised(world) == []
    world.press("0")
    assert raised(world) == ["key"]


def test_v5_an_emergency_stays_first_after_a_transfer(world: World) -> None:
    call = world.into_queue()
    world.see(LegAnswered(channel=call.offer.leg, at=world.now))
    world.press("*")
    world.order(BEN, "call.transfer", call_id=str(call.id), to={"kind": "queue", "id": str(OTHER)})
    is_first_in_line(world, OTHER)
