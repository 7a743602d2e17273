"""The caller's side of a call: arrival, the flow, the queue and its announcements, voicemail, and every way to end.

Each function takes a `Step` and a cause, and leaves events and commands in it. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from careline.calls.model import MESSAGE_LENGTH, Kind, Phase
from careline.calls.ports import (
    Answer,
    Arrived,
    DropBridge,
    Hangup,
    HangupCause,
    Park,
    StartRecording,
    StopPlay,
    StopRecording,
    Unpark,
    Watch,
)
from careline.calls.step import Step
from careline.flows import interpreter
from careline.flows import model as flows
from careline.flows.model import Cursor, Key, Prompt, Stimulus
from careline.queues.model import announced_minutes

#: The key by which a waiting caller asks to leave a message, as `queue.voicemail-offer` says.
LEAVE_KEY = "1"
#: A caller who is not connected within this time hears place and wait for the first time.
FIRST_ANNOUNCEMENT = timedelta(seconds=4)


def arrive(s: Step, arrived: Arrived) -> None:
    """Answer a new call and begin its flow. The ARRIVED event is already in the step."""
    s.do(Answer(channel=arrived.channel))
    s.happened(Kind.ANSWERED)
    _go(s, None, Stimulus.ENTERED)


def _hours(s: Step) -> Literal["open", "closed", "closure"]:
    return s.line.hours(s.now)


def _go(s: Step, cursor: Cursor | None, stimulus: Stimulus | Key) -> None:
    moved, actions = interpreter.step(s.line.flow, cursor, stimulus, lambda: _hours(s))
    if actions or moved != cursor:
        _follow(s, moved, actions)


def _follow(s: Step, cursor: Cursor, actions: list[flows.Action]) -> None:
    heard = s.call.playback
    listen = next((a.seconds for a in actions if isinstance(a, flows.Listen)), None)
    s.happened(
        Kind.FLOW_MOVED,
        node=cursor.node,
        tries=cursor.tries,
        speaking=cursor.speaking,
        listen_until=(s.now + timedelta(seconds=listen)).isoformat() if listen else None,
    )
    for action in actions:
        match action:
            case flows.Speak(prompts):
                s.speak(s.call.channel, *prompts)
            case flows.Hush():
                if heard:
                    s.do(StopPlay(playback=heard))
            case flows.Listen():
                pass
            case flows.Chosen(node, digit, reason, language):
                if language:
                    s.happened(Kind.LANGUAGE_CHOSEN, language=language)
                else:
                    s.happened(Kind.MENU_CHOSEN, node=node, digit=digit, reason=reason)
            case flows.ToQueue(queue, reason, leave):
                join_queue(s, queue, reason=reason, leave=leave)
            case flows.ToVoicemail(department, prompts):
                invite_message(s, department, prompts)
            case flows.Finish(prompts, outcome):
                say_goodbye(s, outcome, *prompts)


def say_goodbye(s: Step, outcome: str, *prompts: Prompt) -> None:
    """Speak a last word; the line is hung up when it has been heard."""
    s.happened(Kind.ENDING, outcome=outcome)
    s.speak(s.call.channel, *prompts)


# --- queue --------------------------------------------------------------------------------------------------------


def join_queue(
    s: Step,
    queue_id: UUID,
    *,
    reason: str | None,
    leave: str | None,
    place_at: datetime | None = None,
    priority: int = 0,
) -> None:
    """Wait in a queue with music. A queue that no longer exists becomes a voicemail: never a dead end."""
    if queue_id not in s.setting.queues:
        invite_message(s, None, (Prompt("voicemail.instructions"),))
        return
    s.happened(
        Kind.QUEUED,
        queue_id=str(queue_id),
        reason=reason,
        leave=leave,
        priority=priority,
        place_at=place_at.isoformat() if place_at else None,
        announce_at=(s.now + FIRST_ANNOUNCEMENT).isoformat(),
    )
    s.do(Park(channel=s.call.channel))


def announce(s: Step) -> None:
    """Tell a waiting caller place and expected wait: a figure that is rounded up and never grows."""
    call = s.call
    assert call.queue_id is not None
    queue = s.setting.queues.get(call.queue_id)
    place, seconds = s.setting.outlook(call)
    minutes = None if seconds is None else announced_minutes(timedelta(seconds=seconds), call.announced_minutes)
    every = timedelta(seconds=queue.announce_seconds if queue else 45)
    s.happened(Kind.ANNOUNCED, place=place, minutes=minutes, next_at=(s.now + every).isoformat())
    prompts = [Prompt("queue.position", (("number", place),))]
    prompts.append(Prompt("queue.comfort") if minutes is None else Prompt("queue.wait-range", (("high", minutes),)))
    if call.leave:
        prompts.append(Prompt("queue.voicemail-offer"))
    s.do(Unpark(channel=call.channel))
    s.speak(call.channel, *prompts)


def leave_queue(s: Step) -> None:
    """The waiting caller asks for what the flow offers instead, usually a voicemail."""
    assert s.call.leave is not None
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    s.do(Unpark(channel=s.call.channel))
    cursor, actions = interpreter.enter_node(s.line.flow, s.call.leave, lambda: _hours(s))
    _follow(s, cursor, actions)


# --- voicemail ----------------------------------------------------------------------------------------------------


def invite_message(s: Step, department: UUID | None, prompts: tuple[Prompt, ...]) -> None:
    """Explain the voicemail; recording begins after the beep."""
    s.happened(
        Kind.VOICEMAIL_STARTED,
        recording_id=None,
        department_id=str(department) if department else None,
        until=None,
    )
    s.speak(s.call.channel, *prompts, Prompt("beep"))


def _record_message(s: Step) -> None:
    message = s.call.message
    assert message is not None
    recording = s.call.next_recording()
    s.happened(
        Kind.VOICEMAIL_STARTED,
        recording_id=recording,
        department_id=str(message.department) if message.department else None,
        until=(s.now + MESSAGE_LENGTH).isoformat(),
    )
    s.do(
        StartRecording(channel=s.call.channel, recording=recording, tenant=s.call.tenant_id),
        Watch(channel=s.call.channel, on=True),
    )


def end_message(s: Step, why: str) -> None:
    """The message is complete: thank and say goodbye."""
    message = s.call.message
    assert message is not None
    assert message.recording is not None
    assert message.started_at is not None
    s.happened(Kind.VOICEMAIL_ENDED, why=why, seconds=round((s.now - message.started_at).total_seconds(), 1))
    s.do(
        StopRecording(channel=s.call.channel, recording=message.recording),
        Watch(channel=s.call.channel, on=False),
    )
    say_goodbye(s, "voicemail", Prompt("voicemail.thanks"))


# --- what happens on the caller's channel -------------------------------------------------------------------------


def played(s: Step) -> None:
    """The present playback has ended."""
    call = s.call
    if call.ending:
        s.do(Hangup(channel=call.channel))
        end(s, by="system")
    elif call.phase is Phase.WAITING:
        s.do(Park(channel=call.channel))
    elif call.phase is Phase.VOICEMAIL and call.message and call.message.recording is None:
        _record_message(s)
    elif call.phase is Phase.FLOW:
        _go(s, call.cursor, Stimulus.SPOKEN)


def key(s: Step, digit: str) -> None:
    """The caller pressed a key."""
    call = s.call
    if call.ending or call.phase is Phase.TALKING:
        return
    # The digit itself is kept only where it is a menu choice: elsewhere it may be part of a number.
    s.happened(Kind.KEY_PRESSED, phase=call.phase.value)
    if call.phase is Phase.FLOW:
        _go(s, call.cursor, Key(digit))
    elif call.phase is Phase.WAITING and digit == LEAVE_KEY and call.leave and call.offer is None:
        leave_queue(s)
    elif call.phase is Phase.VOICEMAIL and call.message and call.message.until and digit == "#":
        end_message(s, "key")


def silence(s: Step) -> None:
    """No key came in time."""
    _go(s, s.call.cursor, Stimulus.SILENCE)


def end(s: Step, *, by: str, cause: HangupCause = HangupCause.NORMAL, outcome: str | None = None) -> None:
    """Close the call, whoever ended it. Legs and recordings of the agent's side are ended by the agent's side first."""
    call = s.call
    message = call.message
    if message and message.until and message.recording and message.started_at:
        s.happened(Kind.VOICEMAIL_ENDED, why="hang-up", seconds=round((s.now - message.started_at).total_seconds(), 1))
        s.do(StopRecording(channel=call.channel, recording=message.recording))
    if call.recording and call.connected_at:
        s.do(StopRecording(channel=call.channel, recording=call.recording))
    if call.connected_at:
        s.do(DropBridge(bridge=call.bridge))
    s.happened(Kind.ENDED, by=by, cause=cause.value, outcome=outcome or call.ending or _outcome(s))


def _outcome(s: Step) -> str:
    call = s.call
    if call.outside:
        return "transferred"
    if call.message and call.message.recording:
        return "voicemail"
    match call.phase:
        case Phase.ARRIVED | Phase.FLOW:
            return "handled" if call.connected_at else "left-menu"
        case Phase.WAITING | Phase.VOICEMAIL:
            return "abandoned"
        case Phase.TALKING | Phase.ENDED:
            return "handled"


def resume_after_outage(s: Step) -> None:
    """After call control was away, put the caller where the state says: prompts start again, music plays."""
    call = s.call
    if call.phase is Phase.WAITING:
        s.do(Park(channel=call.channel))
    elif call.phase is Phase.FLOW and call.ending:
        s.do(Hangup(channel=call.channel))
        end(s, by="system")
    elif call.phase is Phase.FLOW and call.cursor:
        cursor, actions = interpreter.enter_node(s.line.flow, call.cursor.node, lambda: _hours(s))
        _follow(s, cursor, actions)
    elif call.phase is Phase.VOICEMAIL and call.message and call.message.recording is None:
        _record_message(s)
