"""Expanding rings: whom a call may reach after how long, and how well each step did. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from careline.queues import skills
from careline.queues.model import Queue, Waiting
from careline.queues.rules import Ring


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a call may reach in one ring."""

    requirement: skills.Expression
    language: bool
    agents: frozenset[UUID] | None = None
    max_rank: int | None = None


def rings_of(call: Waiting, queue: Queue) -> tuple[Ring, ...]:
    """The rings that hold for a call: those it entered with where it has any, else the queue's present ones."""
    return queue.rules.rings if call.rings is None else call.rings


def opened(call: Waiting, rings: Sequence[Ring], now: datetime) -> int:
    """How many rings time has opened for a call. While it is being offered none opens."""
    if not rings:
        return 0
    moment = min(now, call.ring_frozen_at) if call.ring_frozen_at else now
    waited = moment - (call.queued_at or call.place_at)
    return sum(1 for ring in rings if waited >= timedelta(seconds=ring.after_seconds))


def next_opens(call: Waiting, rings: Sequence[Ring], now: datetime) -> datetime | None:
    """When the next ring opens; None when none does."""
    done = opened(call, rings, now)
    if done >= len(rings):
        return None
    opens = (call.queued_at or call.place_at) + timedelta(seconds=rings[done].after_seconds)
    return None if call.ring_frozen_at and call.ring_frozen_at < opens else opens


def reach(call: Waiting, queue: Queue, rings: Sequence[Ring], step: int) -> Reach:
    """Whom the call may reach once `step` rings are open: each ring changes what it speaks of and keeps the rest."""
    base = skills.every(skills.at_least(queue.skills), skills.parse(queue.rules.requirement))
    found = Reach(base, queue.match_language)
    dropped: frozenset[str] = frozenset()
    for ring in rings[:step]:
        dropped |= frozenset(ring.drop)
        found = replace(
            found,
            requirement=found.requirement if ring.requirement is None else skills.parse(ring.requirement),
            language=found.language if ring.language is None else ring.language,
            agents=found.agents if ring.agents is None else ring.agents,
            max_rank=found.max_rank if ring.max_rank is None else ring.max_rank,
        )
    whole = skills.every(found.requirement, skills.parse(call.requirement))
    return replace(found, requirement=skills.without(whole, dropped) if dropped else whole)


# --- how well the steps did ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """What happened to a waiting call: it entered a step, an agent took it there, or it left the queue there."""

    call_id: UUID
    kind: Literal["entered", "joined", "left"]
    step: int


@dataclass(slots=True)
class StepCount:
    """One step's figures."""

    #: Calls that came to this step.
    queued: int = 0
    #: Of them: went on to a later step without an agent.
    expired: int = 0
    #: Of them: an agent took the call in this step.
    joined: int = 0
    #: Of them: the caller left, or the call was taken elsewhere.
    left: int = 0

    @property
    def joined_share(self) -> float:
        """The share of calls at this step that an agent took there, 0..1."""
        return self.joined / self.queued if self.queued else 0.0


def measure(events: Iterable[StepEvent]) -> dict[int, StepCount]:
    """Count what each step achieved, from the events of calls in the order they happened."""
    counts: dict[int, StepCount] = {}
    at: dict[UUID, int] = {}

    def come(call_id: UUID, step: int) -> None:
        before = at.get(call_id)
        if before == step:
            return
        if before is not None:
            counts[before].expired += 1
        counts.setdefault(step, StepCount()).queued += 1
        at[call_id] = step

    for event in events:
        come(event.call_id, event.step)
        if event.kind == "joined":
            counts[event.step].joined += 1
            del at[event.call_id]
        elif event.kind == "left":
            counts[event.step].left += 1
            del at[event.call_id]
    return dict(sorted(counts.items()))
