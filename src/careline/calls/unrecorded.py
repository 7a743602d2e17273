"""A message from a caller who refused to be recorded. Pure.

A spoken message is a recording, so it is not begun behind the caller's back: the caller hears that, and chooses to
leave one all the same, to be called back instead, or to hang up. Whoever says nothing has not agreed.
"""

from __future__ import annotations

from datetime import timedelta

from careline.calls import callback_dialog
from careline.calls.callback_model import Origin
from careline.calls.message import note_invitation, say_goodbye, unrecorded
from careline.calls.model import Call, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import StopPlay
from careline.calls.waiting import Joining, put_in_line
from careline.flows.spoken import Prompt

#: The keys, as `voicemail.unrecorded` and `voicemail.unrecorded-callback` say.
AGREE_KEY, CALLBACK_KEY = "1", "2"
#: How long a key is waited for, and how often the question is put.
LISTEN = timedelta(seconds=7)
TRIES = 2


def asking(call: Call) -> bool:
    """Whether the caller is being asked."""
    return call.phase is Phase.VOICEMAIL and call.message is not None and call.message.asked > 0


def played(s: Step) -> None:
    """The question has been heard: now a key is waited for."""
    assert s.call.message is not None
    note_invitation(s, s.call.message.department, asked=s.call.message.asked, listen_until=s.now + LISTEN)


def key(s: Step, digit: str) -> None:
    """A key was pressed."""
    assert s.call.message is not None
    if digit not in (AGREE_KEY, CALLBACK_KEY):
        return
    if s.call.playback and s.call.listen_until is None:
        s.do(StopPlay(playback=s.call.playback))
    if digit == AGREE_KEY:
        note_invitation(s, s.call.message.department)
        s.speak(s.call.channel, Prompt("beep"))
    elif (queue := s.line.fallback_queue) in s.setting.queues and queue is not None:
        # Whatever the queue's rules say about joining: nobody waits, and our call comes when it may.
        put_in_line(s, queue, Joining(reason=s.call.reason, leave=None, kept=True))
        callback_dialog.ask(s, Origin.ARRIVAL)


def ask_again(s: Step) -> None:
    """No key came, or call control was away: once more, then goodbye. Nothing was recorded."""
    message = s.call.message
    assert message is not None
    if message.asked >= TRIES:
        say_goodbye(s, "left-menu", Prompt("goodbye"))
        return
    note_invitation(s, message.department, asked=message.asked + 1)
    s.speak(s.call.channel, *unrecorded(s))
