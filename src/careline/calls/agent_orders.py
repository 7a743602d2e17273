"""Orders of agents about themselves: status, telephone, and the work after a call. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from careline.calls import attendance
from careline.calls.order_model import (
    Order,
    PhoneOffline,
    WrapUpFirst,
    person_of,
    read_id,
)
from careline.calls.outcome import Outcome
from careline.calls.talk import WrongMoment
from careline.kernel.errors import Forbidden, InvalidInput
from careline.queues.model import AgentStatus

if TYPE_CHECKING:
    from careline.calls.floor import Floor


def _status(floor: Floor, order: Order, now: datetime, out: Outcome) -> None:
    target = read_id(order.body.get("person_id") or order.person_id, "person_id")
    if target != order.person_id and not order.manage:
        raise Forbidden
    agent = person_of(floor, order, target)
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
    agent = person_of(floor, order, order.person_id)
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
    agent = person_of(floor, order, order.person_id)
    if agent.status is not AgentStatus.WRAP_UP or agent.wrap_up_until is None:
        raise WrongMoment("You are not wrapping up a call.")
    floor.roster.put(replace(agent, wrap_up_until=max(agent.wrap_up_until, now) + timedelta(seconds=60)))
    out.agents.add(agent.id)


def _wrap_up(floor: Floor, order: Order, now: datetime, out: Outcome) -> None:
    agent = person_of(floor, order, order.person_id)
    call_id = read_id(order.body.get("call_id"), "call_id")
    if agent.status is not AgentStatus.WRAP_UP or agent.call_id != call_id:
        raise WrongMoment("You are not wrapping up this call.")
    code = str(order.body.get("code") or "")
    if code not in floor.codes.get(order.tenant_id, frozenset()):
        raise InvalidInput("Choose one of the reasons.")
    attendance.wrap_up(floor, agent.id, code, now, out)


ORDERS: Mapping[str, Callable[[Any, Order, datetime, Any], None]] = {
    "agent.status": _status,
    "agent.phone": _phone,
    "agent.more_time": _more_time,
    "call.wrap_up": _wrap_up,
}
