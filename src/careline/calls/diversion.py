"""Where a call goes that leaves its queue: a queue, a site, an outside number, a callback, a message, the end. Pure.

Whether it leaves is decided in `overflow`; here it is carried out, and recorded with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from careline.calls import callback_dialog, handover, journey, waiting, ways
from careline.calls.message import invite_message, say_goodbye
from careline.calls.model import Call, Kind
from careline.calls.step import Step
from careline.calls.switch_commands import StopPlay, Unpark
from careline.calls.waiting import Joining
from careline.flows.spoken import Prompt
from careline.queues.overflow import Action
from careline.queues.rules import Target

#: How long an outside number rings.
OUTSIDE_RING = 30


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call is turned away: how it would have joined, or None for one that waits already."""

    queue_id: UUID
    joining: Joining | None


def stands_since(call: Call) -> datetime:
    """Since when a caller's place in line counts: a place that was kept is older than the queue the call is in."""
    return call.place_at or call.arrived_at


def carry_out(sites: Mapping[UUID, UUID], s: Step, action: Action, origin: Origin) -> bool:
    """Take the call where the rule says, with an event that says why. False when there is no such place: it stays."""
    target = action.target
    go = _ways(sites, s, target, origin)
    if go is None:
        return False
    s.happened(
        Kind.DIVERTED, reason=action.reason, queue_id=str(origin.queue_id), to=target.kind, target=target.to or None
    )
    if origin.joining is None and s.call.playback:
        s.do(StopPlay(playback=s.call.playback))
    go()
    return True


def _ways(sites: Mapping[UUID, UUID], s: Step, target: Target, origin: Origin) -> Callable[[], object] | None:
    joining = origin.joining or Joining(
        reason=s.call.reason, leave=s.call.leave, place_at=stands_since(s.call), priority=s.call.priority
    )
    match target.kind:
        case "queue" | "site":
            queue_id = _queue(sites, s, target)
            if queue_id is None or queue_id == origin.queue_id:
                return None
            place_at = joining.place_at if target.keep_place else None
            return lambda: waiting.join(s, queue_id, replace(joining, place_at=place_at, kept=True))
        case "outside":
            if not target.to.startswith("+"):
                return None
            return lambda: _outside(s, target.to, origin, joining)
        case "callback":
            if origin.joining is None and not callback_dialog.possible(s):
                return None
            return lambda: _callback(s, origin, joining)
        case "end":
            return lambda: _unparked(s, origin, lambda: _by_flow(s, lambda: _goodbye(s)))
        case "voicemail":
            return lambda: _unparked(s, origin, lambda: _by_flow(s, lambda: _message(s, joining.leave)))


def _queue(sites: Mapping[UUID, UUID], s: Step, target: Target) -> UUID | None:
    try:
        wanted = UUID(target.to)
    except ValueError:
        return None
    queue_id = sites.get(wanted) if target.kind == "site" else wanted
    queue = s.setting.queues.get(queue_id) if queue_id else None
    return queue.id if queue and queue.tenant_id == s.call.tenant_id else None


def _unparked(s: Step, origin: Origin, act: Callable[[], object]) -> None:
    if origin.joining is None:
        s.do(Unpark(channel=s.call.channel))
    act()


def _by_flow(s: Step, otherwise: Callable[[], object]) -> None:
    """Where the flow itself sends callers whom this queue turns away, when it says something about them."""
    if node := ways.way(s, "overflow"):
        journey.enter(s, node)
    else:
        otherwise()


def _goodbye(s: Step) -> None:
    say_goodbye(s, "overflow", Prompt("goodbye"))


def _message(s: Step, leave: str | None) -> None:
    if leave:
        journey.enter(s, leave)
    else:
        invite_message(s, None, (Prompt("voicemail.instructions"),))


def _outside(s: Step, number: str, origin: Origin, joining: Joining) -> None:
    """Ring the outside number. The caller has a place meanwhile, for when nobody answers there."""
    if origin.joining is not None:
        waiting.put_in_line(s, origin.queue_id, replace(joining, kept=True))
    handover.send_outside(s, number, OUTSIDE_RING)


def _callback(s: Step, origin: Origin, joining: Joining) -> None:
    if origin.joining is not None:
        waiting.put_in_line(s, origin.queue_id, replace(joining, kept=True))
    callback_dialog.offer(s)
