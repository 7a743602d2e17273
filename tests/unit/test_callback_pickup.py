"""Who picked up a callback, by the sound of it: the classifier, and that nobody is a machine who was not asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careline.calls.callback_model import Stage
from careline.calls.fold import fold
from careline.calls.greeting import FIRST_SOUND, Verdict, judge
from careline.calls.hearing import phrases, wanted
from careline.calls.model import Kind, Phase
from careline.calls.switch_commands import Hangup, Play, Ring, StopPlay, Watch
from careline.calls.switch_events import HangupCause, Heard, LegAnswered, LegEnded, Talking
from careline.queues.rules import Callback, Rules
from careline.testing.world import ANA, NUMBER, QUEUE, World

pytestmark = pytest.mark.unit

PERSON_SAYS, MACHINE_SAYS = 0.8, 7.0
QUESTION = ["callback.is-it-you-say"]


# --- the classifier ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "began", "ended", "now", "verdict"),
    [
        ("nothing yet", None, None, 1.0, Verdict.OPEN),
        ("nobody speaks", None, None, 2.5, Verdict.SILENT),
        ("in the middle of a word", 0.4, None, 1.0, Verdict.OPEN),
        ("hello", 0.4, 0.9, 1.6, Verdict.PERSON),
        ("good morning, this is Karen speaking", 0.5, 2.9, 3.6, Verdict.PERSON),
        ("a late hello", 2.2, 2.7, 3.4, Verdict.PERSON),
        ("you have reached, in the middle", 0.3, None, 3.3, Verdict.MACHINE),
        ("you have reached, to the end", 0.3, 7.1, 7.8, Verdict.MACHINE),
        # Measured on Careline's own recordings, at the switch's threshold and pause.
        ("measured: an invitation to leave a message, 10 s", 0.04, 10.10, 10.8, Verdict.MACHINE),
        ("measured: a notice of two sentences, 4.7 s", 0.04, 4.72, 5.42, Verdict.MACHINE),
        ("measured: 'Hello.'", 0.06, 0.50, 1.2, Verdict.PERSON),
        ("measured: two short sentences, 1.6 s", 0.06, 1.70, 2.4, Verdict.PERSON),
        ("measured: a long single sentence, 2.3 s", 0.06, 2.34, 3.04, Verdict.PERSON),
        ("exactly the limit", 0.0, 3.0, 3.7, Verdict.MACHINE),
    ],
)
def test_o11_the_first_sound_tells_a_person_from_a_machine(what, began, ended, now, verdict):
    assert judge(began, ended, now, machine_after=3.0) is verdict, what


@given(
    began=st.floats(0, 30),
    length=st.floats(0, 60),
    limit=st.floats(1.5, 10),
    later=st.floats(0, 30),
)
def test_a_short_word_is_never_a_machine_and_a_verdict_stays(began, length, limit, later):
    ended = began + length
    found = judge(began, ended, ended + 0.7, machine_after=limit)
    assert found is (Verdict.MACHINE if ended - began >= limit else Verdict.PERSON)
    assert judge(began, ended, ended + 0.7 + later, machine_after=limit) is found, "time alone changes nothing"
    assert judge(began, ended, ended + 0.7, machine_after=limit + 60) is Verdict.PERSON, "a higher limit is safer"


@given(now=st.floats(0, 60))
def test_silence_is_waited_out_and_is_no_machine(now):
    assert judge(None, None, now, machine_after=3) is (Verdict.SILENT if now >= FIRST_SOUND else Verdict.OPEN)


# --- on the floor: caller first -------------------------------------------------------------------------------------


def said(world: World) -> list[str]:
    return [path.split("/")[-1] for play in world.did(Play) for path in play.media]


def talks(world: World, channel: str, on: bool) -> None:
    world.see(Talking(channel=channel, on=on, at=world.now))


def sounds(world: World, channel: str, seconds: float) -> None:
    """A stretch of sound, told as the switch tells it: its end comes 0.7 s late."""
    talks(world, channel, True)
    world.later(seconds + 0.7)
    talks(world, channel, False)


def picked_up(mode: str = "caller-first", **rules) -> tuple[World, str]:
    """A callback whose caller's telephone was just answered, and that leg."""
    world = World()
    world.reconfigure(QUEUE, rules=Rules(callback=Callback(offered=True, mode=mode, **rules)))
    world.into_queue()
    world.press("2")
    world.press("1")
    world.see(LegEnded(channel="c1", cause=HangupCause.NORMAL, at=world.now))
    world.sign_on(ANA)
    if mode == "agent-first":
        world.see(LegAnswered(channel=world.call().offer.leg, at=world.now))
    (ring,) = [r for r in world.did(Ring) if r.endpoint.startswith("tel:")]
    world.see(LegAnswered(channel=ring.channel, at=world.now))
    return world, ring.channel


