"""When a call does not stay in its queue, may not join it, or gets help from the reserve: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from careline.queues.model import Agent, Queue
from careline.queues.rules import Join, Leave, ReserveLevel, Rules, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """What overflow looks at, of one call and its queue."""

    #: Whether the call is just coming in; it is then not among `waiting` yet.
    entering: bool
    #: Calls waiting in the queue (with this one, unless it is entering).
    waiting: int
    #: Members signed on, whatever they are doing.
    signed_on: int
    #: Seconds this call is expected to wait still; None when nobody can say.
    estimate: float | None
    #: Seconds this call has waited.
    waited: float
    #: Whether the queue's hours are open now.
    open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Take the call there; the reason is a code."""

    target: Target
    reason: str


def decide(state: QueueState, rules: Rules) -> Action | None:
    """What becomes of a call under a queue's overflow rules; the first rule that holds; None: it stays.

    The ratio counts the entering call in, and nobody is turned away by it from a queue where nobody waits (Wazo's
    rule, acd-and-ivr §8); so does the size.
    """
    for rule in rules.overflow:
        if rule.at == ("waiting" if state.entering else "entry"):
            continue
        match rule.measure:
            case "waiting":
                over = state.waiting + state.entering > rule.above
            case "estimate":
                over = state.estimate is not None and state.estimate > rule.above
            case "wait":
                over = state.waited >= rule.above > 0
            case "ratio":
                over = _ratio(state) > rule.above
            case "staffing":
                over = state.signed_on < rule.above
            case "closed":
                over = not state.open
        if over:
            return Action(target=rule.target, reason=f"overflow-{rule.measure}")
    return None


def _ratio(state: QueueState) -> float:
    if state.entering and not state.waiting:
        return 0.0
    waiting = state.waiting + (1 if state.entering else 0)
    return waiting / state.signed_on if state.signed_on else float("inf")


def next_check(waited: float, rules: Rules, place_at: datetime) -> datetime | None:
    """When a rule on this call's own wait comes due; the other measures change with events."""
    moments = [
        place_at + timedelta(seconds=r.above)
        for r in rules.overflow
        if r.measure == "wait" and r.at != "entry" and r.above > waited
    ]
    return min(moments, default=None)


def counts(agent: Agent, queue: Queue, not_counted: frozenset[str], reserve_on: int = 0) -> bool:
    """Whether a member counts as staffing a queue: signed on, and in none of the states that do not count."""
    return (
        agent.id in queue.members
        and agent.present
        and agent.status.value not in not_counted
        and not ("phone_offline" in not_counted and not agent.phone_online)
        and not ("reserve" in not_counted and queue.place(agent.id).reserve > reserve_on)
    )


def may_join(agents: Iterable[Agent], queue: Queue) -> Action | None:
    """None when a call may join the queue; else where it goes, as nobody staffs it."""
    join: Join = queue.rules.join
    if join.when_empty == "allow" or any(counts(agent, queue, join.not_counted) for agent in agents):
        return None
    return Action(target=join.target, reason="join-empty")


def must_leave(staffed: bool, empty_since: datetime | None, leave: Leave, now: datetime) -> Action | None:
    """Where calls go when nobody has staffed their queue for longer than the grace time; None: they stay."""
    if staffed or not leave.when_empty or empty_since is None:
        return None
    if now - empty_since < timedelta(seconds=leave.grace_seconds):
        return None
    return Action(target=leave.target, reason="leave-empty")


def reserve_level(levels: Sequence[ReserveLevel], on: int, longest: float, waiting: int) -> int:
    """How many levels of the reserve help now, when `on` did so far (hysteresis: on above, off only below both).

    A level is called on when the longest wait, or the number waiting, is above its first pair of thresholds, and sent
    back only when both are below the second pair; levels go up and down in turn.
    """

    def above(level: ReserveLevel) -> bool:
        return longest > level.wait_above or (level.waiting_above is not None and waiting > level.waiting_above)

    def below(level: ReserveLevel) -> bool:
        few = level.waiting_above is None or waiting <= level.waiting_below
        return waiting == 0 or (longest < level.wait_below and few)

    while on < len(levels) and above(levels[on]):
        on += 1
    while 0 < on <= len(levels) and below(levels[on - 1]):
        on -= 1
    return min(on, len(levels))
