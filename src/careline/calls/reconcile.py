"""After call control was away: hold what it remembers against what the switch has, and mend the difference.

Calls live in the switch and go on without us. What ended meanwhile is recorded, what is left hanging is swept away, and
every caller who is still there is put back where the state says, with the place in the queue unchanged. Pure.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from careline.calls import attendance, callback, caller, closing, hearing, talk
from careline.calls.callback_fold import owed
from careline.calls.callback_model import Stage
from careline.calls.floor import Floor
from careline.calls.model import Call, Kind, Phase, call_of
from careline.calls.outcome import Outcome
from careline.calls.ports import SwitchSnapshot
from careline.calls.step import Step
from careline.calls.switch_commands import Bridge, DropBridge, Hangup
from careline.calls.switch_events import Arrived, HangupCause, LegAnswered, LegEnded


def reconcile(floor: Floor, seen: SwitchSnapshot, now: datetime) -> Outcome:
    """Bring floor and switch together. Run before any event of the new connection is handled."""
    out = Outcome()
    # Asked first: a call that ends below leaves a channel that is being hung up, and no new caller.
    unannounced = strays(floor, seen)
    _telephones(floor, seen, now, out)
    for call_id in list(floor.calls):
        call = floor.calls[call_id]
        if call.phase is Phase.ENDED:
            continue
        if callback.on_line(call) and call.channel not in seen.channels:
            out.add(floor.handle(LegEnded(channel=call.channel, cause=HangupCause.NORMAL, at=now), now))
            continue
        floor.step(call_id, now, out, lambda s: s.happened(Kind.RECOVERED))
        _legs(floor, call_id, seen, now, out)
        if call_id in floor.calls and floor.calls[call_id].phase is not Phase.ENDED:
            floor.step(call_id, now, out, lambda s: _resume(s, seen))
    attendance.free_the_stuck(floor, now, out)
    _sweep(floor, seen, out)
    for channel in sorted(unannounced):
        out.add(floor.handle(arrival(seen, channel, now), now))
    floor.distribute(now, out)
    return out


def strays(floor: Floor, seen: SwitchSnapshot) -> frozenset[str]:
    """Inbound channels that stand in our application and that no call knows: their arrival was never told."""
    return frozenset(
        c.channel for c in seen.channels.values() if c.ours and c.inbound and c.channel not in floor.by_channel
    )


def arrival(seen: SwitchSnapshot, channel: str, now: datetime) -> Arrived:
    """The arrival that was never told, from what the switch lists."""
    found = seen.channels[channel]
    return Arrived(
        channel=channel, dialled=found.dialled, caller=found.caller, caller_name=None, source="trunk", at=now
    )


def _telephones(floor: Floor, seen: SwitchSnapshot, now: datetime, out: Outcome) -> None:
    for endpoint in (floor.roster.online | set(floor.roster.by_endpoint)) - seen.endpoints_online:
        attendance.endpoint_changed(floor, endpoint, False, now, out)
    for endpoint in seen.endpoints_online:
        attendance.endpoint_changed(floor, endpoint, True, now, out)


def _legs(floor: Floor, call_id: UUID, seen: SwitchSnapshot, now: datetime, out: Outcome) -> None:
    """Legs that were answered or ended while nobody listened."""
    call = floor.calls[call_id]
    ringing = [leg.leg for leg in (*call.offers, call.transfer) if leg]
    if call.handling and call.handling.returning_leg:
        ringing.append(call.handling.returning_leg)
    if call.phase is Phase.CALLBACK:
        _callback_legs(floor, call, seen, now, out)
    for leg in ringing:
        channel = seen.channels.get(leg)
        if channel is None:
            # Not the agent's fault: the offer is taken back without a mark.
            if offered := call.offer_at(leg):
                floor.step(call.id, now, out, lambda s, o=offered: talk.end_offer(s, o, "withdrawn", hang_up=False))  # type: ignore[misc]
            else:
                out.add(floor.handle(LegEnded(channel=leg, cause=HangupCause.FAILURE, at=now), now))
        elif channel.up and not (call.transfer and call.transfer.leg == leg and call.transfer.answered):
            out.add(floor.handle(LegAnswered(channel=leg, at=now), now))
    for settled in (call.handling, call.outside):
        if settled and settled.leg not in seen.channels:
            out.add(floor.handle(LegEnded(channel=settled.leg, cause=HangupCause.NORMAL, at=now), now))


def _callback_legs(floor: Floor, call: Call, seen: SwitchSnapshot, now: datetime, out: Outcome) -> None:
    """The caller of a callback whose telephone rang when we went away: picked up, still ringing, or gone."""
    found = call.callback
    if found is None or found.stage is not Stage.DIALLING:
        return
    ringing = seen.channels.get(found.leg or "")
    if ringing is None or (found.agent_leg and found.agent_leg not in seen.channels):
        floor.step(call.id, now, out, callback.interrupted)
    elif ringing.up:
        out.add(floor.handle(LegAnswered(channel=ringing.channel, at=now), now))


def _resume(s: Step, seen: SwitchSnapshot) -> None:
    call = s.call
    other = call.outside or call.handling
    if call.phase is Phase.TALKING and other and not call.held:
        inside = seen.bridges.get(call.bridge, ())
        if call.channel not in inside or other.leg not in inside:
            s.do(Bridge(bridge=call.bridge, channels=(call.channel, other.leg)))
    else:
        caller.resume_after_outage(s)
    if listening := hearing.wanted(s.call, s.line):
        s.do(listening)


def _sweep(floor: Floor, seen: SwitchSnapshot, out: Outcome) -> None:
    """Legs and bridges of ours that no call knows any more."""
    for channel in seen.channels:
        if call_of(channel) and channel not in floor.by_channel:
            out.commands.append(Hangup(channel=channel))
    for bridge in seen.bridges:
        owner = call_of(bridge)
        if owner and owner not in floor.calls:
            out.commands.append(DropBridge(bridge=bridge))


def lost_switch(floor: Floor, now: datetime) -> Outcome:
    """The switch itself was restarted: every call it carried is gone. Each is closed as failed, nobody stays busy."""
    out = Outcome()
    for endpoint in set(floor.roster.online):
        attendance.endpoint_changed(floor, endpoint, False, now, out)
    for call in list(floor.calls.values()):
        if call.phase is Phase.CALLBACK or owed(call):
            # Nobody's line was lost: the caller still expects to be called.
            floor.step(call.id, now, out, callback.interrupted)
        elif call.phase is not Phase.ENDED:
            floor.step(call.id, now, out, _closed_by_failure)
    floor.roster.tell(now, out)
    # Nothing of these calls is left to command.
    out.commands.clear()
    return out


def _closed_by_failure(s: Step) -> None:
    talk.end_offers(s, "withdrawn", hang_up=False)
    if s.call.handling:
        talk.leave(s, wrap_up=True, reason="switch-failed", hang_up=False)
    closing.end(s, by="system", cause=HangupCause.FAILURE, outcome="failed")