def callback_of(world: World):
    (call,) = world.floor.calls.values()
    folded = fold([e for e in world.events if e.call_id == call.id], 1)
    assert folded.callback == call.callback
    return call.callback


def test_a_person_is_heard_out_then_asked_and_takes_the_place_by_a_key():
    world, leg = picked_up()
    assert said(world) == []
    assert Watch(channel=leg, on=True) in world.commands
    world.later(1)
    sounds(world, leg, PERSON_SAYS)
    assert said(world) == QUESTION
    assert not callback_of(world).ear.machine
    world.heard(leg)
    world.press("1", leg)
    assert world.call(leg).phase is Phase.WAITING
    assert Watch(channel=leg, on=False) in world.commands
    assert world.call(leg).callback.ear is None


def test_who_says_nothing_is_asked_all_the_same():
    world, _ = picked_up()
    world.later(2.6)
    assert said(world) == QUESTION
    assert not callback_of(world).ear.machine


def test_a_machine_is_asked_in_silence_and_then_left_a_message_soon():
    world, leg = picked_up()
    world.later(0.5)
    sounds(world, leg, MACHINE_SAYS)
    assert said(world) == QUESTION
    assert callback_of(world).ear.machine
    sounds(world, leg, 0.5)  # its beep
    world.heard(leg)
    world.later(8.1)
    assert callback_of(world).stage is Stage.BEEP
    assert said(world) == []
    world.later(2)
    assert said(world) == ["callback.machine"]
    world.heard(leg)
    assert Hangup(channel=leg) in world.commands
    world.see(LegEnded(channel=leg, cause=HangupCause.NORMAL, at=world.now))
    assert callback_of(world).attempts == 1
    assert [e.body["reason"] for e in world.events if e.kind is Kind.CALLBACK_MISSED] == ["machine"]


def test_the_message_waits_for_the_end_of_the_beep():
    world, leg = picked_up()
    sounds(world, leg, MACHINE_SAYS)
    world.heard(leg)
    world.later(7)
    talks(world, leg, True)
    world.later(2)
    assert callback_of(world).stage is Stage.BEEP
    world.later(3)
    assert said(world) == [], "it still sounds"
    talks(world, leg, False)
    world.later(1)
    assert said(world) == []
    world.later(1)
    assert said(world) == ["callback.machine"]


@pytest.mark.parametrize("stage", [Stage.LISTENING, Stage.ASKING, Stage.BEEP, Stage.MESSAGE])
def test_whoever_presses_one_is_a_person_however_long_the_greeting_was(stage):
    world, leg = picked_up()
    if stage is not Stage.LISTENING:
        sounds(world, leg, MACHINE_SAYS)
        world.heard(leg)
    if stage in (Stage.BEEP, Stage.MESSAGE):
        world.later(8.1)
    if stage is Stage.MESSAGE:
        world.later(2)
    assert callback_of(world).stage is stage
    world.press("1", leg)
    call = world.call(leg)
    assert (call.phase, call.callback.attempts) == (Phase.WAITING, 0)


def test_a_machine_that_speaks_on_under_our_question_is_asked_again_in_silence():
    world, leg = picked_up()
    sounds(world, leg, PERSON_SAYS)
    assert said(world) == QUESTION
    playback = world.call(leg).playback
    sounds(world, leg, MACHINE_SAYS)
    assert StopPlay(playback=playback) in world.commands
    assert said(world) == QUESTION
    assert callback_of(world).ear.machine
    world.heard(leg)
    sounds(world, leg, MACHINE_SAYS)
    assert said(world) == [], "once"


@settings(deadline=None)  # a busy machine is no counter-example
@given(stretches=st.lists(st.tuples(st.floats(0.1, 30), st.floats(0.1, 30)), max_size=6))
def test_nobody_is_left_the_message_without_having_heard_the_whole_question(stretches):
    world, leg = picked_up()
    asked = False
    for sound, pause in stretches:
        for on, seconds in ((True, sound), (False, pause)):
            talks(world, leg, on)
            world.later(seconds)
            (call,) = world.floor.calls.values()
            if call.channel != leg or call.callback.stage is Stage.WAITING:
                return
            if call.callback.stage in (Stage.BEEP, Stage.MESSAGE):
                assert asked
            if call.callback.stage is Stage.ASKING and call.playback and not call.callback.asked:
                assert call.callback.ear.sounding is None or on, "put in silence"
                world.heard(leg)
                asked = True


