"""Calls that do not stay in their queue: turned away at its door, sent on while they wait, or left with nobody. Pure.

What a queue says is decided by `queues.overflow`; here it is found out, and `diversion` takes the call there.
Each rule applies at most once to a call in a queue, so that two queues can never pass a caller to and fro.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from careline.calls import talk
from careline.calls.diversion import Origin, carry_out, stands_since
from careline.calls.model import Call, Kind, Phase
from careline.calls.outcome import FloorEvent, Outcome
from careline.calls.step import LineSetup, Step
from careline.calls.switch_commands import StopPlay, Unpark
from careline.calls.waiting import Joining
from careline.flows.spoken import Prompt
from careline.queues import overflow as rules
from careline.queues.model import Queue
from careline.queues.overflow import Action, QueueState
from careline.queues.rules import Overflow, Target

if TYPE_CHECKING:
    from careline.calls.floor import Floor

#: How often a waiting call is held against what changes without it: size, expected wait, staffing, hours.
LOOK = timedelta(seconds=5)
#: The code of a line's own longest wait.
MAXIMUM = "maximum-wait"


def _line(floor: Floor, call: Call) -> LineSetup | None:
    """The line whose hours and limits hold for a call: the site's to which it was sent, else the one it came in by."""
    there = next((line for line in floor.lines.values() if line.id == call.site), None) if call.site else None
    return there or floor.pinned.get(call.id)


def _hours(floor: Floor, s: Step) -> str:
    return ((_line(floor, s.call) if s.call.site else None) or s.line).hours(s.now)


# --- when -----------------------------------------------------------------------------------------------------------


def next_check(floor: Floor, call: Call, now: datetime) -> datetime | None:
    """When this waiting call is to be looked at again; None when no rule can take it away."""
    assert call.queue_id is not None
    assert call.queued_at is not None
    queue, line = floor.queues.get(call.queue_id), _line(floor, call)
    moments: list[datetime | None] = []
    if queue is not None:
        waited = (now - stands_since(call)).total_seconds()
        moments.append(rules.next_check(waited, queue.rules, stands_since(call)))
        if queue.rules.leave.when_empty or any(_changes_alone(r, call, waited) for r in queue.rules.overflow):
            moments.append(now + LOOK)
    if line and line.max_wait_seconds and _mark(MAXIMUM, call.queue_id) not in call.diverted:
        moments.append(max(now, call.queued_at + timedelta(seconds=line.max_wait_seconds)))
    return min((m for m in moments if m), default=None)


def _changes_alone(rule: Overflow, call: Call, waited: float) -> bool:
    """Whether a rule may come to hold without the call doing anything. A wait has its own moment, unless it was over
    when the call came here with its place kept; whether a site is open then changes by itself."""
    if rule.at == "entry" or rule.measure != "wait" or rule.target.kind == "site":
        return rule.at != "entry"
    return 0 < rule.above <= waited and _mark("overflow-wait", call.queue_id) not in call.diverted


def _mark(reason: str, queue_id: UUID | None) -> str:
    return f"{reason}:{queue_id}"


def turn_away(floor: Floor, s: Step, queue_id: UUID, joining: Joining) -> bool:
    """Send a call elsewhere that is about to join a queue, when the queue's rules say so. False: it may join."""
    action = at_the_door(floor, s, queue_id)
    return action is not None and carry_out(floor.sites(s.now), s, action, Origin(queue_id, joining))


# --- whether --------------------------------------------------------------------------------------------------------


def at_the_door(floor: Floor, s: Step, queue_id: UUID) -> Action | None:
    """What turns a call away from a queue it is about to join; None when it may join."""
    queue = floor.queues[queue_id]
    if s.call.emergency:
        return None
    found = rules.may_join((a for m in queue.members if (a := floor.agents.get(m))), queue)
    if found is None and queue.rules.overflow:
        found = _decide(floor, s.call, queue, s.now, entering=True, is_open=_hours(floor, s) == "open")
    return None if found is None or _mark(found.reason, queue_id) in s.call.diverted else found


def _decide(floor: Floor, call: Call, queue: Queue, now: datetime, *, entering: bool, is_open: bool) -> Action | None:
    left = tuple(r for r in queue.rules.overflow if _mark(f"overflow-{r.measure}", queue.id) not in call.diverted)
    if any(r.target.kind == "site" for r in left):
        # A site that is closed helps nobody: the next rule counts.
        sites = {str(line) for line in floor.sites(now)}
        left = tuple(r for r in left if r.target.kind != "site" or r.target.to in sites)
    waits = any(r.measure == "estimate" for r in left)
    state = QueueState(
        entering=entering,
        waiting=floor.dispatch.size(queue.id),
        signed_on=sum(1 for m in queue.members if (a := floor.agents.get(m)) and a.present),
        estimate=_estimate(floor, call, queue, now, entering=entering) if waits else None,
        waited=0.0 if entering else (now - stands_since(call)).total_seconds(),
        open=is_open,
    )
    return rules.decide(state, replace(queue.rules, overflow=left))


