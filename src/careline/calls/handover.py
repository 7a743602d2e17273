"""Handing a caller over, and a vanished telephone: the caller is never without somebody or a place. Pure."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from careline.calls.closing import end
from careline.calls.model import TRANSFER_RING, Kind
from careline.calls.step import Step
from careline.calls.switch_commands import Bridge, Hangup, Park, Ring, StopPlay, Unbridge, Unpark
from careline.calls.switch_events import HangupCause
from careline.calls.talk import WrongMoment, join, leave, require_talking
from careline.calls.waiting import HEAD_OF_QUEUE, Joining, join_person, join_queue
from careline.flows.spoken import Prompt

# --- handing over -------------------------------------------------------------------------------------------------


def transfer_to_queue(s: Step, queue_id: UUID, label: str) -> None:
    """Give the caller to another queue, ahead of new callers: the place counts from the call's arrival."""
    require_talking(s)
    if queue_id not in s.setting.queues:
        raise WrongMoment("There is no such queue.")
    s.do(Unbridge(bridge=s.call.bridge, channels=(s.call.channel,)))
    leave(s, wrap_up=True, reason="transferred")
    s.happened(Kind.TRANSFERRED, to="queue", target=str(queue_id), label=label, leg=None)
    # A person decided who helps: what the caller chose before asks for nothing any more.
    join_queue(s, queue_id, reason=s.call.reason, leave=s.call.leave, place_at=s.call.arrived_at, requirement="")


def transfer_to_person(s: Step, agent_id: UUID, label: str, seconds: float, backup: UUID) -> None:
    """Let the caller wait in a person's own queue; after so long, or when the person signs off, in the backup queue."""
    require_talking(s)
    call = s.call
    s.do(Unbridge(bridge=call.bridge, channels=(call.channel,)))
    leave(s, wrap_up=True, reason="transferred")
    s.happened(Kind.TRANSFERRED, to="person", target=str(agent_id), label=label, leg=None)
    joining = Joining(reason=call.reason, leave=call.leave, place_at=call.arrived_at)
    join_person(s, agent_id, seconds, backup, joining)


def start_transfer(s: Step, *, mode: str, to: str, target: str, label: str, endpoint: str, caller_id: str) -> None:
    """Ring the other side while the caller waits with music and the agent stays."""
    require_talking(s)
    if s.call.transfer:
        raise WrongMoment("A transfer is already under way.")
    was_held = s.call.held
    leg = s.call.next_leg("t")
    s.happened(
        Kind.TRANSFER_STARTED,
        mode=mode,
        to=to,
        target=target,
        label=label,
        leg=leg,
        endpoint=endpoint,
        until=(s.now + TRANSFER_RING).isoformat(),
    )
    if not was_held:
        s.do(Unbridge(bridge=s.call.bridge, channels=(s.call.channel,)), Park(channel=s.call.channel))
    s.do(
        Ring(
            channel=leg,
            endpoint=endpoint,
            caller_id=caller_id,
            caller_name=s.line.name,
            seconds=int(TRANSFER_RING.total_seconds()),
            call=str(s.call.id),
            # In a consultation the target joins the agent, who is alone in the call's bridge.
            bridge=s.call.bridge if mode == "consult" else None,
        )
    )


def send_outside(s: Step, number: str, seconds: int, label: str = "") -> None:
    """Ring an outside number for a caller whom no agent has; meanwhile there is music. When nobody answers, the caller
    is where the ringing began: in the flow, or at the same place in the queue."""
    call, leg = s.call, s.call.next_leg("t")
    if call.playback:
        s.do(StopPlay(playback=call.playback))
    s.happened(
        Kind.TRANSFER_STARTED,
        mode="direct",
        to="number",
        target=number,
        label=label or number,
        leg=leg,
        endpoint=f"tel:{number}",
        until=(s.now + timedelta(seconds=seconds)).isoformat(),
    )
    s.do(
        Park(channel=call.channel),
        Ring(
            channel=leg,
            endpoint=f"tel:{number}",
            caller_id=s.line.number,
            caller_name=s.line.name,
            seconds=seconds,
            call=str(call.id),
        ),
    )


def transfer_answered(s: Step) -> None:
    """The other side picked up: a blind transfer is complete, a consultation begins, a call sent outside is there."""
    call, transfer = s.call, s.call.transfer
    assert transfer is not None
    s.happened(Kind.TRANSFER_ANSWERED, leg=transfer.leg)
    if transfer.mode == "direct":
        connect_outside(s)
    elif transfer.mode == "blind":
        complete_transfer(s)
    else:
        assert call.handling is not None
        s.do(Bridge(bridge=call.bridge, channels=(call.handling.leg, transfer.leg)))


