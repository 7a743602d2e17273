"""A callback's life after the caller has hung up: its turn, the ringing, what comes of it. Pure.

Agent-first: an agent is rung as for any waiting caller, then the caller's telephone. Caller-first: the caller is rung
when the place is about to come up, proves to be a person by a key, and takes the old place. Every vain attempt is
counted; after the last one the department gets a message, so that no wish to be called back is ever lost.
"""

from __future__ import annotations

from datetime import timedelta

from careline.calls import callback_dialog, callback_pickup, callback_rules, talk
from careline.calls.callback_attempts import (
    MISSED,
    agent_gone,
    close,
    give_up,
    interrupted,
    leave_message,
    legs,
    missed,
    on_line,
    rest,
    unanswered,
)
from careline.calls.callback_fold import owed
from careline.calls.callback_model import CALLER_FIRST, Stage
from careline.calls.callback_pickup import key, on_the_line, picked_up, played, resume, take_old_place, voice
from careline.calls.model import Call, Kind, Offer, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import Hangup, Play, Ring, StopRecording
from careline.calls.switch_events import HangupCause

#: First in line, as one who lost an agent.
HEAD_OF_QUEUE = 1_000

#: What floor, orders and reconciling need of a callback, the attempts included.
__all__ = [
    "HEAD_OF_QUEUE",
    "MISSED",
    "agent_gone",
    "agent_ready",
    "agreed",
    "caller_left",
    "close",
    "due",
    "interrupted",
    "key",
    "leave_message",
    "legs",
    "missed",
    "on_line",
    "on_the_line",
    "picked_up",
    "played",
    "resume",
    "ring_caller",
    "take_old_place",
    "voice",
    "waits_for_caller",
]


def waits_for_caller(call: Call) -> bool:
    """Whether the caller is to be rung before any agent when this call's turn comes."""
    return call.phase is Phase.CALLBACK and call.callback is not None and call.callback.mode == CALLER_FIRST


def agreed(call: Call) -> bool:
    """Whether a callback has just been arranged and its caller is still on the line."""
    return call.phase is Phase.CALLBACK and call.callback is not None and call.callback.stage is Stage.GOODBYE


# --- from the line into the waiting --------------------------------------------------------------------------------


def caller_left(s: Step, cause: HangupCause = HangupCause.NORMAL) -> bool:
    """The caller's line has ended. False when that is the end of the call like any other."""
    call = s.call
    if call.arranging and callback_dialog.hung_up(s):
        rest(s, "line-closed")
        return True
    callback = call.callback
    if callback is None or not (call.phase is Phase.CALLBACK or owed(call)):
        return False
    match callback.stage:
        case Stage.GOODBYE:
            if call.recording and call.connected_at:
                s.do(StopRecording(channel=call.channel, recording=call.recording))
            rest(s, "line-closed")
        case Stage.LISTENING | Stage.ASKING:
            machine = callback.ear is not None and callback.ear.machine
            taken = "machine" if machine else "not-taken"
            missed(s, MISSED.get(cause, "failed") if cause is not HangupCause.NORMAL else taken)
        case Stage.BEEP | Stage.MESSAGE:
            missed(s, "machine")
        case _:
            # The line of before, which we let go of ourselves: the callback has gone on without it.
            pass
    return True


# --- its turn -----------------------------------------------------------------------------------------------------


def agent_ready(s: Step, offered: Offer) -> None:
    """An agent picked up for a callback: now the caller's telephone is rung. The agent hears that we do."""
    for other in s.call.offers:
        if other is not offered:
            talk.end_offer(s, other, "answered-elsewhere", hang_up=True)
    _ring(
        s,
        agent_id=str(offered.agent_id),
        agent_leg=offered.leg,
        agent_endpoint=offered.endpoint,
        queue_id=str(s.call.queue_id) if s.call.queue_id else None,
    )
    said = s.setting.media(s.call.tenant_id, s.line.language, "callback.calling")
    # Not one of the caller's playbacks: nothing waits for its end.
    s.do(Play(channel=offered.leg, playback=f"{offered.leg}.said", media=said))


def ring_caller(s: Step) -> None:
    """Caller-first: the place is about to come up."""
    talk.end_offers(s, "withdrawn")
    _ring(s)


def _ring(s: Step, **agent: str | None) -> None:
    callback = s.call.callback
    assert callback is not None
    leg = s.call.next_leg("c")
    seconds = callback_rules.rules_of(s).ring_seconds
    until = s.now + timedelta(seconds=seconds)
    s.happened(Kind.CALLBACK_DIALLED, leg=leg, until=until.isoformat(), attempt=callback.attempts + 1, **agent)
    s.do(
        Ring(
            channel=leg,
            endpoint=f"tel:{callback.number}",
            caller_id=s.line.number,
            # What the callee's telephone shows to anybody who looks at it: no word about a practice or a patient.
            caller_name=None,
            seconds=seconds,
            call=str(s.call.id),
        )
    )


# --- time -----------------------------------------------------------------------------------------------------------


def due(s: Step) -> bool:
    """Whatever is due to a callback at this moment. False when nothing is."""
    call, callback = s.call, s.call.callback
    if callback is None:
        return False
    if call.phase is Phase.WAITING and callback.until and callback.until <= s.now:
        _first_in_line(s)
        return True
    if call.phase is Phase.TALKING:
        return callback_pickup.due_with_agent(s)
    if call.phase is not Phase.CALLBACK:
        return False
    if callback.stage is Stage.WAITING:
        return _waiting_due(s)
    if callback.until is None or callback.until > s.now:
        return False
    match callback.stage:
        case Stage.DIALLING:
            unanswered(s)
        case Stage.LISTENING | Stage.ASKING | Stage.BEEP:
            callback_pickup.due(s, callback.stage)
        case Stage.GOODBYE:
            s.do(Hangup(channel=call.channel))
            caller_left(s)
        case Stage.MESSAGE:
            s.do(Hangup(channel=call.channel))
            missed(s, "machine")
        case _:
            return False
    return True


def _waiting_due(s: Step) -> bool:
    callback = s.call.callback
    assert callback is not None
    if callback.expires_at <= s.now:
        s.happened(
            Kind.CALLBACK_MISSED,
            reason="expired",
            attempts=callback.attempts,
            next_at=None,
            window_ends=None,
            last=True,
        )
        give_up(s)
    elif callback.next_at and callback.next_at <= s.now:
        rest(s, "due")
    elif callback.next_at is None and callback.window_ends and callback.window_ends <= s.now:
        talk.end_offers(s, "withdrawn")
        rest(s, "quiet-hours")
    else:
        return False
    return True


def _first_in_line(s: Step) -> None:
    """A caller who was rung and picked up has waited long enough: before everyone of the same queue."""
    call = s.call
    s.happened(Kind.PRIORITY_CHANGED, priority=call.priority + HEAD_OF_QUEUE, reason="callback-held")
    s.happened(Kind.CALLBACK_ANSWERED, leg=call.channel, stage=Stage.JOINED.value, until=None)
