"""What a caller says: when it is listened to, and what an understood word does. Pure.

Words are understood beside keys, never instead of them. A menu choice by voice is read back and confirmed, because a
grammar fits something to every sound. Words that may mean danger interrupt wherever the caller is alone with us: in the
flow, in the queue, on hold, in the callback dialogue, in a voicemail; an agent hears them with own ears.
"""

from __future__ import annotations

from datetime import timedelta

from careline.calls import callback, emergency, journey
from careline.calls.callback_model import Stage
from careline.calls.model import Call, Kind, Phase
from careline.calls.step import LineSetup, Step
from careline.calls.switch_commands import Command, StartListening, StopListening, StopPlay
from careline.calls.switch_events import Heard
from careline.flows import moves as flows
from careline.flows.nodes import Menu
from careline.flows.place import node_at
from careline.flows.spoken import Prompt

#: Words that confirm what was understood, and words that do not.
YES = {"en": ("yes",), "es": ("sí",)}
NO = {"en": ("no",), "es": ("no",)}
#: The keys that do the same.
YES_KEY = "1"
#: From this confidence on, a yes that nobody confirms again counts.
SURE = 0.5
#: How long a confirmation is waited for after it was asked.
CONFIRM = timedelta(seconds=6)


def stream_of(call: Call) -> str:
    """The name of a call's listening."""
    return f"e.{call.id}"


def wanted(call: Call, line: LineSetup) -> StartListening | None:
    """What should be listened for just now; None: nothing."""
    if not _alone(call):
        return None
    words = phrases(call, line)
    danger = line.listen and not call.emergency and not _a_machine(call)
    if not words and not danger:
        return None
    return StartListening(
        channel=call.channel, stream=stream_of(call), language=call.language, phrases=words, red_flags=danger
    )


def _alone(call: Call) -> bool:
    """Whether the caller is on the line and nobody else hears what is said."""
    match call.phase:
        case Phase.FLOW | Phase.WAITING | Phase.VOICEMAIL:
            return True
        case Phase.TALKING:
            return call.held
        case Phase.CALLBACK:
            found = call.callback
            if found is None or (found.ear and found.ear.machine and not found.asked):
                return False
            return found.stage in (Stage.GOODBYE, Stage.ASKING)
        case _:
            return False


def _a_machine(call: Call) -> bool:
    """Whether an answering machine seems to speak: its words are no caller's."""
    found = call.callback
    return call.phase is Phase.CALLBACK and found is not None and found.ear is not None and found.ear.machine


def phrases(call: Call, line: LineSetup) -> tuple[str, ...]:
    """What the caller may say at this point of the flow, in the call's language."""
    if call.phase is Phase.CALLBACK:
        # Asked whether it is the person who wanted the call: once the question was heard, not while a machine greets.
        waited = call.callback is not None and call.callback.stage is Stage.ASKING and call.callback.asked
        return YES.get(call.language, ()) if waited else ()
    if call.phase is not Phase.FLOW or call.ending or call.arranging or call.help or call.cursor is None:
        return ()
    if call.unconfirmed:
        return (*YES.get(call.language, ()), *NO.get(call.language, ()))
    node = node_at(line.flow, call.cursor)
    if not isinstance(node, Menu):
        return ()
    return tuple(p for option in node.options.values() for p in option.phrases.get(call.language, ()))


def follow(before: Call | None, after: Call, line: LineSetup) -> list[Command]:
    """What has to change at the switch when a call has moved on."""
    had = wanted(before, line) if before is not None else None
    has = wanted(after, line)
    if had == has:
        return []
    if has is None:
        assert had is not None
        return [StopListening(channel=had.channel, stream=had.stream)]
    if had is not None and had.channel != has.channel:
        return [StopListening(channel=had.channel, stream=had.stream), has]
    return [has]


def hear(s: Step, heard: Heard) -> None:
    """Something was understood. What is no longer waited for changes nothing."""
    call = s.call
    if heard.red_flag is not None and s.line.listen and _alone(call) and not call.emergency:
        s.happened(Kind.HEARD, what="red-flag", rule=heard.red_flag, confidence=round(heard.confidence, 2))
        emergency.raise_by_caller(s, "words")
    elif heard.phrase is not None and heard.phrase in phrases(call, s.line):
        if call.phase is Phase.CALLBACK:
            if heard.confidence >= SURE:
                callback.take_old_place(s)
        elif call.unconfirmed:
            answer(s, yes=heard.phrase in YES.get(call.language, ()))
        else:
            _confirm(s, heard.phrase, heard.confidence)


def _confirm(s: Step, phrase: str, confidence: float) -> None:
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    s.happened(Kind.HEARD, what="phrase", phrase=phrase, confidence=round(confidence, 2), listen_until=None)
    s.speak(s.call.channel, Prompt("menu.heard"), Prompt("text", (("text", phrase),)), Prompt("menu.confirm"))


def confirming(call: Call) -> bool:
    """Whether the caller is being asked about what was understood."""
    return call.unconfirmed is not None and call.phase is Phase.FLOW and not call.ending


def asked(s: Step) -> None:
    """The question has been heard: wait for the answer."""
    until = (s.now + CONFIRM).isoformat()
    s.happened(Kind.HEARD, what="asked", phrase=s.call.unconfirmed, listen_until=until)


def answer(s: Step, *, yes: bool) -> None:
    """The caller confirmed what was understood, or did not: then the menu begins again."""
    phrase, playback = s.call.unconfirmed, s.call.playback
    assert phrase is not None
    if playback:
        s.do(StopPlay(playback=playback))
    s.happened(Kind.HEARD, what="confirmed" if yes else "denied")
    if yes:
        journey.go(s, s.call.cursor, flows.Heard(phrase))
    else:
        journey.resume(s)
