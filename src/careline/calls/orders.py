"""Orders from people: what an agent or a supervisor may tell call control to do, checked and carried out. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from careline.calls import (
    agent_orders,
    callback_orders,
    handover,
    supervisor_orders,
    talk,
)
from careline.calls.floor import Floor
from careline.calls.model import Kind
from careline.calls.order_model import (
    AgentUnavailable,
    Order,
    call_of,
    must_own,
    person_of,
    read_id,
)
from careline.calls.outcome import Outcome
from careline.calls.step import Step
from careline.calls.talk import WrongMoment
from careline.kernel.errors import InvalidInput, NotFound
from careline.queues.model import Agent

#: The longest wait for one person alone, in seconds.
LONGEST_OWN_WAIT = 3_600


def obey(floor: Floor, order: Order, now: datetime) -> Outcome:
    """Carry out an order from a page or the API. Raises a `CarelineError` when refused; then nothing has changed."""
    out = Outcome()
    action = _FLOOR_ORDERS.get(order.kind)
    step = _CALL_ORDERS.get(order.kind)
    if action is not None:
        action(floor, order, now, out)
    elif step is not None:
        call = call_of(floor, order)
        floor.step(call.id, now, out, lambda s: step(floor, order, s), order.person_id)
    else:
        raise InvalidInput(f"Unknown order: {order.kind}.")
    floor.distribute(now, out)
    return out


def _answer(_: Floor, order: Order, s: Step) -> None:
    """The telephone itself answers; this only tells an API client whether there is something to answer."""
    if s.call.offer_to(order.person_id) is None:
        raise WrongMoment("This call is not ringing at your telephone.")


def _decline(_: Floor, order: Order, s: Step) -> None:
    offered = s.call.offer_to(order.person_id)
    if offered is None:
        raise WrongMoment("This call is not ringing at your telephone.")
    talk.end_offer(s, offered, "declined", hang_up=True)


def _owned(act: Callable[[Step], None]) -> Callable[[Floor, Order, Step], None]:
    def run(_: Floor, order: Order, s: Step) -> None:
        must_own(order, s)
        act(s)

    return run


def _digits(_: Floor, order: Order, s: Step) -> None:
    must_own(order, s)
    digits = str(order.body.get("digits") or "")
    if not re.fullmatch(r"[0-9*#A-D]{1,32}", digits):
        raise InvalidInput("Keys are 0 to 9, * and #.")
    talk.send_digits(s, digits)


def _transfer(floor: Floor, order: Order, s: Step) -> None:
    must_own(order, s)
    mode = str(order.body.get("mode") or "blind")
    to = order.body.get("to")
    if mode not in ("blind", "consult") or not isinstance(to, Mapping):
        raise InvalidInput("A transfer needs a mode (blind or consult) and a target.")
    caller_id = s.line.number
    match to.get("kind"):
        case "queue":
            queue = floor.queues.get(read_id(to.get("id"), "queue"))
            if queue is None or queue.tenant_id != order.tenant_id:
                raise NotFound("There is no such queue.")
            handover.transfer_to_queue(s, queue.id, queue.name)
        case "agent":
            agent = person_of(floor, order, read_id(to.get("id"), "agent"))
            if agent.id == order.person_id:
                raise AgentUnavailable
            if not agent.ready and to.get("wait"):
                _to_person(s, agent, to)
                return
            if not agent.ready:
                raise AgentUnavailable
            assert agent.endpoint is not None
            handover.start_transfer(
                s,
                mode=mode,
                to="agent",
                target=str(agent.id),
                label=agent.name,
                endpoint=agent.endpoint,
                caller_id=caller_id,
            )
        case "number":
            number = str(to.get("number") or "")
            if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
                raise InvalidInput("The number must be complete, like +1 555 201 0100.")
            handover.start_transfer(
                s, mode=mode, to="number", target=number, label=number, endpoint=f"tel:{number}", caller_id=caller_id
            )
        case _:
            raise InvalidInput("The target is an agent, a queue or a number.")


def _to_person(s: Step, agent: Agent, to: Mapping[str, Any]) -> None:
    """The person is busy: the caller waits in their own queue, for a bounded time."""
    seconds = to.get("wait")
    if not isinstance(seconds, int) or not 10 <= seconds <= LONGEST_OWN_WAIT:
        raise InvalidInput(f"The caller can wait for one person from 10 to {LONGEST_OWN_WAIT} seconds.")
    backup = read_id(to["queue"], "queue") if to.get("queue") else s.call.queue_id or s.line.fallback_queue
    queue = s.setting.queues.get(backup) if backup else None
    if queue is None or queue.tenant_id != s.call.tenant_id:
        raise NotFound("There is no such queue.")
    handover.transfer_to_person(s, agent.id, agent.name, seconds, queue.id)


def _cancel(_: Floor, order: Order, s: Step) -> None:
    must_own(order, s)
    if s.call.transfer is None:
        raise WrongMoment("There is no transfer to cancel.")
    handover.fail_transfer(s, "cancelled", hang_up_target=True)


def _emergency(_: Floor, __: Order, s: Step) -> None:
    """Never refused: any person on the floor, at any moment of a live call."""
    if not s.call.emergency:
        s.happened(Kind.EMERGENCY_RAISED)


def _hang_up(_: Floor, order: Order, s: Step) -> None:
    if not callback_orders.person_gives_up(order.person_id, s):
        must_own(order, s)
        talk.hang_up(s)


_FLOOR_ORDERS: Mapping[str, Callable[[Any, Order, datetime, Any], None]] = {
    **agent_orders.ORDERS,
    **supervisor_orders.FLOOR_ORDERS,
}

_CALL_ORDERS: Mapping[str, Callable[[Any, Order, Step], None]] = {
    "call.answer": _answer,
    "call.decline": _decline,
    "call.hold": _owned(talk.hold),
    "call.resume": _owned(talk.resume),
    "call.mute": _owned(lambda s: talk.mute(s, True)),
    "call.unmute": _owned(lambda s: talk.mute(s, False)),
    "call.hang_up": _hang_up,
    "call.digits": _digits,
    "call.transfer": _transfer,
    "call.transfer_complete": _owned(handover.complete_transfer),
    "call.transfer_cancel": _cancel,
    "call.emergency": _emergency,
    "call.notes_time": _owned(talk.ask_for_notes),
    **supervisor_orders.CALL_ORDERS,
    **callback_orders.ORDERS,
}

#: Every kind of order, for validation at the door.
KINDS = frozenset(_FLOOR_ORDERS) | frozenset(_CALL_ORDERS)
#: Orders that only ask.
QUESTIONS = frozenset({"call.explain"})
#: Orders that only somebody with AGENT_MANAGE may give.
SUPERVISORS_ONLY = (
    frozenset(supervisor_orders.FLOOR_ORDERS)
    | frozenset(supervisor_orders.CALL_ORDERS)
    | callback_orders.SUPERVISORS_ONLY
)
