"""Orders about callbacks: cancel, call now, another number or moment, and the agent's "that is a machine". Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from careline.calls import callback, callback_rules, talk
from careline.calls.callback_model import Stage
from careline.calls.model import Kind, Phase
from careline.calls.step import Step
from careline.kernel.errors import Conflict, Forbidden, InvalidInput
from careline.kernel.phone import to_e164

if TYPE_CHECKING:
    from careline.calls.floor import Floor
    from careline.calls.order_model import Order


class NotAtThisHour(Conflict):
    """The caller may not be rung at this hour: it is outside the practice's hours or too early or late there."""

    id = "not-at-this-hour"


class NotDialable(InvalidInput):
    """This number is not called back: it is incomplete, abroad, one of our own, or costs extra."""

    id = "number-not-called-back"


class TooFarAhead(InvalidInput):
    """This is later than callbacks of this queue may be put off to."""

    id = "callback-too-far-ahead"


def _waiting(s: Step) -> None:
    """Raise unless it waits and nobody is being rung for it."""
    found = s.call.callback
    if s.call.phase is not Phase.CALLBACK or found is None or found.stage is not Stage.WAITING:
        raise talk.WrongMoment("This callback is over, or somebody is being rung for it just now.")


def _cancel(_: Floor, order: Order, s: Step) -> None:
    if not order.manage:
        raise Forbidden
    callback.close(s, outcome="callback-cancelled", by="supervisor")


def _call_now(floor: Floor, order: Order, s: Step) -> None:
    """An agent who is free takes it at once; for anybody else it goes to the head of its line."""
    _waiting(s)
    found = s.call.callback
    assert found is not None
    starts, _ends = callback_rules.timed(s, found.number)
    if starts is not None:
        raise NotAtThisHour
    agent = floor.agents.get(order.person_id)
    queue = floor.queues.get(s.call.queue_id) if s.call.queue_id else None
    own = agent is not None and agent.ready and queue is not None and agent.id in queue.members
    if not own and not order.manage:
        raise Forbidden("Become available in this queue first.")
    talk.end_offers(s, "withdrawn")
    _change(s, number=found.number, verified=found.verified, moment=None, head=not own)
    if own and agent and queue:
        talk.offer(s, agent, queue.ring_seconds)


def _change_order(_: Floor, order: Order, s: Step) -> None:
    if not order.manage:
        raise Forbidden
    _waiting(s)
    found = s.call.callback
    assert found is not None
    number, verified, moment = found.number, found.verified, found.next_at
    if order.body.get("number"):
        given = to_e164(str(order.body["number"]), s.setting.region)
        if given is None or not callback_rules.may_call(s, given):
            raise NotDialable
        number, verified = given, "staff"
    if "next_at" in order.body:
        moment = _moment(order.body["next_at"])
        days = callback_rules.rules_of(s).latest_days
        if moment and moment > s.now + timedelta(days=days):
            raise TooFarAhead
    talk.end_offers(s, "withdrawn")
    _change(s, number=number, verified=verified, moment=moment)


def _moment(value: object) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidInput("The moment is written like 2026-11-23T15:30:00-06:00.") from error
    if found.tzinfo is None:
        raise InvalidInput("The moment needs its offset from UTC.")
    return found


def _change(s: Step, *, number: str, verified: str, moment: datetime | None, head: bool = False) -> None:
    next_at, ends = callback_rules.timed(s, number, moment)
    s.happened(
        Kind.CALLBACK_CHANGED,
        number=number,
        verified=verified,
        next_at=next_at.isoformat() if next_at else None,
        window_ends=ends.isoformat() if ends else None,
        expires_at=((next_at or s.now) + callback_rules.kept(s)).isoformat(),
        priority=s.call.priority + (callback.HEAD_OF_QUEUE if head else 0),
    )


def _machine(_: Floor, order: Order, s: Step) -> None:
    handling = s.call.handling
    if handling is None or handling.agent_id != order.person_id:
        raise Forbidden("This is not your call.")
    callback.leave_message(s)


def person_gives_up(order_person: UUID, s: Step) -> bool:
    """The agent hangs up while the caller's telephone rings. False when this is not such a moment."""
    found = s.call.callback
    if s.call.phase is not Phase.CALLBACK or found is None or found.agent_id != order_person:
        return False
    callback.agent_gone(s)
    return True


#: By kind, for `orders`.
ORDERS: Mapping[str, Callable[[Any, Order, Step], None]] = {
    "callback.cancel": _cancel,
    "callback.call_now": _call_now,
    "callback.change": _change_order,
    "callback.machine": _machine,
}
SUPERVISORS_ONLY = frozenset({"callback.cancel", "callback.change"})
