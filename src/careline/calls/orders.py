"""Orders from people: what an agent or a supervisor may tell call control to do, checked and carried out. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from careline.calls import attendance, callback, callback_orders, closing, handover, talk, waiting
from careline.calls.callback_fold import in_line, owed
from careline.calls.floor import Floor
from careline.calls.model import FIRST_OF_ALL, Call, Kind, Phase
from careline.calls.outcome import Outcome
from careline.calls.step import Step
from careline.calls.switch_commands import Hangup, Unbridge
from careline.calls.talk import WrongMoment
from careline.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from careline.queues.model import Agent, AgentStatus

#: The highest and lowest priority a supervisor may give.
MOST_URGENT = 900
#: The longest wait for one person alone, in seconds.
LONGEST_OWN_WAIT = 3_600
#: How long an assigned call rings where no queue says so.
ASSIGNED_RING = 20


class PhoneOffline(Conflict):
    """Your telephone is not connected. Check the headset and the connection, then try again."""

    id = "phone-offline"


class WrapUpFirst(Conflict):
    """Choose a reason for the last call first."""

    id = "wrap-up-first"


class AgentUnavailable(Conflict):
    """That person cannot take a call just now."""

    id = "agent-unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order. Permissions were checked where it was given; `manage` tells that a supervisor gave it."""

    tenant_id: int
    person_id: UUID
    kind: str
    body: Mapping[str, Any]
    manage: bool = False


def obey(floor: Floor, order: Order, now: datetime) -> Outcome:
    """Carry out an order from a page or the API. Raises a `CarelineError` when refused; then nothing has changed."""
    out = Outcome()
    action = _FLOOR_ORDERS.get(order.kind)
    step = _CALL_ORDERS.get(order.kind)
    if action is not None:
        action(floor, order, now, out)
    elif step is not None:
        call = _call(floor, order)
        floor.step(call.id, now, out, lambda s: step(floor, order, s), order.person_id)
    else:
        raise InvalidInput(f"Unknown order: {order.kind}.")
    floor.distribute(now, out)
    return out


