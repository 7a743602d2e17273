"""One floor leads the calls of every tenant: none reaches another's queue, people or calls, whatever it sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from careline.calls.model import Phase
from careline.calls.order_model import Order
from careline.calls.orders import _CALL_ORDERS, obey
from careline.calls.switch_commands import Play
from careline.flows.reading import read
from careline.flows.text import load
from careline.kernel.errors import CarelineError
from careline.queues.model import AgentStatus
from careline.testing.world import ANA, BEN, NUMBER, OTHER, QUEUE, World

pytestmark = pytest.mark.unit


def two_tenants() -> World:
    """The second queue and Ben belong to another tenant."""
    world = World()
    world.sign_on(ANA, BEN)
    queues = [replace(q, tenant_id=2) if q.id == OTHER else q for q in world.floor.queues.values()]
    world.plan(queues, [replace(a, tenant_id=2) if a.id == BEN else a for a in world.floor.agents.values()])
    return world


def test_a_flow_that_names_another_tenants_queue_takes_a_message_instead() -> None:
    world = two_tenants()
    text = f"{{start: wait, languages: [en], nodes: {{wait: {{kind: queue, queue: {OTHER}}}}}}}"
    found = read(load(text))
    assert found.problems == ()
    world.floor.lines[NUMBER] = replace(world.floor.lines[NUMBER], flow=found.flow)
    world.arrive()
    assert world.call().queue_id is None and world.call().phase is not Phase.ENDED
    assert "queued" not in world.kinds()
    assert any("voicemail" in media for one in world.did(Play) for media in one.media), "the caller is not left alone"
    assert world.status(BEN) is AgentStatus.AVAILABLE


@pytest.mark.parametrize("kind", sorted(_CALL_ORDERS))
def test_no_order_on_a_call_crosses_to_another_tenant(kind: str) -> None:
    """A supervisor of tenant 2 tries everything on a call of tenant 1."""
    world = two_tenants()
    call = world.into_queue()
    body: dict[str, Any] = {"call_id": str(call.id), "queue_id": str(OTHER), "priority": 5, "digits": "1"}
    with pytest.raises(CarelineError):
        obey(world.floor, Order(tenant_id=2, person_id=BEN, kind=kind, body=body, manage=True), world.now)
    assert world.call() == call


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("call.move", {"queue_id": str(OTHER)}),
        ("call.assign", {"person_id": str(BEN)}),
        ("call.transfer", {"mode": "blind", "to": {"kind": "queue", "id": str(OTHER)}}),
        ("call.transfer", {"mode": "consult", "to": {"kind": "agent", "id": str(BEN)}}),
        ("call.transfer", {"mode": "blind", "to": {"kind": "agent", "id": str(BEN), "wait": 60}}),
        ("call.transfer", {"mode": "blind", "to": {"kind": "agent", "id": str(ANA), "wait": 60, "queue": str(OTHER)}}),
        ("agent.status", {"person_id": str(BEN), "status": "away"}),
    ],
)
def test_no_order_on_ones_own_call_leads_to_another_tenant(kind: str, body: dict[str, Any]) -> None:
    world = two_tenants()
    call = world.talking() if kind == "call.transfer" else world.into_queue()
    order = Order(tenant_id=1, person_id=ANA, kind=kind, body={"call_id": str(call.id), **body}, manage=True)
    with pytest.raises(CarelineError):
        obey(world.floor, order, world.now)
    assert world.call() == call
    assert world.status(BEN) is AgentStatus.AVAILABLE


def test_the_same_orders_work_within_the_tenant() -> None:
    """The tests above can fail."""
    world = World()
    world.sign_on(ANA, BEN)
    call = world.into_queue()
    body = {"call_id": str(call.id), "queue_id": str(OTHER)}
    obey(world.floor, Order(tenant_id=1, person_id=ANA, kind="call.move", body=body, manage=True), world.now)
    assert world.call().queue_id == OTHER != QUEUE
    assert isinstance(world.call().id, UUID)