def test_a_greeting_without_an_end_is_not_waited_out():
    world, leg = picked_up()
    talks(world, leg, True)
    world.later(39)
    assert said(world) == []
    world.later(2)
    assert said(world) == QUESTION
    assert callback_of(world).ear.machine


def test_a_machine_that_hangs_up_after_its_greeting_counts_as_one():
    world, leg = picked_up()
    sounds(world, leg, MACHINE_SAYS)
    world.see(LegEnded(channel=leg, cause=HangupCause.NORMAL, at=world.now))
    assert [e.body["reason"] for e in world.events if e.kind is Kind.CALLBACK_MISSED] == ["machine"]


def test_a_spoken_yes_counts_once_the_question_was_heard_and_not_before():
    world, leg = picked_up()
    yes = {"stream": f"e.{world.call(leg).id}", "phrase": "yes", "red_flag": None}
    sounds(world, leg, PERSON_SAYS)
    line = world.floor.lines[NUMBER]
    assert phrases(world.call(leg), line) == ()
    world.see(Heard(channel=leg, confidence=0.9, at=world.now, **yes))
    assert world.call(leg).phase is Phase.CALLBACK
    world.heard(leg)
    assert wanted(world.call(leg), line).phrases == ("yes",)
    world.see(Heard(channel=leg, confidence=0.2, at=world.now, **yes))
    assert world.call(leg).phase is Phase.CALLBACK, "not sure enough"
    world.see(Heard(channel=leg, confidence=0.9, at=world.now, **yes))
    assert world.call(leg).phase is Phase.WAITING


def test_without_listening_the_question_comes_at_once_and_the_time_is_the_queues():
    world, leg = picked_up(machines=False, answer_seconds=10)
    assert said(world) == QUESTION
    assert not world.did(Watch)
    world.heard(leg)
    world.later(9)
    assert callback_of(world).stage is Stage.ASKING
    world.later(2)
    assert said(world) == ["callback.machine"]


def test_the_length_of_a_machines_greeting_is_the_queues():
    world, leg = picked_up(greeting_seconds=10)
    sounds(world, leg, MACHINE_SAYS)
    assert not callback_of(world).ear.machine


# --- on the floor: an agent listens -----------------------------------------------------------------------------------


def test_an_agent_is_told_that_it_sounds_like_a_machine_and_decides():
    world, leg = picked_up("agent-first")
    call = world.call(leg)
    assert (call.phase, call.handling.agent_id) == (Phase.TALKING, ANA)
    talks(world, leg, True)
    world.later(2.9)
    assert not callback_of(world).ear.machine
    world.later(0.2)
    assert callback_of(world).ear.machine
    assert world.call(leg).callback.to_row()["machine"]
    assert world.call(leg).phase is Phase.TALKING, "the agent hears who it is"
    world.order(ANA, "callback.machine", call_id=call.id)
    assert said(world) == [], "not into its greeting"
    world.later(4)
    talks(world, leg, False)
    world.later(1.6)
    assert said(world) == ["callback.machine"]


def test_a_person_with_an_agent_is_not_watched_any_longer():
    world, leg = picked_up("agent-first")
    sounds(world, leg, PERSON_SAYS)
    assert Watch(channel=leg, on=False) in world.commands
    assert callback_of(world).ear is None
    count = len(world.events)
    sounds(world, leg, 20)
    assert len(world.events) == count, "a conversation leaves no trace of its turns"


@pytest.mark.parametrize("says", [0, MACHINE_SAYS])
def test_watching_a_line_with_an_agent_ends_by_itself(says):
    world, leg = picked_up("agent-first")
    if says:
        sounds(world, leg, says)
    world.now += timedelta(seconds=1)
    world.later(61)
    assert callback_of(world).ear is None
    assert world.call(leg).phase is Phase.TALKING


# --- settings ---------------------------------------------------------------------------------------------------------


def test_ringing_lead_and_patience_on_the_line_are_the_queues():
    world, leg = picked_up(ring_seconds=40, held_seconds=60)
    (dialled,) = [e for e in world.events if e.kind is Kind.CALLBACK_DIALLED]
    assert dialled.body["until"] == (dialled.at + timedelta(seconds=40)).isoformat()
    world.order(ANA, "agent.status", status="away")
    world.press("1", leg)
    before = world.call(leg).priority
    world.later(59)
    assert world.call(leg).priority == before
    world.later(2)
    assert world.call(leg).priority > before
