"""Somebody, or something, picked up at the number of a callback: what it sounds like, and what it is asked. Pure.

A greeting is heard out before anything is said. Whoever sounds like a machine is asked all the same, and in silence;
only who then neither presses the key nor says yes is left the message for machines. With an agent on the line
nothing is decided here: the agent is told what it sounds like, and has the button.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from careline.calls import callback_rules, closing, greeting, talk
from careline.calls.callback_attempts import AFTER_BEEP, LONGEST_SOUND, leave_message, speak_message
from careline.calls.callback_model import PICKED_UP, Ear, Stage
from careline.calls.greeting import Verdict
from careline.calls.model import Kind, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import Bridge, Hangup, StopPlay, Watch
from careline.calls.switch_events import TALK_PAUSE
from careline.calls.waiting import join_queue
from careline.flows.spoken import Prompt

#: The keys a called-back caller may press: take the call, or call it off.
TAKE_KEY, CANCEL_KEY = "1", "9"
#: How long an answer is waited for from what sounds like a machine, once the question was heard.
MACHINE_ANSWERS = timedelta(seconds=8)
#: How long a line with an agent on it is watched on after it sounded like a machine: for its beep.
WATCHED = timedelta(seconds=60)
#: The recogniser that comes with Careline knows English; elsewhere the key alone is asked for, and a spoken yes counts
#: where the speech extra is installed.
_SAY = frozenset({"en"})


def picked_up(s: Step) -> None:
    """The caller's telephone was answered."""
    callback = s.call.callback
    assert callback is not None
    if callback.stage is not Stage.DIALLING:
        return
    rules = callback_rules.rules_of(s)
    if callback.agent_id is not None:
        _with_agent(s, watch=rules.machines)
    elif rules.machines:
        _answered(s, Stage.LISTENING, s.now + timedelta(seconds=greeting.FIRST_SOUND), watch=True)
        s.do(Watch(channel=s.call.channel, on=True))
    else:
        ask(s)


def _with_agent(s: Step, *, watch: bool) -> None:
    callback = s.call.callback
    assert callback is not None
    ear_until = s.now + timedelta(seconds=greeting.FIRST_SOUND_WITH_AGENT)
    _answered(s, Stage.JOINED, None, watch=watch, ear_until=ear_until.isoformat() if watch else None)
    s.happened(
        Kind.CONNECTED,
        handling_id=str(s.call.next_handling()),
        agent_id=str(callback.agent_id),
        queue_id=str(s.call.queue_id) if s.call.queue_id else None,
        leg=callback.agent_leg,
        endpoint=callback.agent_endpoint,
    )
    assert callback.agent_leg is not None
    s.do(Bridge(bridge=s.call.bridge, channels=(s.call.channel, callback.agent_leg)))
    if watch:
        s.do(Watch(channel=s.call.channel, on=True))
    talk.start_recording(s)


def _answered(s: Step, stage: Stage, until: datetime | None, **more: object) -> None:
    callback = s.call.callback
    assert callback is not None
    leg = callback.leg if callback.stage is Stage.DIALLING else s.call.channel
    ends = until.isoformat() if until else None
    s.happened(Kind.CALLBACK_ANSWERED, leg=leg, stage=stage.value, until=ends, **more)


# --- the question ---------------------------------------------------------------------------------------------------


def ask(s: Step) -> None:
    """Put the question that no machine answers."""
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    wait = callback_rules.LAST_WORD + timedelta(seconds=callback_rules.rules_of(s).answer_seconds)
    _answered(s, Stage.ASKING, s.now + wait)
    s.speak(s.call.channel, Prompt("callback.is-it-you-say" if s.call.language in _SAY else "callback.is-it-you"))


def played(s: Step) -> None:
    """What was said has been heard: the question, the goodbye, the message for a machine."""
    callback = s.call.callback
    if callback is None:
        return
    if callback.stage in (Stage.GOODBYE, Stage.MESSAGE):
        s.do(Hangup(channel=s.call.channel))
    elif callback.stage is Stage.ASKING:
        machine = callback.ear is not None and callback.ear.machine
        wait = MACHINE_ANSWERS if machine else timedelta(seconds=callback_rules.rules_of(s).answer_seconds)
        s.happened(Kind.CALLBACK_VOICE, asked=True, until=(s.now + wait).isoformat())


def key(s: Step, digit: str) -> None:
    """A called-back caller pressed a key: it is a person, whatever it sounded like."""
    callback = s.call.callback
    if callback is None or callback.stage not in PICKED_UP:
        return
    if digit == CANCEL_KEY:
        s.happened(Kind.CALLBACK_CANCELLED, by="caller")
        s.do(Hangup(channel=s.call.channel))
        closing.end(s, by="caller", outcome="callback-cancelled")
    elif digit == TAKE_KEY:
        take_old_place(s)


def take_old_place(s: Step) -> None:
    """The caller is back, by key or by a spoken yes, at the place that was kept, and not for long."""
    call = s.call
    assert call.queue_id is not None
    assert call.callback is not None
    if call.playback:
        s.do(StopPlay(playback=call.playback))
    if call.callback.ear:
        s.do(Watch(channel=call.channel, on=False))
    on_the_line(s)
    join_queue(s, call.queue_id, reason=call.reason, leave=call.leave, place_at=call.place_at, priority=call.priority)


