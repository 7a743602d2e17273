"""The agent's side of a call: offers, connecting, hold, mute, transfer, a vanished telephone, leaving. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from careline.calls.closing import end
from careline.calls.model import SPARE, UNHEARD, Kind, Offer, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import (
    Bridge,
    Hangup,
    Mute,
    Park,
    Ring,
    SendDigits,
    StartRecording,
    StopPlay,
    Unbridge,
    Unpark,
)
from careline.calls.switch_events import HangupCause
from careline.kernel.errors import Conflict
from careline.queues.model import Agent

#: A caller whose agent was gone at once hears place and wait after so long.
ANNOUNCE_AGAIN = timedelta(seconds=15)


class WrongMoment(Conflict):
    """The call is not in a state for that."""

    id = "wrong-moment"


# --- offer --------------------------------------------------------------------------------------------------------


def offer(s: Step, agent: Agent, seconds: int, *, alone: bool = True, **why: Any) -> None:
    """Ring an agent for a waiting caller. `why` is kept with the event: what the router weighed.

    When only one telephone rings (`alone`), its leg already stands in the bridge when it is answered. Of several, only
    the one that answers first is put there: two agents must never hear the same caller.
    """
    assert agent.endpoint is not None
    leg = s.call.next_leg("a")
    s.happened(
        Kind.OFFERED,
        agent_id=str(agent.id),
        queue_id=str(s.call.queue_id) if s.call.queue_id else None,
        leg=leg,
        endpoint=agent.endpoint,
        until=(s.now + timedelta(seconds=seconds)).isoformat(),
        **why,
    )
    s.do(
        Ring(
            channel=leg,
            endpoint=agent.endpoint,
            caller_id=s.call.caller,
            caller_name=s.line.name,
            seconds=seconds,
            call=str(s.call.id),
            bridge=s.call.bridge if alone else None,
        )
    )


def end_offer(s: Step, offered: Offer, reason: str, *, hang_up: bool) -> None:
    """An offer came to nothing: `no-answer`, `declined`, `unreachable`, `failed`; or through no fault of the agent:
    `caller-left`, `withdrawn`, `answered-elsewhere`."""
    spare = reason in ("declined", "unreachable", "failed", "no-answer")
    s.happened(
        Kind.OFFER_ENDED,
        agent_id=str(offered.agent_id),
        leg=offered.leg,
        reason=reason,
        spare_until=(s.now + SPARE).isoformat() if spare else None,
    )
    if hang_up:
        s.do(Hangup(channel=offered.leg))


def end_offers(s: Step, reason: str, *, hang_up: bool = True) -> None:
    """Take back every offer of this call: the caller is gone or goes elsewhere."""
    for offered in s.call.offers:
        end_offer(s, offered, reason, hang_up=hang_up)


#: How the end of a ringing leg is understood.
OFFER_REASONS = {
    HangupCause.NO_ANSWER: "no-answer",
    HangupCause.BUSY: "declined",
    HangupCause.REJECTED: "declined",
    HangupCause.UNREACHABLE: "unreachable",
    HangupCause.UNALLOCATED: "unreachable",
    HangupCause.NORMAL: "failed",
    HangupCause.FAILURE: "failed",
}


def connect(s: Step, offered: Offer) -> None:
    """An agent picked up, the first if it rang at several: connect, and record when the line records."""
    call = s.call
    for other in call.offers:
        if other is not offered:
            end_offer(s, other, "answered-elsewhere", hang_up=True)
    if call.playback:
        s.do(StopPlay(playback=call.playback))
    s.happened(
        Kind.CONNECTED,
        handling_id=str(call.next_handling()),
        agent_id=str(offered.agent_id),
        queue_id=str(call.queue_id) if call.queue_id else None,
        leg=offered.leg,
        endpoint=offered.endpoint,
    )
    s.do(Bridge(bridge=call.bridge, channels=(call.channel, offered.leg)))
    start_recording(s)


def start_recording(s: Step) -> None:
    """Record the caller's channel, once for the whole call, when the line records."""
    if s.line.record and s.call.consent is not False and s.call.recording is None:
        recording = s.call.next_recording()
        s.happened(Kind.RECORDING_STARTED, recording_id=recording)
        s.do(StartRecording(channel=s.call.channel, recording=recording, tenant=s.call.tenant_id))


# --- while talking ------------------------------------------------------------------------------------------------