def _estimate(floor: Floor, call: Call, queue: Queue, now: datetime, *, entering: bool) -> float | None:
    if entering:
        call = replace(call, queue_id=queue.id, queued_at=now, place_at=now)
    return floor.outlook(call, now)[1]


def note_staffing(floor: Floor, changed: Set[UUID] | None, now: datetime, out: Outcome) -> None:
    """Find out which queues nobody staffs any more, or again, after these agents changed (None: look at everything).

    Each change leaves an event, so that the grace time goes on after a restart where it was.
    """
    for queue_id in floor.empty_since.keys() - floor.leaving:
        del floor.empty_since[queue_id]
    for queue_id in sorted(floor.leaving):
        queue = floor.queues[queue_id]
        if changed is not None and changed.isdisjoint(queue.members):
            continue
        ignored = queue.rules.leave.not_counted
        staffed = any(rules.counts(a, queue, ignored) for m in queue.members if (a := floor.agents.get(m)))
        if staffed is not (queue_id in floor.empty_since):
            continue
        if staffed:
            del floor.empty_since[queue_id]
        else:
            floor.empty_since[queue_id] = now
        kind = "queue_staffed" if staffed else "queue_emptied"
        out.log.append(FloorEvent(tenant_id=queue.tenant_id, kind=kind, at=now, body={"queue_id": str(queue_id)}))


def _empty_too_long(floor: Floor, call: Call, queue: Queue, now: datetime) -> Action | None:
    """Whether nobody has staffed the queue for its grace time. Who joined it empty has that time from there."""
    since = floor.empty_since.get(queue.id)
    if since is not None and call.queued_at is not None:
        since = max(since, call.queued_at)
    return rules.must_leave(since is None, since, queue.rules.leave, now)


# --- while it waits ---------------------------------------------------------------------------------------------------


def check(floor: Floor, call_id: UUID, now: datetime, out: Outcome) -> None:
    """Hold a waiting call against its queue's rules, and look again when that is due."""
    call = floor.dispatch.in_line().get(call_id)
    if call is None or call.queue_id is None:
        return
    queue, line = floor.queues.get(call.queue_id), _line(floor, call) or floor.pinned[call_id]
    if queue is not None and not call.offers and call.phase is Phase.WAITING and not call.emergency:
        is_open = line.hours(now) == "open"
        action = _empty_too_long(floor, call, queue, now)
        action = action or _decide(floor, call, queue, now, entering=False, is_open=is_open)
        if action and _mark(action.reason, queue.id) not in call.diverted:
            origin = Origin(queue.id, None)
            floor.step(call_id, now, out, lambda s: carry_out(floor.sites(now), s, action, origin))
        elif _too_long(call, line.max_wait_seconds, now):
            floor.step(call_id, now, out, _offer_message)
    if (left := floor.dispatch.in_line().get(call_id)) is not None:
        floor.checks.put(call_id, _later(next_check(floor, left, now), now))


def _later(moment: datetime | None, now: datetime) -> datetime | None:
    # While it rings at somebody nothing is taken away; it is looked at again soon after.
    return None if moment is None else max(moment, now + timedelta(seconds=1))


def _too_long(call: Call, seconds: int, now: datetime) -> bool:
    assert call.queued_at is not None
    over = seconds and now - call.queued_at >= timedelta(seconds=seconds)
    return bool(over) and _mark(MAXIMUM, call.queue_id) not in call.diverted


def _offer_message(s: Step) -> None:
    """The line's longest wait is over: the caller hears that a message can be left, and keeps the place meanwhile."""
    call = s.call
    s.happened(Kind.DIVERTED, reason=MAXIMUM, queue_id=str(call.queue_id), to="message-offer", target=None)
    if call.playback:
        s.do(StopPlay(playback=call.playback))
    if call.leave:
        s.do(Unpark(channel=call.channel))
        s.speak(call.channel, Prompt("queue.comfort"), Prompt("queue.voicemail-offer"))


def leave_missing_queues(floor: Floor, now: datetime, out: Outcome) -> None:
    """A queue was taken out of service while calls waited in it: they go to their line's queue, or to a message."""
    for call_id, call in list(floor.dispatch.in_line().items()):
        if call.queue_id in floor.queues or call.phase is not Phase.WAITING:
            continue
        fallback = floor.pinned[call_id].fallback_queue
        there = fallback in floor.queues
        target = Target(kind="queue", to=str(fallback)) if there else Target(kind="voicemail")
        origin, action = Origin(call.queue_id or UUID(int=0), None), Action(target=target, reason="queue-closed")
        floor.step(call_id, now, out, lambda s, a=action, o=origin: _leave(floor, s, a, o))  # type: ignore[misc]


def _leave(floor: Floor, s: Step, action: Action, origin: Origin) -> None:
    talk.end_offers(s, "withdrawn")
    carry_out(floor.sites(s.now), s, action, origin)