def on_the_line(s: Step) -> None:
    """The caller is there and stays: the callback has done its work, the call goes on as any other at its old place."""
    held = timedelta(seconds=callback_rules.rules_of(s).held_seconds)
    _answered(s, Stage.JOINED, s.now + held)
    s.happened(Kind.REQUEUED, reason="callback")


def resume(s: Step) -> None:
    """After call control was away, and the line is still up: ask again, or let go."""
    callback = s.call.callback
    if callback is None:
        return
    match callback.stage:
        case Stage.LISTENING | Stage.ASKING:
            ask(s)
        case Stage.BEEP:
            speak_message(s)
        case Stage.GOODBYE | Stage.MESSAGE:
            s.do(Hangup(channel=s.call.channel))
        case _:
            pass


# --- what is heard ------------------------------------------------------------------------------------------------


def _judge(s: Step, ear: Ear, *, over: bool) -> Verdict:
    """What the present or just ended stretch of sound says."""
    ended = s.now - TALK_PAUSE if over else None
    return greeting.judge(
        (ear.sounding - ear.since).total_seconds() if ear.sounding else None,
        (ended - ear.since).total_seconds() if ended else None,
        (s.now - ear.since).total_seconds(),
        machine_after=callback_rules.rules_of(s).greeting_seconds,
        patience=0.0,
    )


def voice(s: Step, on: bool) -> None:
    """Sound began or ended at whoever picked up."""
    call, callback = s.call, s.call.callback
    if callback is None or callback.ear is None or on is (callback.ear.sounding is not None):
        return
    if call.phase is Phase.TALKING:
        _voice_with_agent(s, callback.ear, on)
    elif on:
        s.happened(Kind.CALLBACK_VOICE, on=True, **_later(s, callback.stage, callback.ear))
    elif call.phase is Phase.CALLBACK:
        _fell_silent(s, callback.stage, callback.ear)


def _later(s: Step, stage: Stage, ear: Ear) -> dict[str, str]:
    """While it sounds: until when that is waited out; other stages have an end of their own."""
    if stage is Stage.LISTENING:
        return {"until": (ear.since + greeting.LONGEST).isoformat()}
    if stage is Stage.BEEP and s.now < ear.since + 4 * LONGEST_SOUND:
        return {"until": (s.now + LONGEST_SOUND).isoformat()}
    return {}


def _fell_silent(s: Step, stage: Stage, ear: Ear) -> None:
    machine = _judge(s, ear, over=True) is Verdict.MACHINE
    match stage:
        case Stage.LISTENING:
            s.happened(Kind.CALLBACK_VOICE, on=False, machine=machine)
            ask(s)
        case Stage.ASKING:
            s.happened(Kind.CALLBACK_VOICE, on=False, machine=machine)
            if machine and not ear.machine:
                # It spoke on while we asked: put in silence, a person hears the question.
                ask(s)
        case Stage.BEEP:
            s.happened(Kind.CALLBACK_VOICE, on=False, until=(s.now + AFTER_BEEP).isoformat())
        case _:
            s.happened(Kind.CALLBACK_VOICE, on=False)


def _voice_with_agent(s: Step, ear: Ear, on: bool) -> None:
    watched = ear.since + WATCHED
    if on:
        seconds = callback_rules.rules_of(s).greeting_seconds
        due = watched if ear.machine else s.now + timedelta(seconds=seconds)
        s.happened(Kind.CALLBACK_VOICE, on=True, ear_until=due.isoformat())
    elif ear.machine or _judge(s, ear, over=True) is Verdict.MACHINE:
        s.happened(Kind.CALLBACK_VOICE, on=False, machine=True, ear_until=watched.isoformat())
    else:
        _listened(s)


def _listened(s: Step) -> None:
    """Whoever it is, the agent knows by now."""
    s.happened(Kind.CALLBACK_VOICE, over=True)
    s.do(Watch(channel=s.call.channel, on=False))


# --- time -----------------------------------------------------------------------------------------------------------


def due(s: Step, stage: Stage) -> None:
    """The time of a stage is over in which somebody has picked up."""
    callback = s.call.callback
    assert callback is not None
    match stage:
        case Stage.LISTENING:
            if callback.ear and _judge(s, callback.ear, over=False) is Verdict.MACHINE:
                s.happened(Kind.CALLBACK_VOICE, machine=True)
            ask(s)
        case Stage.ASKING:
            leave_message(s)
        case Stage.BEEP:
            speak_message(s)
        case _:
            pass


def due_with_agent(s: Step) -> bool:
    """What is due while an agent talks with whoever picked up. False when nothing is."""
    callback = s.call.callback
    ear = callback.ear if callback else None
    if ear is None or ear.until is None or ear.until > s.now:
        return False
    if not ear.machine and _judge(s, ear, over=False) is Verdict.MACHINE:
        s.happened(Kind.CALLBACK_VOICE, machine=True, ear_until=(ear.since + WATCHED).isoformat())
    else:
        _listened(s)
    return True