def require_talking(s: Step) -> None:
    """Raise `WrongMoment` unless an agent is connected."""
    if s.call.phase is not Phase.TALKING or s.call.handling is None:
        raise WrongMoment("Nobody is connected on this call.")


def hold(s: Step) -> None:
    """Let the caller wait with music."""
    require_talking(s)
    if not s.call.held:
        s.happened(Kind.HELD)
        s.do(Unbridge(bridge=s.call.bridge, channels=(s.call.channel,)), Park(channel=s.call.channel))


def resume(s: Step) -> None:
    """Take the caller back from hold."""
    require_talking(s)
    if s.call.transfer:
        raise WrongMoment("Finish or cancel the transfer first.")
    if s.call.held:
        s.happened(Kind.RESUMED)
        join(s)


def join(s: Step) -> None:
    """Caller and agent in one bridge again."""
    assert s.call.handling is not None
    s.do(Unpark(channel=s.call.channel), Bridge(bridge=s.call.bridge, channels=(s.call.channel, s.call.handling.leg)))


def mute(s: Step, on: bool) -> None:
    """Silence, or give back, what the agent says."""
    require_talking(s)
    assert s.call.handling is not None
    if s.call.muted != on:
        s.happened(Kind.MUTED if on else Kind.UNMUTED)
        s.do(Mute(channel=s.call.handling.leg, on=on))


def send_digits(s: Step, digits: str) -> None:
    """Send keypad tones to the far side: the transfer's target when one has answered, else the caller."""
    require_talking(s)
    transfer = s.call.transfer
    target = transfer.leg if transfer and transfer.answered else s.call.channel
    s.happened(Kind.DIGITS_SENT, count=len(digits))
    s.do(SendDigits(channel=target, digits=digits))


def _notes_follow(s: Step) -> bool:
    """Whether the agent gets time for notes after this call: always, or only when asked for in the call."""
    queue = s.setting.queues.get(s.call.queue_id) if s.call.queue_id else None
    mode = queue.rules.wrap_up.mode if queue else "timeout"
    return mode not in ("optional", "requested") or s.call.notes_asked


def ask_for_notes(s: Step) -> None:
    """The agent wants time for notes after this call, in a queue that gives it only when asked."""
    require_talking(s)
    if not s.call.notes_asked:
        s.happened(Kind.NOTES_ASKED)


def leave(s: Step, *, wrap_up: bool, reason: str, hang_up: bool = True) -> None:
    """The agent is no longer on the call."""
    handling = s.call.handling
    assert handling is not None
    transfer = s.call.transfer
    if transfer:
        s.happened(Kind.TRANSFER_CANCELLED, agent_id=transfer.target if transfer.to == "agent" else None)
        s.do(Hangup(channel=transfer.leg))
    s.happened(
        Kind.AGENT_LEFT,
        agent_id=str(handling.agent_id),
        handling_id=str(handling.id),
        queue_id=str(s.call.queue_id) if s.call.queue_id else None,
        seconds=round((s.now - handling.connected_at).total_seconds(), 3),
        wrap_up=wrap_up and _notes_follow(s),
        reason=reason,
    )
    if hang_up:
        s.do(Hangup(channel=handling.leg))
    if handling.returning_leg:
        s.do(Hangup(channel=handling.returning_leg))


def unheard(s: Step) -> bool:
    """Whether the agent's leg ended so soon after it was answered that nobody can have been heard."""
    handling, call = s.call.handling, s.call
    return (
        handling is not None
        and call.queue_id is not None
        and not call.held
        and call.transfer is None
        and call.phase is Phase.TALKING
        and s.now - handling.connected_at < UNHEARD
        and call.connected_at == handling.connected_at
        and call.callback is None
    )


def resume_search(s: Step) -> None:
    """The agent picked up and was gone before a word: the search goes on where it was, in the same ring and place."""
    call, handling = s.call, s.call.handling
    assert handling is not None
    leave(s, wrap_up=False, reason="unheard", hang_up=False)
    s.happened(
        Kind.REQUEUED,
        reason="unheard",
        resume=True,
        agent_id=str(handling.agent_id),
        spare_until=(s.now + SPARE).isoformat(),
        announce_at=(s.now + ANNOUNCE_AGAIN).isoformat(),
    )
    s.do(Unbridge(bridge=call.bridge, channels=(call.channel,)), Park(channel=call.channel))


def hang_up(s: Step) -> None:
    """The agent ends the call."""
    require_talking(s)
    leave(s, wrap_up=True, reason="hung-up")
    s.do(Hangup(channel=s.call.channel))
    end(s, by="agent")
