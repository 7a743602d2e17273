"""A surge changes how a queue works, and only for as long as it is on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from careline.queues.model import Agent, AgentStatus, Member, Queue, Waiting
from careline.queues.router import Router
from careline.queues.rules import Callback, ReserveLevel, Rules
from careline.queues.surge import surged

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
HELPER, QUEUE, CALL = UUID(int=1), UUID(int=2), UUID(int=3)

PLAIN = Queue(
    id=QUEUE,
    tenant_id=1,
    name="Appointments",
    members=frozenset({HELPER}),
    places={HELPER: Member(reserve=1)},
    rules=Rules(reserve=(ReserveLevel(wait_above=300),), callback=Callback(after_seconds=120)),
)


def test_m9_the_reserve_takes_the_call_at_once_and_rests_afterwards() -> None:
    router = Router()
    router.put_agent(
        Agent(
            id=HELPER,
            tenant_id=1,
            name="Helper",
            status=AgentStatus.AVAILABLE,
            since=NOW,
            idle_since=NOW,
            endpoint="d-1",
            phone_online=True,
        )
    )
    router.configure({QUEUE: PLAIN})
    router.put_call(Waiting(call_id=CALL, queue_id=QUEUE, language="en", place_at=NOW))
    later = NOW + timedelta(seconds=5)
    assert router.match(later) == []
    router.configure({QUEUE: surged(PLAIN)})
    assert [m.agents for m in router.match(later)] == [(HELPER,)]


def test_m9_a_callback_is_offered_from_the_beginning() -> None:
    during = surged(PLAIN)
    assert during.surge
    assert during.rules.callback.offered
    assert (during.rules.callback.after_seconds, during.rules.callback.estimate_above) == (0, 0)
    assert during.rules.strategy == PLAIN.rules.strategy
    assert not PLAIN.rules.callback.offered
