"""A caller says that somebody may be in danger: by the emergency key or by words, wherever the call stands. Pure.

The effect is the same at every point before and beside an agent: the notice (hang up and dial 911), the first place in
line for the emergency queue or the present one, and a red banner for whoever answers. Nothing is assessed here.
"""

from __future__ import annotations

from typing import Literal

from careline.calls import callback, journey, rescue, talk
from careline.calls.callback_fold import owed
from careline.calls.message import end_recording, invite_message, say_goodbye
from careline.calls.model import FIRST_OF_ALL, Kind, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import Hangup, StopPlay, Unpark
from careline.calls.waiting import join_queue
from careline.flows.moves import Stimulus
from careline.flows.spoken import Prompt

#: What the caller hears at once; who is in line then also hears that nobody goes before.
NOTICE = Prompt("greeting.emergency-notice")
FIRST_IN_LINE = Prompt("emergency.first-in-line")
#: Said again when an emergency interrupted a message and nobody is there to take the call.
INSTRUCTIONS = Prompt("voicemail.instructions")

How = Literal["key", "words"]


def raise_by_caller(s: Step, how: How) -> None:
    """The caller raised an emergency. Once for a call: a second key or word changes nothing.

    Not in a conversation with an outside number, whose own menu may use the key.
    """
    call = s.call
    if call.emergency or call.outside or call.phase in (Phase.ARRIVED, Phase.ENDED):
        return
    ending, queue = call.ending, rescue.staffed_queue(s)
    nobody = queue is None and call.phase is not Phase.TALKING
    s.happened(Kind.EMERGENCY_RAISED, how=how, priority=FIRST_OF_ALL, nobody=nobody)
    if call.phase is Phase.TALKING:
        # The agent sees the banner. A caller on hold hears the notice now and the music afterwards.
        if call.held:
            _notice(s, NOTICE)
        return
    help_outside = queue is None and rescue.possible(s)
    if call.phase is Phase.WAITING and queue in (None, call.queue_id) and not (help_outside and not call.offers):
        # Somebody's telephone may be ringing already: nothing is taken back.
        _notice(s, NOTICE, FIRST_IN_LINE)
        rescue.watch(s)
        return
    if owed(call) and queue is not None and not help_outside:
        callback.on_the_line(s)
    elif call.phase is Phase.CALLBACK and not help_outside:
        # Before hanging up, or called back: whoever can press a key is there.
        if queue is None:
            _notice(s, NOTICE)
            return
        callback.on_the_line(s)
    _let_go(s)
    if help_outside:
        rescue.begin(s)
    elif queue is not None:
        join_queue(s, queue, reason=call.reason, leave=call.leave, place_at=call.place_at, priority=FIRST_OF_ALL)
        _notice(s, NOTICE, FIRST_IN_LINE)
    elif call.phase is Phase.VOICEMAIL:
        invite_message(s, call.message.department if call.message else None, (NOTICE, INSTRUCTIONS))
    elif ending:
        say_goodbye(s, ending, NOTICE)
    elif call.cursor is None:
        # Before the flow, asked about a callback that waits.
        s.speak(call.channel, NOTICE)
        journey.go(s, None, Stimulus.ENTERED)
    else:
        # Nobody is there at this hour: the flow goes on where it was, after the notice.
        s.speak(call.channel, NOTICE)
        journey.resume(s)


def _notice(s: Step, *prompts: Prompt) -> None:
    """Speak over whatever plays now."""
    if s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    s.do(Unpark(channel=s.call.channel))
    s.speak(s.call.channel, *prompts)


def _let_go(s: Step) -> None:
    """End what the caller was in the middle of: a prompt, a message, a telephone that rings outside or at an agent."""
    call = s.call
    if call.playback:
        s.do(StopPlay(playback=call.playback))
    if call.message and call.message.until and call.message.recording:
        end_recording(s, "emergency")
    if call.transfer:
        s.happened(Kind.TRANSFER_CANCELLED, agent_id=None)
        s.do(Hangup(channel=call.transfer.leg))
    talk.end_offers(s, "withdrawn", hang_up=True)
