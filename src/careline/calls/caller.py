"""The caller's side of a call: arrival, every event on the caller's channel, and every way to end.

The flow is in `journey`, the wait in `waiting`, a spoken message in `message`. Each function takes a `Step` and a
cause, and leaves events and commands in it. Pure.
"""

from __future__ import annotations

from careline.calls import (
    callback,
    callback_dialog,
    callback_rules,
    emergency,
    hearing,
    journey,
    message,
    rescue,
    unrecorded,
    ways,
)
from careline.calls.closing import end
from careline.calls.model import Kind, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import Answer, Hangup, Park
from careline.calls.switch_events import Arrived
from careline.flows.moves import Answered, Key, Stimulus

#: The key by which a waiting caller asks to leave a message, as `queue.voicemail-offer` says.
LEAVE_KEY = "1"


def arrive(s: Step, arrived: Arrived) -> None:
    """Answer a new call and begin its flow. The ARRIVED event is already in the step."""
    s.do(Answer(channel=arrived.channel))
    s.happened(Kind.ANSWERED)
    if not callback_dialog.welcome_back(s):
        journey.go(s, None, Stimulus.ENTERED)


def played(s: Step) -> None:
    """The present playback has ended."""
    call = s.call
    if call.ending:
        s.do(Hangup(channel=call.channel))
        end(s, by="system")
    elif rescue.played(s):
        pass
    elif call.arranging:
        _into_flow(s, callback_dialog.played(s))
    elif callback.agreed(call) and ways.offers_callback(s):
        journey.go(s, call.cursor, Answered("accepted"))
    elif call.phase is Phase.CALLBACK:
        callback.played(s)
    elif call.phase is Phase.WAITING or (call.phase is Phase.TALKING and call.held):
        s.do(Park(channel=call.channel))
    elif unrecorded.asking(call):
        unrecorded.played(s)
    elif call.phase is Phase.VOICEMAIL and call.message and call.message.recording is None:
        message.record_message(s)
    elif hearing.confirming(call):
        hearing.asked(s)
    elif call.phase is Phase.FLOW:
        journey.go(s, call.cursor, Stimulus.SPOKEN)


def key(s: Step, digit: str) -> None:
    """The caller pressed a key."""
    call = s.call
    if digit == s.line.emergency_key:
        emergency.raise_by_caller(s, "key")
        return
    if call.ending or call.phase is Phase.TALKING:
        return
    # The digit itself is kept only where it is a menu choice: elsewhere it may be part of a number.
    s.happened(Kind.KEY_PRESSED, phase=call.phase.value)
    if call.help and (call.phase is not Phase.WAITING or call.transfer):
        # Somebody is being called for this caller: nothing else is chosen now.
        return
    if call.arranging:
        _into_flow(s, callback_dialog.key(s, digit))
    elif unrecorded.asking(call):
        unrecorded.key(s, digit)
    elif call.phase is Phase.CALLBACK:
        callback.key(s, digit)
    elif call.phase is Phase.WAITING and digit == callback_dialog.CALLBACK_KEY and not call.offers:
        if ways.way(s, "callback"):
            journey.leave_queue(s, "callback")
        elif callback_rules.offered(s):
            callback_dialog.ask(s)
    elif hearing.confirming(call):
        hearing.answer(s, yes=digit == hearing.YES_KEY)
    elif call.phase is Phase.FLOW:
        journey.go(s, call.cursor, Key(digit))
    elif call.phase is Phase.WAITING and digit == LEAVE_KEY and call.leave and call.offer is None:
        journey.leave_queue(s)
    elif call.phase is Phase.VOICEMAIL and call.message and call.message.until and digit == "#":
        message.end_message(s, "key")


def silence(s: Step) -> None:
    """No key came in time."""
    if s.call.arranging:
        _into_flow(s, callback_dialog.silence(s))
    elif unrecorded.asking(s.call):
        unrecorded.ask_again(s)
    elif hearing.confirming(s.call):
        hearing.answer(s, yes=False)
    else:
        journey.go(s, s.call.cursor, Stimulus.SILENCE)


def _into_flow(s: Step, wanted: bool) -> None:
    """Begin the flow; or go on where its node asked about a callback that was not arranged."""
    if wanted and ways.offers_callback(s):
        journey.go(s, s.call.cursor, Answered("declined"))
    elif wanted:
        journey.go(s, None, Stimulus.ENTERED)


def resume_after_outage(s: Step) -> None:
    """After call control was away, put the caller where the state says: prompts start again, music plays."""
    call = s.call
    if rescue.resume(s):
        return
    if call.arranging:
        _into_flow(s, callback_dialog.resume(s))
    elif call.phase is Phase.CALLBACK:
        callback.resume(s)
    elif call.phase is Phase.WAITING:
        s.do(Park(channel=call.channel))
    elif call.phase is Phase.FLOW and call.ending:
        s.do(Hangup(channel=call.channel))
        end(s, by="system")
    elif call.phase is Phase.FLOW and call.transfer:
        s.do(Park(channel=call.channel))
    elif call.phase is Phase.FLOW and call.cursor:
        journey.resume(s)
    elif unrecorded.asking(call):
        unrecorded.ask_again(s)
    elif call.phase is Phase.VOICEMAIL and call.message and call.message.recording is None:
        message.record_message(s)
