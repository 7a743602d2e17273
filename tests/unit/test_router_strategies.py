"""Who gets the call: strategies, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from careline.queues.model import Agent, AgentStatus, Match, Queue, Waiting
from careline.queues.router import Router
from careline.queues.rules import Rules

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
Q = UUID(int=100)


def at(seconds: float) -> datetime:
    """A moment, in seconds from noon."""
    return NOON + timedelta(seconds=seconds)


def agent(number: int, idle: float = 0, **more) -> Agent:
    """A ready agent who has been idle for some seconds at noon."""
    return Agent(
        id=UUID(int=number),
        tenant_id=1,
        name=f"agent {number}",
        status=AgentStatus.AVAILABLE,
        endpoint=f"s-{number}",
        phone_online=True,
        **{"since": at(-idle), "idle_since": at(-idle), **more},
    )


def call(number: int, waited: float = 0, **more) -> Waiting:
    """A call that has waited for some seconds at noon."""
    return Waiting(
        **{"call_id": UUID(int=1000 + number), "queue_id": Q, "language": "en", "place_at": at(-waited)} | more
    )


def queue(agents, *, id=Q, places=None, skills=None, priority=0, **rules) -> Queue:
    """A queue that these agents serve."""
    return Queue(
        id=id,
        tenant_id=1,
        name="front desk",
        members=frozenset(a.id for a in agents),
        places=places or {},
        skills=skills or {},
        priority=priority,
        rules=Rules(**rules),
    )


def router(agents, *queues) -> Router:
    """A router that knows these."""
    found = Router()
    found.configure({q.id: q for q in queues})
    for a in agents:
        found.put_agent(a)
    return found


def chosen(agents, strategy: str, count: int = 1, **more) -> list[int]:
    """The agents who get calls one after the other, each staying busy, by number."""
    floor = router(agents, queue(agents, strategy=strategy, **more))
    matches: list[Match] = []
    for number in range(count):
        floor.put_call(call(number))
        matches += floor.match(NOON)
    return [m.agent_id.int for m in matches]


def test_o1_longest_idle_is_asked_first():
    people = [agent(1, idle=10), agent(2, idle=60), agent(3, idle=30)]
    assert chosen(people, "longest-idle", 3) == [2, 3, 1]
