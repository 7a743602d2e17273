"""What is due to a call although nobody does anything: when, and what is done then. Pure."""

from __future__ import annotations

from datetime import datetime

from careline.calls import (
    callback,
    callback_fold,
    caller,
    handover,
    help_model,
    journey,
    message,
    rescue,
    talk,
    waiting,
)
from careline.calls.model import MESSAGE_SILENCE, PHONE_GRACE, PHONE_PATIENCE, Call, Phase
from careline.calls.step import Step


def deadline(call: Call) -> datetime | None:
    """The next moment at which something must happen to this call although nobody does anything; None if never."""
    announces = call.phase is Phase.WAITING and call.offer is None and call.arranging is None
    moments = [
        call.ask.until if call.ask else None,
        call.listen_until,
        call.announce_at if announces else None,
        *callback_fold.moments(call),
        *help_model.moments(call.help, rings_here=bool(call.offers)),
    ]
    moments += [offer.until for offer in call.offers]
    if call.transfer and not call.transfer.answered:
        moments.append(call.transfer.until)
    if call.handling and call.handling.lost_at:
        moments.append(call.handling.lost_at + (PHONE_GRACE if call.held else PHONE_PATIENCE))
    if call.message:
        moments.append(call.message.until)
        if call.message.silent_since and call.message.until:
            moments.append(call.message.silent_since + MESSAGE_SILENCE)
    return min((m for m in moments if m), default=None)


def due(s: Step) -> None:
    """Do what is due to a call at this moment: the other half of `deadline`."""
    now = s.now
    call = s.call
    late = [offered for offered in call.offers if offered.until <= now]
    for offered in late:
        talk.end_offer(s, offered, "no-answer", hang_up=True)
    if late or callback.due(s) or rescue.due(s):
        return
    if call.transfer and not call.transfer.answered and call.transfer.until <= now:
        transfer_failed(s, "no-answer", hang_up_target=True)
    elif call.handling and call.handling.lost_at:
        if call.held and call.handling.lost_at + PHONE_GRACE <= now:
            handover.give_up_on_phone(s)
        elif not call.held:
            handover.bridge_the_gap(s)
    elif call.ask and call.ask.until <= now:
        journey.unanswered(s)
    elif call.listen_until and call.listen_until <= now:
        caller.silence(s)
    elif call.message and call.message.until:
        message.end_message(s, "silence" if now < call.message.until else "length")
    elif call.phase is Phase.WAITING and call.offer is None and call.announce_at and call.announce_at <= now:
        waiting.announce(s)


def transfer_failed(s: Step, reason: str, *, hang_up_target: bool) -> None:
    """The other side did not come: back to the agent, or to the flow or queue that had the number rung."""
    if s.call.help:
        rescue.refused(s, reason, hang_up=hang_up_target)
        return
    direct = s.call.transfer is not None and s.call.transfer.mode == "direct"
    handover.fail_transfer(s, reason, hang_up_target=hang_up_target)
    if direct:
        journey.came_back(s, {"no-answer": "no_answer", "declined": "busy"}.get(reason, "failed"))
