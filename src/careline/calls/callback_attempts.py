"""How an attempt at a callback ends, and how a callback does: vain tries, machines, interruptions, closing. Pure."""

from __future__ import annotations

from datetime import timedelta

from careline.calls import callback_rules, closing, talk
from careline.calls.callback_fold import owed
from careline.calls.callback_model import PICKED_UP, Stage
from careline.calls.model import SPARE, Call, Kind, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import Hangup, StopRecording, Unbridge, Watch
from careline.calls.switch_events import HangupCause
from careline.flows.spoken import Prompt

#: The longest that an end of the sound is waited for before the message is left.
LONGEST_SOUND = timedelta(seconds=20)
#: Quiet for so long after a sound (and `ports.TALK_PAUSE`): the beep is over, and the machine records.
AFTER_BEEP = timedelta(seconds=1.5)

#: How the end of the ringing is understood.
MISSED = {
    HangupCause.NO_ANSWER: "no-answer",
    HangupCause.BUSY: "busy",
    HangupCause.REJECTED: "rejected",
    HangupCause.UNREACHABLE: "unreachable",
    HangupCause.UNALLOCATED: "unreachable",
    HangupCause.NORMAL: "no-answer",
    HangupCause.FAILURE: "failed",
}


def rest(s: Step, reason: str, *, spare: str | None = None) -> None:
    """Wait in line again, or until people may be rung."""
    callback = s.call.callback
    assert callback is not None
    next_at, ends = callback_rules.timed(s, callback.number, callback.next_at)
    s.happened(
        Kind.CALLBACK_WAITING,
        reason=reason,
        next_at=next_at.isoformat() if next_at else None,
        window_ends=ends.isoformat() if ends else None,
        spare=spare,
        spare_until=(s.now + SPARE).isoformat() if spare else None,
    )


def on_line(call: Call) -> bool:
    """Whether the caller's channel is up in this state."""
    callback = call.callback
    if callback is None or call.phase is not Phase.CALLBACK:
        return True
    return callback.stage is Stage.GOODBYE or callback.stage in PICKED_UP


def legs(call: Call) -> tuple[str, ...]:
    """The legs of a callback that ring or wait now."""
    found = call.callback
    if found is None or call.phase is not Phase.CALLBACK or found.stage is not Stage.DIALLING:
        return ()
    return tuple(leg for leg in (found.leg, found.agent_leg) if leg)


def interrupted(s: Step) -> None:
    """Legs were lost through no fault of anybody: nothing is counted, the callback waits on."""
    talk.end_offers(s, "withdrawn")
    agent_gone(s, "recovered")


# --- vain attempts --------------------------------------------------------------------------------------------------


def missed(s: Step, reason: str) -> None:
    """The caller was rung in vain: the agent is free at once, and the next attempt is set, or the last was made."""
    callback = s.call.callback
    assert callback is not None
    rules = callback_rules.rules_of(s)
    free_agent(s, "callback-missed")
    attempts = callback.attempts + 1
    if attempts > rules.retries:
        s.happened(Kind.CALLBACK_MISSED, reason=reason, attempts=attempts, next_at=None, window_ends=None, last=True)
        give_up(s)
        return
    pause = s.now + timedelta(seconds=rules.retry_seconds)
    next_at, ends = callback_rules.timed(s, callback.number, pause)
    s.happened(
        Kind.CALLBACK_MISSED,
        reason=reason,
        attempts=attempts,
        next_at=next_at.isoformat() if next_at else None,
        window_ends=ends.isoformat() if ends else None,
    )


def give_up(s: Step) -> None:
    """Nobody tries any more: the call ends, and its department gets a message (callback_tasks)."""
    talk.end_offers(s, "withdrawn")
    closing.end(s, by="system", outcome="callback-failed")


def unanswered(s: Step) -> None:
    """It rang long enough."""
    callback = s.call.callback
    assert callback is not None
    if callback.leg:
        s.do(Hangup(channel=callback.leg))
    missed(s, "no-answer")


def leave_message(s: Step) -> None:
    """An answering machine: it hears that we tried and nothing else, and the agent is free at once.

    Where sound is watched, the message waits for silence: a machine records after its greeting and beep.
    """
    call, callback = s.call, s.call.callback
    if callback is None or callback.stage is Stage.WAITING or callback.stage is Stage.DIALLING:
        raise talk.WrongMoment("This is not a callback.")
    if call.phase is Phase.TALKING:
        s.do(Unbridge(bridge=call.bridge, channels=(call.channel,)))
        if call.recording:
            s.do(StopRecording(channel=call.channel, recording=call.recording))
        talk.leave(s, wrap_up=False, reason="callback-machine")
    if not callback_rules.rules_of(s).machines:
        speak_message(s)
        return
    if callback.ear is None:
        s.do(Watch(channel=call.channel, on=True))
    sounding = callback.ear is not None and callback.ear.sounding is not None
    until = s.now + (LONGEST_SOUND if sounding else AFTER_BEEP)
    s.happened(Kind.CALLBACK_MESSAGE, speaks=False, until=until.isoformat())


def speak_message(s: Step) -> None:
    """Say that we tried. Nothing in it tells who called whom about what."""
    call, callback = s.call, s.call.callback
    assert callback is not None
    s.happened(Kind.CALLBACK_MESSAGE, speaks=True, until=(s.now + callback_rules.LAST_WORD).isoformat())
    last = callback.attempts + 1 > callback_rules.rules_of(s).retries
    s.speak(call.channel, Prompt("callback.machine-last" if last else "callback.machine"))


def agent_gone(s: Step, reason: str = "agent-left") -> None:
    """The agent left while the caller's telephone rang. That is nobody's attempt: another agent is found."""
    callback = s.call.callback
    assert callback is not None
    if callback.leg:
        s.do(Hangup(channel=callback.leg))
    spare = str(callback.agent_id) if callback.agent_id else None
    free_agent(s, "callback-left")
    rest(s, reason, spare=spare)


def free_agent(s: Step, reason: str) -> None:
    callback = s.call.callback
    if callback is None or callback.agent_id is None or s.call.phase is not Phase.CALLBACK:
        return
    s.happened(
        Kind.AGENT_LEFT,
        agent_id=str(callback.agent_id),
        handling_id=str(s.call.next_handling()),
        wrap_up=False,
        reason=reason,
    )
    if callback.agent_leg:
        s.do(Hangup(channel=callback.agent_leg))


# --- closing, by others -----------------------------------------------------------------------------------------------


def close(s: Step, *, outcome: str, by: str, **what: str | None) -> None:
    """End a callback that the caller or the floor no longer wants. Raises `WrongMoment` when it is no longer one."""
    callback = s.call.callback
    if callback is None or not (s.call.phase is Phase.CALLBACK or owed(s.call)):
        raise talk.WrongMoment("This callback is over, or the caller is on the line already.")
    talk.end_offers(s, "withdrawn")
    free_agent(s, "callback-closed")
    if callback.stage is Stage.DIALLING and callback.leg:
        s.do(Hangup(channel=callback.leg))
    elif callback.stage is not Stage.WAITING:
        s.do(Hangup(channel=s.call.channel))
    s.happened(Kind.CALLBACK_MERGED if outcome == "merged" else Kind.CALLBACK_CANCELLED, by=by, **what)
    closing.end(s, by=by, outcome=outcome)