def connect_outside(s: Step) -> None:
    """Whoever was rung outside for a caller whom no agent has talks with the caller."""
    call, transfer = s.call, s.call.transfer
    assert transfer is not None
    s.do(Unpark(channel=call.channel), Bridge(bridge=call.bridge, channels=(call.channel, transfer.leg)))
    s.happened(Kind.TRANSFERRED, to="number", target=transfer.target, label=transfer.label, leg=transfer.leg)


def complete_transfer(s: Step) -> None:
    """The caller goes over to the other side; only now the first agent leaves."""
    require_talking(s)
    transfer, handling, call = s.call.transfer, s.call.handling, s.call
    if transfer is None or handling is None or not transfer.answered:
        raise WrongMoment("The other side has not answered yet.")
    s.do(Unpark(channel=call.channel), Bridge(bridge=call.bridge, channels=(call.channel, transfer.leg)))
    s.happened(Kind.TRANSFERRED, to=transfer.to, target=transfer.target, label=transfer.label, leg=transfer.leg)
    leave(s, wrap_up=True, reason="transferred")
    if transfer.to == "agent":
        s.happened(
            Kind.CONNECTED,
            handling_id=str(s.call.next_handling()),
            agent_id=transfer.target,
            queue_id=str(call.queue_id) if call.queue_id else None,
            leg=transfer.leg,
            endpoint=transfer.endpoint,
        )


def fail_transfer(s: Step, reason: str, *, hang_up_target: bool) -> None:
    """The other side did not accept, or the agent thought better of it: caller and agent are together again."""
    transfer = s.call.transfer
    assert transfer is not None
    kind = Kind.TRANSFER_CANCELLED if reason == "cancelled" else Kind.TRANSFER_FAILED
    s.happened(
        kind,
        reason=reason,
        held=False,
        agent_id=transfer.target if transfer.to == "agent" else None,
    )
    if hang_up_target:
        s.do(Hangup(channel=transfer.leg))
    if s.call.handling:
        join(s)


# --- a telephone vanishes -----------------------------------------------------------------------------------------


def lose_phone(s: Step) -> None:
    """The agent's telephone cannot be reached any more. The line is left as it is: it may be back in a moment."""
    if s.call.handling and s.call.handling.lost_at is None:
        s.happened(Kind.PHONE_LOST, agent_id=str(s.call.handling.agent_id))


def bridge_the_gap(s: Step) -> None:
    """The telephone is still away: the caller gets music meanwhile."""
    s.happened(Kind.HELD, by="system")
    s.do(Unbridge(bridge=s.call.bridge, channels=(s.call.channel,)), Park(channel=s.call.channel))


def ring_back(s: Step, endpoint: str) -> None:
    """The agent's page is back with a new telephone: ring it; it answers by itself."""
    handling = s.call.handling
    assert handling is not None
    if handling.returning_leg:
        s.do(Hangup(channel=handling.returning_leg))
    leg = s.call.next_leg("r")
    s.happened(Kind.PHONE_RINGING_BACK, agent_id=str(handling.agent_id), leg=leg, endpoint=endpoint)
    s.do(
        Ring(
            channel=leg,
            endpoint=endpoint,
            caller_id=s.call.caller,
            caller_name=s.line.name,
            seconds=20,
            call=str(s.call.id),
            bridge=s.call.bridge,
            auto_answer=True,
        )
    )


def phone_back(s: Step, leg: str) -> None:
    """The agent can be heard again, on the old leg or on a new one."""
    handling = s.call.handling
    assert handling is not None
    old = handling.leg
    waited = s.call.held and handling.lost_at is not None and s.call.transfer is None
    s.happened(Kind.PHONE_BACK, agent_id=str(handling.agent_id), leg=leg)
    if old != leg:
        s.do(Hangup(channel=old))
    if waited:
        s.happened(Kind.RESUMED, by="system")
    if not s.call.held:
        join(s)


def give_up_on_phone(s: Step) -> None:
    """The telephone did not come back: the caller goes to the head of the queue, with a word of apology."""
    handling, call = s.call.handling, s.call
    assert handling is not None
    s.do(Unbridge(bridge=call.bridge, channels=(call.channel,)))
    leave(s, wrap_up=False, reason="phone-lost")
    s.happened(Kind.REQUEUED, reason="phone-lost")
    if call.queue_id is None:
        s.do(Hangup(channel=call.channel, cause=HangupCause.FAILURE))
        end(s, by="system", outcome="failed")
        return
    join_queue(
        s,
        call.queue_id,
        reason=call.reason,
        leave=call.leave,
        place_at=call.place_at,
        priority=call.priority + HEAD_OF_QUEUE,
    )
    s.do(Unpark(channel=call.channel))
    s.speak(call.channel, Prompt("transfer.back-in-line"))
