"""Small builders for tests of routing: agents, calls and queues at noon, only what matters has to be said."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from careline.queues.model import Agent, AgentStatus, Match, Member, Queue, Waiting
from careline.queues.router import Router
from careline.queues.rules import Rules

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
QUEUE, OTHER = UUID(int=100), UUID(int=101)


def at(seconds: float) -> datetime:
    """A moment, in seconds from noon."""
    return NOON + timedelta(seconds=seconds)


def agent(number: int, idle: float = 0, **more: Any) -> Agent:
    """A ready agent who has been idle for some seconds at noon."""
    ready: dict[str, Any] = {
        "id": UUID(int=number),
        "tenant_id": 1,
        "name": f"agent {number}",
        "status": AgentStatus.AVAILABLE,
        "endpoint": f"s-{number}",
        "phone_online": True,
        "since": at(-idle),
        "idle_since": at(-idle),
    }
    return Agent(**(ready | more))


def call(number: int, waited: float = 0, **more: Any) -> Waiting:
    """A call that has waited for some seconds at noon."""
    plain: dict[str, Any] = {
        "call_id": UUID(int=1000 + number),
        "queue_id": QUEUE,
        "language": "en",
        "place_at": at(-waited),
    }
    return Waiting(**(plain | more))


def queue(
    agents: Iterable[Agent],
    *,
    id: UUID = QUEUE,
    places: dict[int, Member] | None = None,
    skills: dict[str, float] | None = None,
    priority: int = 0,
    **rules: Any,
) -> Queue:
    """A queue that these agents serve; places by the agents' numbers."""
    return Queue(
        id=id,
        tenant_id=1,
        name="front desk",
        members=frozenset(a.id for a in agents),
        places={UUID(int=n): place for n, place in (places or {}).items()},
        skills=skills or {},
        priority=priority,
        rules=Rules(**rules),
    )


def router(agents: Iterable[Agent], *queues: Queue) -> Router:
    """A router that knows these."""
    found = Router()
    found.configure({q.id: q for q in queues})
    for one in agents:
        found.put_agent(one)
    return found


def pairs(matches: Iterable[Match]) -> list[tuple[int, int]]:
    """Matches as (call's number, agent's number)."""
    return [(m.call_id.int - 1000, m.agent_id.int) for m in matches]


def asked(agents: Iterable[Agent], strategy: str, count: int = 1, **more: Any) -> list[int]:
    """The agents who get calls one after the other, each staying busy, by number."""
    agents = list(agents)
    floor = router(agents, queue(agents, strategy=strategy, **more))
    found: list[int] = []
    for number in range(count):
        floor.put_call(call(number))
        found += [a.int for m in floor.match(NOON) for a in m.agents]
    return found
