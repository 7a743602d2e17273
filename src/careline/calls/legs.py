"""Telephones that are lifted, put down or held: whose they are, and what that means for their call. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from careline.calls import callback, closing, handover, rescue, talk
from careline.calls.due import transfer_failed
from careline.calls.model import Phase
from careline.calls.outcome import Outcome
from careline.calls.step import Step
from careline.calls.switch_commands import Hangup
from careline.calls.switch_events import HangupCause

if TYPE_CHECKING:
    from careline.calls.floor import Floor


def answered(floor: Floor, channel: str, now: datetime, out: Outcome) -> None:
    """A telephone was lifted."""
    call = floor.call_at(channel)
    if call is None or call.phase is Phase.ENDED:
        # The caller left while the telephone was being lifted: nobody is to hold a dead line.
        out.commands.append(Hangup(channel=channel))
    elif offered := call.offer_at(channel):
        reached = callback.agent_ready if call.phase is Phase.CALLBACK else talk.connect
        floor.step(call.id, now, out, lambda s: reached(s, offered))
    elif call.callback and call.callback.leg == channel and call.phase is Phase.CALLBACK:
        floor.step(call.id, now, out, callback.picked_up)
    elif call.transfer and call.transfer.leg == channel:
        floor.step(call.id, now, out, rescue.picked_up if call.help else handover.transfer_answered)
    elif call.handling and call.handling.returning_leg == channel:
        floor.step(call.id, now, out, lambda s: handover.phone_back(s, channel))
    elif not (call.handling and call.handling.leg == channel) and channel != call.channel:
        out.commands.append(Hangup(channel=channel))


def ended(floor: Floor, channel: str, cause: HangupCause, now: datetime, out: Outcome) -> None:
    """A telephone was put down, or could not be reached."""
    call = floor.call_at(channel)
    if call is None or call.phase is Phase.ENDED:
        return
    if channel == call.channel:
        floor.step(call.id, now, out, lambda s: _caller_gone(s, cause))
    elif call.phase is Phase.CALLBACK and call.callback and channel == call.callback.leg:
        floor.step(call.id, now, out, lambda s: callback.missed(s, callback.MISSED[cause]))
    elif call.phase is Phase.CALLBACK and call.callback and channel == call.callback.agent_leg:
        floor.step(call.id, now, out, callback.agent_gone)
    elif offered := call.offer_at(channel):
        reason = talk.OFFER_REASONS[cause]
        floor.step(call.id, now, out, lambda s: talk.end_offer(s, offered, reason, hang_up=False))
    elif call.transfer and call.transfer.leg == channel:
        reason = "hung-up" if call.transfer.answered else talk.OFFER_REASONS[cause]
        floor.step(call.id, now, out, lambda s: transfer_failed(s, reason, hang_up_target=False))
    elif call.outside and call.outside.leg == channel:
        floor.step(call.id, now, out, _outside_gone)
    elif call.handling and call.handling.leg == channel:
        if call.handling.lost_at is None and cause is HangupCause.NORMAL:
            floor.step(call.id, now, out, _agent_hung_up)
        else:
            floor.step(call.id, now, out, handover.lose_phone)


def phone_hold(floor: Floor, channel: str, on: bool, now: datetime, out: Outcome) -> None:
    """A desk phone's own hold button: the same hold as ours."""
    call = floor.call_at(channel)
    if call and call.handling and call.handling.leg == channel and call.transfer is None:
        floor.step(call.id, now, out, talk.hold if on else talk.resume, call.handling.agent_id)


def _caller_gone(s: Step, cause: HangupCause) -> None:
    """The caller hung up, at whatever point."""
    if callback.caller_left(s, cause):
        return
    call = s.call
    talk.end_offers(s, "caller-left")
    if call.handling:
        talk.leave(s, wrap_up=True, reason="caller-left")
    if call.outside:
        s.do(Hangup(channel=call.outside.leg))
    closing.end(s, by="system" if call.ending else "caller", cause=cause)


def _agent_hung_up(s: Step) -> None:
    if talk.unheard(s):
        talk.resume_search(s)
        return
    talk.leave(s, wrap_up=True, reason="hung-up", hang_up=False)
    s.do(Hangup(channel=s.call.channel))
    closing.end(s, by="agent")


def _outside_gone(s: Step) -> None:
    s.do(Hangup(channel=s.call.channel))
    closing.end(s, by="outside", outcome="transferred")
