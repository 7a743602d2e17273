"""What callers say: listened to wherever nobody else hears them, understood, confirmed, and acted upon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from careline.calls import hearing
from careline.calls.fold import evolve
from careline.calls.model import FIRST_OF_ALL, Call, Phase
from careline.calls.switch_commands import Play, Ring, StartListening, StopListening
from careline.calls.switch_events import HangupCause, Heard, LegAnswered, LegEnded
from careline.flows.reading import read
from careline.flows.text import load
from careline.queues.rules import Callback, Rules
from careline.testing.world import ANA, BEN, NUMBER, QUEUE, World

pytestmark = pytest.mark.unit


@pytest.fixture
def world() -> World:
    world = World()
    line = world.floor.lines[NUMBER]
    menu = line.flow.nodes["menu"]
    options = {
        digit: replace(option, phrases={"en": ("appointments",), "es": ("citas",)})
        for digit, option in menu.options.items()  # type: ignore[union-attr]
    }
    flow = replace(line.flow, nodes={**line.flow.nodes, "menu": replace(menu, options=options)})  # type: ignore[type-var]
    world.floor.lines[NUMBER] = replace(line, listen=True, flow=flow)
    return world


def say(world: World, *, phrase: str | None = None, red_flag: str | None = None, channel: str = "c1") -> None:
    call = world.call(channel)
    world.see(
        Heard(
            channel=channel,
            stream=f"e.{call.id}",
            phrase=phrase,
            confidence=0.9,
            red_flag=red_flag,
            at=world.now,
        )
    )


def in_greeting(world: World) -> None:
    world.arrive()


def in_menu(world: World) -> None:
    world.arrive()
    world.heard()
    world.press("1")


def in_queue(world: World) -> None:
    world.into_queue()


def in_voicemail(world: World) -> None:
    world.door = "closed"
    world.arrive()
    world.heard()
    world.heard()
    assert world.call().phase is Phase.VOICEMAIL


def on_hold(world: World) -> None:
    call = world.talking()
    world.order(ANA, "call.hold", call_id=str(call.id))
    assert world.call().held


def confirming(world: World) -> None:
    in_menu(world)
    say(world, phrase="appointments")


def recording(world: World) -> None:
    in_voicemail(world)
    world.heard()
    message = world.call().message
    assert message
    assert message.recording


def saying_goodbye(world: World) -> None:
    recording(world)
    world.press("#")
    assert world.call().ending


def asked_about_a_callback(world: World) -> None:
    world.reconfigure(QUEUE, rules=Rules(callback=Callback(offered=True)))
    world.into_queue()
    world.press("2")
    assert world.call().arranging


def flowing(world: World, nodes: str, variables: str = "{}") -> None:
    """The line has this flow, and a caller is at its first node."""
    head = "careline: flow/1\nname: Test\nlanguages: [en, es]\nstart: first\n"
    head += f"variables: {variables}\nnodes:\n"
    ends = f"  queue: {{kind: queue, queue: {QUEUE}}}\n  message: {{kind: voicemail}}\n"
    reading = read(load(head + nodes + ends))
    assert reading.sound, reading.problems
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], flow=reading.flow)
    world.arrive()


def hearing_an_announcement(world: World) -> None:
    flowing(world, "  first: {kind: say, prompts: [menu.intro], next: queue}\n")
    assert world.call().playback


def typing_digits(world: World) -> None:
    flowing(
        world,
        "  first: {kind: collect, prompts: [verify.member-id], variable: member, least: 4, most: 6, tries: 2,"
        " seconds: 5, next: queue, exits: {no_input: queue, no_match: message}}\n",
        "{member: {type: text, secret: true}}",
    )
    world.heard()
    world.press("4")


def beside_a_voice_agent(world: World) -> None:
    flowing(
        world,
        "  first: {kind: agent, endpoint: receptionist, seconds: 120, next: queue,"
        " exits: {person: queue, failed: queue, timeout: queue}}\n",
    )
    assert world.call().ask


POINTS = [
    in_greeting, in_menu, confirming, in_queue, in_voicemail, on_hold, recording, saying_goodbye,
    asked_about_a_callback, hearing_an_announcement, typing_digits, beside_a_voice_agent,
]  # fmt: skip
#: Where somebody signed on would take the call away from the point.
ALONE = (on_hold, asked_about_a_callback)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
def test_v5_words_interrupt_at_every_point_and_once(world: World, point: Callable[[World], None]):
    if point not in ALONE:
        world.sign_on(BEN)
    point(world)
    say(world, red_flag="chest-pain")
    call = world.call()
    assert (call.emergency, call.emergency_how, call.priority) == (True, "words", FIRST_OF_ALL)
    assert world.did(Play)[0].media[0] == "/en/greeting.emergency-notice"
    say(world, red_flag="chest-pain")
    assert world.kinds().count("emergency_raised") == 1
    assert world.call().unconfirmed is None or world.call().phase is not Phase.FLOW


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
def test_v5_the_caller_is_listened_to_at_every_point_where_nobody_else_hears(
    world: World, point: Callable[[World], None]
):
    point(world)
    assert listened_to(world.call(), world)


def listened_to(call: Call, world: World) -> bool:
    wish = hearing.wanted(call, world.floor.pinned[call.id])
    return wish is not None and wish.red_flags


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
def test_v5_the_key_interrupts_at_the_same_points(world: World, point: Callable[[World], None]):
    if point not in ALONE:
        world.sign_on(BEN)
    point(world)
    world.press("*")
    call = world.call()
    assert (call.emergency, call.emergency_how, call.priority) == (True, "key", FIRST_OF_ALL)
    assert world.did(Play)[0].media[0] == "/en/greeting.emergency-notice"
    assert call.ask is None
    assert call.arranging is None


def test_v5_a_message_that_words_interrupt_is_kept_and_its_recording_ends(world: World):
    world.sign_on(BEN)
    recording(world)
    say(world, red_flag="chest-pain")
    ended = [event for event in world.events if event.kind.value == "voicemail_ended"]
    assert [event.body["why"] for event in ended] == ["emergency"]
    assert world.call().phase is Phase.WAITING


def test_v5_words_while_called_back_and_asked_bring_a_person(world: World):
    world.reconfigure(QUEUE, rules=Rules(callback=Callback(offered=True, mode="caller-first")))
    world.into_queue()
    world.press("2")
    world.press("1")
    world.heard()
    world.see(LegEnded(channel="c1", cause=HangupCause.NORMAL, at=world.now))
    world.sign_on(ANA)
    ring = next(r for r in world.did(Ring) if r.channel.startswith("c."))
    world.see(LegAnswered(channel=ring.channel, at=world.now))
    world.later(3)
    assert listened_to(world.call(ring.channel), world)
    say(world, red_flag="breathing", channel=ring.channel)
    call = world.call(ring.channel)
    assert (call.emergency_how, call.phase, call.priority) == ("words", Phase.WAITING, FIRST_OF_ALL)


def test_listening_begins_with_the_call_and_ends_with_the_agent(world: World):
    world.sign_on(ANA)
    world.arrive()
    (start,) = world.did(StartListening)
    assert (start.channel, start.red_flags, start.phrases) == ("c1", True, ())
    world.heard()
    world.press("1")
    (menu,) = world.did(StartListening)
    assert menu.phrases == ("appointments",)
    assert menu.stream == start.stream
    world.press("1")
    call = world.call()
    assert call.offer is not None
    world.see(LegAnswered(channel=call.offer.leg, at=world.now))
    assert [stop.stream for stop in world.did(StopListening)] == [start.stream]
    world.order(ANA, "call.hold", call_id=str(call.id))
    assert world.did(StartListening)
    world.order(ANA, "call.resume", call_id=str(call.id))
    assert world.did(StopListening)


def test_listening_ends_with_the_call(world: World):
    world.arrive()
    world.see(LegEnded(channel="c1", cause=HangupCause.NORMAL, at=world.now))
    assert len(world.did(StopListening)) == 1


def test_a_line_may_switch_listening_off(world: World):
    line = world.floor.lines[NUMBER]
    world.floor.lines[NUMBER] = replace(line, listen=False)
    world.arrive()
    assert not world.did(StartListening)
    say(world, red_flag="chest-pain")
    assert not world.call().emergency


def test_a_said_choice_is_read_back_and_taken_after_a_yes(world: World):
    confirming(world)
    assert world.call().unconfirmed == "appointments"
    assert world.did(Play)[0].media == ("/en/menu.heard", "/en/text.appointments", "/en/menu.confirm")
    assert set(world.did(StartListening)[0].phrases) == {"yes", "no"}
    say(world, phrase="yes")
    call = world.call()
    assert (call.phase, call.reason, call.unconfirmed) == (Phase.WAITING, "appointments", None)


def test_a_said_choice_is_confirmed_by_key_as_well(world: World):
    confirming(world)
    world.press("1")
    assert world.call().phase is Phase.WAITING


@pytest.mark.parametrize("answer", ["no", "key", "silence"])
def test_what_is_not_confirmed_is_asked_again(world: World, answer: str):
    confirming(world)
    match answer:
        case "no":
            say(world, phrase="no")
        case "key":
            world.press("2")
        case "silence":
            world.heard()
            world.later(10)
    call = world.call()
    assert (call.phase, call.unconfirmed) == (Phase.FLOW, None)
    assert call.cursor is not None
    assert call.cursor.node == "menu"
    assert "menu_chosen" not in world.kinds()


def test_a_phrase_that_is_not_awaited_changes_nothing(world: World):
    world.arrive()
    before = len(world.events)
    say(world, phrase="appointments")
    assert len(world.events) == before


def test_keys_go_on_working_beside_speech(world: World):
    in_menu(world)
    world.press("1")
    assert world.call().phase is Phase.WAITING


def test_events_say_which_rule_and_never_which_words(world: World):
    in_queue(world)
    say(world, red_flag="suicide")
    (heard,) = [event for event in world.events if event.kind.value == "heard"]
    assert dict(heard.body) == {"what": "red-flag", "rule": "suicide", "confidence": 0.9}


def test_the_state_of_a_confirmation_is_folded_from_events(world: World):
    confirming(world)
    call = world.call()
    events = [event for event in world.events if event.call_id == call.id]
    folded = replace(call, unconfirmed=None, listen_until=None)
    for event in events:
        if event.kind.value == "heard":
            folded = evolve(folded, event)
    assert folded.unconfirmed == "appointments"
    assert isinstance(call.id, UUID)
