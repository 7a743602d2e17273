"""A caller's way through a flow: walks the interpreter and does what it says. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from careline.calls.message import invite_message, say_goodbye
from careline.calls.model import Kind
from careline.calls.ports import StopPlay, Unpark
from careline.calls.step import Step
from careline.calls.waiting import join_queue
from careline.flows import interpreter
from careline.flows import model as flows
from careline.flows.model import Cursor, Key, Stimulus


def hours(s: Step) -> Literal["open", "closed", "closure"]:
    """The line's door at this moment."""
    return s.line.hours(s.now)


def go(s: Step, cursor: Cursor | None, stimulus: Stimulus | Key) -> None:
    """Let the flow go on with what happened."""
    moved, actions = interpreter.step(s.line.flow, cursor, stimulus, lambda: hours(s))
    if actions or moved != cursor:
        follow(s, moved, actions)


def follow(s: Step, cursor: Cursor, actions: list[flows.Action]) -> None:
    """Take the cursor and do what the flow says."""
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


def enter(s: Step, node: str) -> None:
    """Continue the flow at a named node: where a wait was left, or where the caller stood before an outage."""
    follow(s, *interpreter.enter_node(s.line.flow, node, lambda: hours(s)))


def leave_queue(s: Step) -> None:
    """The waiting caller asks for what the flow offers instead, usually a voicemail."""
    assert s.call.leave is not None
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    s.do(Unpark(channel=s.call.channel))
    enter(s, s.call.leave)