def _uuid(value: object, what: str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise InvalidInput(f"{what} is not an identifier.") from error


def _agent(floor: Floor, order: Order, person_id: UUID) -> Agent:
    agent = floor.agents.get(person_id)
    if agent is None or agent.tenant_id != order.tenant_id:
        raise NotFound("That person does not work on this floor.")
    return agent


def _call(floor: Floor, order: Order) -> Call:
    call = floor.calls.get(_uuid(order.body.get("call_id"), "call_id"))
    if call is None or call.tenant_id != order.tenant_id or call.phase is Phase.ENDED:
        raise WrongMoment("The call is over.")
    return call


def _own(order: Order, s: Step) -> None:
    handling = s.call.handling
    if handling is None or handling.agent_id != order.person_id:
        raise Forbidden("This is not your call.")


# --- an agent's own state -----------------------------------------------------------------------------------------


def _status(floor: Floor, order: Order, now: datetime, out: Outcome) -> None:
    target = _uuid(order.body.get("person_id") or order.person_id, "person_id")
    if target != order.person_id and not order.manage:
        raise Forbidden
    agent = _agent(floor, order, target)
    try:
        status = AgentStatus(str(order.body.get("status")))
    except ValueError as error:
        raise InvalidInput("The status is one of: available, away, offline.") from error
    if status not in (AgentStatus.AVAILABLE, AgentStatus.AWAY, AgentStatus.OFFLINE):
        raise InvalidInput("The status is one of: available, away, offline.")
    reason = order.body.get("reason")
    reason = str(reason)[:60] if reason else None
    if agent.status in (AgentStatus.OFFERED, AgentStatus.TALKING, AgentStatus.WRAP_UP):
        if agent.status is AgentStatus.WRAP_UP and status is AgentStatus.AVAILABLE:
            raise WrapUpFirst
        # The latest wish counts (complaint 40): available takes back an earlier one.
        wanted = None if status is AgentStatus.AVAILABLE else status
        floor.roster.put(replace(agent, wanted=wanted, wanted_reason=reason if wanted else None))
        out.agents.add(target)
        return
    if status is AgentStatus.AVAILABLE and not agent.phone_online:
        raise PhoneOffline
    floor.roster.set_status(target, status, now, out, reason=reason, person_id=order.person_id)


def _phone(floor: Floor, order: Order, now: datetime, out: Outcome) -> None:
    endpoint = str(order.body.get("endpoint") or "")
    if not re.fullmatch(r"[sd]-[A-Za-z0-9_-]{3,60}", endpoint):
        raise InvalidInput("The telephone is named s-… or d-….")
    agent = _agent(floor, order, order.person_id)
    holder = floor.roster.by_endpoint.get(endpoint)
    if holder not in (None, agent.id):
        raise Forbidden("That telephone belongs to somebody else.")
    if agent.endpoint == endpoint:
        return
    if agent.endpoint:
        # An old page's telephone: its leaving must not count as this agent's any more. A live leg on it is lost
        # from now on, and is rung again at the new telephone as soon as that one is reachable.
        if agent.phone_online:
            attendance.endpoint_changed(floor, agent.endpoint, False, now, out)
        floor.roster.by_endpoint.pop(agent.endpoint, None)
        agent = floor.agents[order.person_id]
    floor.roster.by_endpoint[endpoint] = agent.id
    floor.roster.put(replace(agent, endpoint=endpoint, phone_online=False, since=agent.since or now))
    out.agents.add(agent.id)
    if endpoint in floor.roster.online:
        attendance.endpoint_changed(floor, endpoint, True, now, out)


def _more_time(floor: Floor, order: Order, now: datetime, out: Outcome) -> None:
    agent = _agent(floor, order, order.person_id)
    if agent.status is not AgentStatus.WRAP_UP or agent.wrap_up_until is None:
        raise WrongMoment("You are not wrapping up a call.")
    floor.roster.put(replace(agent, wrap_up_until=max(agent.wrap_up_until, now) + timedelta(seconds=60)))
    out.agents.add(agent.id)


def _wrap_up(floor: Floor, order: Order, now: datetime, out: Outcome) -> None:
    agent = _agent(floor, order, order.person_id)
    call_id = _uuid(order.body.get("call_id"), "call_id")
    if agent.status is not AgentStatus.WRAP_UP or agent.call_id != call_id:
        raise WrongMoment("You are not wrapping up this call.")
    code = str(order.body.get("code") or "")
    if code not in floor.codes.get(order.tenant_id, frozenset()):
        raise InvalidInput("Choose one of the reasons.")
    attendance.wrap_up(floor, agent.id, code, now, out)


# --- a call -------------------------------------------------------------------------------------------------------


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
        _own(order, s)
        act(s)

    return run


def _digits(_: Floor, order: Order, s: Step) -> None:
    _own(order, s)
    digits = str(order.body.get("digits") or "")
    if not re.fullmatch(r"[0-9*#A-D]{1,32}", digits):
        raise InvalidInput("Keys are 0 to 9, * and #.")
    talk.send_digits(s, digits)


def _transfer(floor: Floor, order: Order, s: Step) -> None:
    _own(order, s)
    mode = str(order.body.get("mode") or "blind")
    to = order.body.get("to")
    if mode not in ("blind", "consult") or not isinstance(to, Mapping):
        raise InvalidInput("A transfer needs a mode (blind or consult) and a target.")
    caller_id = s.line.number
    match to.get("kind"):
        case "queue":
            queue = floor.queues.get(_uuid(to.get("id"), "queue"))
            if queue is None or queue.tenant_id != order.tenant_id:
                raise NotFound("There is no such queue.")
            handover.transfer_to_queue(s, queue.id, queue.name)
        case "agent":
            agent = _agent(floor, order, _uuid(to.get("id"), "agent"))
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
    backup = _uuid(to["queue"], "queue") if to.get("queue") else s.call.queue_id or s.line.fallback_queue
    queue = s.setting.queues.get(backup) if backup else None
    if queue is None or queue.tenant_id != s.call.tenant_id:
        raise NotFound("There is no such queue.")
    handover.transfer_to_person(s, agent.id, agent.name, seconds, queue.id)


def _cancel(_: Floor, order: Order, s: Step) -> None:
    _own(order, s)
    if s.call.transfer is None:
        raise WrongMoment("There is no transfer to cancel.")
    handover.fail_transfer(s, "cancelled", hang_up_target=True)


def _emergency(_: Floor, __: Order, s: Step) -> None:
    """Never refused: any person on the floor, at any moment of a live call."""
    if not s.call.emergency:
        s.happened(Kind.EMERGENCY_RAISED)


def _hang_up(_: Floor, order: Order, s: Step) -> None:
    if not callback_orders.person_gives_up(order.person_id, s):
        _own(order, s)
        talk.hang_up(s)


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
    queue = floor.queues.get(_uuid(order.body.get("queue_id"), "queue_id"))
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
    call = _call(floor, order)
    agent = _agent(floor, order, _uuid(order.body.get("person_id"), "person_id"))
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
    call = _call(floor, order)
    if not in_line(call):
        raise WrongMoment("The call is not waiting.")
    out.answer["why"] = floor.dispatch.explain(call.id, now)


_FLOOR_ORDERS: Mapping[str, Callable[[Any, Order, datetime, Any], None]] = {
    "call.assign": _assign,
    "call.explain": _explain,
    "agent.status": _status,
    "agent.phone": _phone,
    "agent.more_time": _more_time,
    "call.wrap_up": _wrap_up,
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
    "call.end": _end,
    "call.notes_time": _owned(talk.ask_for_notes),
    "call.priority": _priority,
    "call.move": _move,
    **callback_orders.ORDERS,
}

#: Every kind of order, for validation at the door.
KINDS = frozenset(_FLOOR_ORDERS) | frozenset(_CALL_ORDERS)
#: Orders that only ask.
QUESTIONS = frozenset({"call.explain"})
#: Orders that only somebody with AGENT_MANAGE may give.
SUPERVISORS_ONLY = (
    frozenset({"call.assign", "call.end", "call.explain", "call.move", "call.priority"})
    | callback_orders.SUPERVISORS_ONLY
)
