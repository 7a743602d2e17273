"""Orders that only a supervisor may give: end, move, rank and assign a call, and ask why it waits. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from careline.calls import callback, closing, talk, waiting
from careline.calls.callback_fold import in_line, owed
from careline.calls.model import FIRST_OF_ALL, Kind, Phase
from careline.calls.order_model import (
    AgentUnavailable,
    Order,
    call_of,
    person_of,
    read_id,
)
from careline.calls.outcome import Outcome
from careline.calls.step import Step
from careline.calls.switch_commands import Hangup, Unbridge
from careline.calls.talk import WrongMoment
from careline.kernel.errors import Forbidden, InvalidInput, NotFound

if TYPE_CHECKING:
    from careline.calls.floor import Floor


#: The highest and lowest priority a supervisor may give.
MOST_URGENT = 900
#: How long an assigned call rings where no queue says so.
ASSIGNED_RING = 20


def _end(_: Floor, order: Order, s: Step) -> None:
    if not order.manage:
        raise Forbidden
    if s.call.phase is Phase.CALLBACK or owed(s.call):
        callback.close(s, outcome="callback-cancelled", by="supervisor")
        return
    talk.end_offers(s, "withdrawn")
    if s.call.handling:
        talk.leave(s, wrap_up=True, reason="ended-by-supervisor")
    if s.call.outside:
        s.do(Hangup(channel=s.call.outside.leg))
    s.do(Hangup(channel=s.call.channel))
    closing.end(s, by="supervisor")


def _move(floor: Floor, order: Order, s: Step) -> None:
    if not order.manage:
        raise Forbidden
    queue = floor.queues.get(read_id(order.body.get("queue_id"), "queue_id"))
    if queue is None or queue.tenant_id != order.tenant_id:
        raise NotFound("There is no such queue.")
    call = s.call
    if call.phase is Phase.CALLBACK:
        raise WrongMoment("The caller has hung up: cancel the callback, or have it called now.")
    talk.end_offers(s, "withdrawn")
    if call.handling:
        s.do(Unbridge(bridge=call.bridge, channels=(call.channel,)))
        talk.leave(s, wrap_up=True, reason="moved")
    place_at = call.place_at or call.arrived_at
    waiting.join_queue(s, queue.id, reason=call.reason, leave=call.leave, place_at=place_at, requirement="")


def _priority(_: Floor, order: Order, s: Step) -> None:
    """A waiting call is more, or less, urgent than its queue thought: at once, wherever it stands."""
    if not order.manage:
        raise Forbidden
    value = order.body.get("priority")
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MOST_URGENT:
        raise InvalidInput(f"The priority is a whole number from -{MOST_URGENT} to {MOST_URGENT}.")
    if s.call.phase not in (Phase.WAITING, Phase.CALLBACK):
        raise WrongMoment("The call is not waiting.")
    if s.call.priority >= FIRST_OF_ALL:
        raise WrongMoment("The caller raised an emergency: nobody goes before.")
    if s.call.priority != value:
        s.happened(Kind.PRIORITY_CHANGED, priority=value, reason="supervisor")


def _assign(floor: Floor, order: Order, now: datetime, out: Outcome) -> None:
    """Offer a waiting call to an agent now, whatever turn and skills say."""
    if not order.manage:
        raise Forbidden
    call = call_of(floor, order)
    agent = person_of(floor, order, read_id(order.body.get("person_id"), "person_id"))
    if not in_line(call) or call.phase is not Phase.WAITING:
        raise WrongMoment("The call is not waiting.")
    if call.offer_to(agent.id):
        return
    if not agent.ready:
        raise AgentUnavailable
    queue = floor.queues.get(call.queue_id) if call.queue_id else None

    def ring(s: Step) -> None:
        talk.end_offers(s, "withdrawn")
        seconds = queue.ring_seconds if queue else ASSIGNED_RING
        talk.offer(s, agent, seconds, by="supervisor")

    floor.step(call.id, now, out, ring, order.person_id)


def _explain(floor: Floor, order: Order, now: datetime, out: Outcome) -> None:
    """Why a call in line is, or is not, about to ring somebody."""
    if not order.manage:
        raise Forbidden
    call = call_of(floor, order)
    if not in_line(call):
        raise WrongMoment("The call is not waiting.")
    out.answer["why"] = floor.dispatch.explain(call.id, now)


FLOOR_ORDERS: Mapping[str, Callable[[Any, Order, datetime, Any], None]] = {
    "call.assign": _assign,
    "call.explain": _explain,
}

CALL_ORDERS: Mapping[str, Callable[[Any, Order, Step], None]] = {
    "call.end": _end,
    "call.move": _move,
    "call.priority": _priority,
}
