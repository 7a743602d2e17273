"""Two practices in one installation: somebody with every role in one tries everything on the other's things."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from careline.calls.callback_service import CallbackService
from careline.calls.service import CallService
from careline.flows.service import FlowService
from careline.flows.table_service import TableService
from careline.flows.views import NotPublishable
from careline.kernel.errors import CarelineError, InvalidInput, NotFound
from careline.lookups.client import LookupClient
from careline.lookups.model import Question
from careline.lookups.service import LookupService
from careline.platform.db import Database
from careline.queues.service import QueueService
from careline.queues.views import QueueRules
from careline.security.actor import Actor, system_actor
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.testing.builders import make_tenant
from careline.testing.clock import ManualClock
from careline.testing.floor import Floor
from careline.testing.neighbours import everything
from careline.testing.scene import Orders
from careline.voice_agents.model import NoSuchConversation
from careline.voice_agents.service import VoiceAgentService

pytestmark = pytest.mark.integration

FLOW = "careline: flow/1\nlanguages: [en]\nstart: a\nnodes:\n  a: {%s}\n  z: {kind: end}\n"


@dataclass
class Houses:
    """The attacker's practice (`mine`), and what there is to reach in the other (`theirs`)."""

    db: Database
    mine: Actor
    other: Actor
    theirs: dict[str, UUID]
    my_queue: UUID
    queues: QueueService
    flows: FlowService
    tables: TableService
    calls: CallService
    callbacks: CallbackService
    lookups: LookupService
    agents: VoiceAgentService


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, 18, tzinfo=UTC))


@pytest.fixture
async def houses(db: Database, tenant: int, clock: ManualClock) -> Houses:
    prompts = {"goodbye": frozenset({"en", "es"})}
    keyring = Keyring.ephemeral()
    queues, tables = QueueService(db, clock, keyring), TableService(db, clock)
    flows, lookups = FlowService(db, clock, prompts), LookupService(db, clock, keyring, LookupClient())
    agents = VoiceAgentService(db, clock, keyring)
    elsewhere = await make_tenant(db, "far")
    far = Floor(db, elsewhere, clock.now())
    near = Floor(db, tenant, clock.now())
    other = system_actor(elsewhere)
    line = await far.line()
    theirs = {
        "queue": await far.queue("Their nurses"),
        "person": await far.agent("Nia Okafor"),
        "call": await far.call(line),
        "flow": (await flows.create(other, "Their flow")).id,
        "table": (await tables.create(other, "theirs", [{"name": "key", "type": "text"}], [["x"]])).id,
        "endpoint": await lookups.add(other, name="theirs", kind="http", base_url="https://ehr.example.org"),
        "line": line,
    }
    await flows.publish(other, theirs["flow"])
    await agents.allow(other, "agents.example.org")
    theirs["agent"] = await agents.add(other, name="theirs", url="wss://agents.example.org/x", baa_signed=True)
    theirs["surge"] = await queues.begin_surge(other, queue_id=theirs["queue"])
    roles = tuple(Role)
    mine = near.actor(await near.person("Mallory Roe", *roles), "Mallory Roe", *roles)
    return Houses(
        db=db, mine=mine, other=other, theirs=theirs, my_queue=await near.queue("Mine"), queues=queues, flows=flows,
        tables=tables, calls=CallService(db, clock), callbacks=CallbackService(db, clock, Orders()), lookups=lookups,
        agents=agents,
    )  # fmt: skip


Attack = Callable[[Houses], Awaitable[Any]]


async def _rename(h: Houses) -> object:
    return await h.queues.update(h.mine, h.theirs["queue"], QueueRules(name="Taken"))


ATTACKS: dict[str, Attack] = {
    "read a queue": lambda h: h.queues.get(h.mine, h.theirs["queue"]),
    "change a queue": _rename,
    "serve their queue": lambda h: h.queues.set_members(h.mine, h.theirs["queue"], []),
    "have their people serve mine": lambda h: h.queues.set_members(h.mine, h.my_queue, [h.theirs["person"]]),
    "read their agent": lambda h: h.queues.agent(h.mine, h.theirs["person"]),
    "change their agent": lambda h: h.queues.set_profile(
        h.mine, h.theirs["person"], skills={}, languages=["en"], queues=[]
    ),
    "put myself into their queue": lambda h: h.queues.set_profile(
        h.mine, h.mine.person_id or uuid4(), skills={}, languages=["en"], queues=[h.theirs["queue"]]
    ),
    "overflow into their queue": lambda h: h.queues.create(
        h.mine,
        QueueRules(
            name="Leak",
            routing={
                "overflow": [
                    {"measure": "size", "above": 0, "to": {"kind": "queue", "queue_id": str(h.theirs["queue"])}}
                ]
            },
        ),
    ),
    "surge their queue": lambda h: h.queues.begin_surge(h.mine, queue_id=h.theirs["queue"]),
    "their rings": lambda h: h.queues.ring_effect(h.mine, h.theirs["queue"]),
    "read a flow": lambda h: h.flows.get(h.mine, h.theirs["flow"]),
    "read a text": lambda h: h.flows.text_of(h.mine, h.theirs["flow"], 1),
    "save a draft": lambda h: h.flows.save_draft(h.mine, h.theirs["flow"], FLOW % "kind: end", based_on=0),
    "publish": lambda h: h.flows.publish(h.mine, h.theirs["flow"]),
    "roll back": lambda h: h.flows.roll_back(h.mine, h.theirs["flow"]),
    "archive": lambda h: h.flows.archive(h.mine, h.theirs["flow"]),
    "diff": lambda h: h.flows.diff(h.mine, h.theirs["flow"], 1, 1),
    "read a table": lambda h: h.tables.get(h.mine, h.theirs["table"]),
    "save a table": lambda h: h.tables.save(h.mine, h.theirs["table"], [["y"]], based_on=1),
    "table history": lambda h: h.tables.history(h.mine, h.theirs["table"]),
    "export a table": lambda h: h.tables.export_csv(h.mine, h.theirs["table"]),
    "move a system": lambda h: h.lookups.change(h.mine, h.theirs["endpoint"], base_url="https://evil.example"),
    "retire a system": lambda h: h.lookups.retire(h.mine, h.theirs["endpoint"]),
    "switch a voice agent off": lambda h: h.agents.switch(h.mine, h.theirs["agent"], enabled=False),
    "test a voice agent": lambda h: h.agents.test(h.mine, h.theirs["agent"]),
    "retire a voice agent": lambda h: h.agents.retire(h.mine, h.theirs["agent"]),
    "open a call": lambda h: h.calls.open(h.mine, h.theirs["call"]),
    "a call's story": lambda h: h.calls.story(h.mine, h.theirs["call"]),
    "write notes": lambda h: h.calls.save_notes(h.mine, h.theirs["call"], "x", based_on=0),
    "read notes": lambda h: h.calls.note_versions(h.mine, h.theirs["call"]),
    "cancel a callback": lambda h: h.callbacks.cancel(h.mine, h.theirs["call"]),
    "change a callback": lambda h: h.callbacks.change(h.mine, h.theirs["call"], number="+15555550100"),
}


@pytest.mark.parametrize("what", ATTACKS)
async def test_nothing_of_another_practice_is_read_changed_or_named(houses: Houses, what: str) -> None:
    before = await everything(houses.db, houses.other.tenant_id)
    with pytest.raises(CarelineError) as refused:
        await ATTACKS[what](houses)
    assert refused.value.status in (400, 404, 409), refused.value
    assert "Their" not in str(refused.value.facts) + refused.value.detail
    assert await everything(houses.db, houses.other.tenant_id) == before
    assert any(row["n"] for row in before.values()), "there was something to find"


@pytest.mark.parametrize(
    "node",
    [
        "kind: queue, queue: '{queue}'", "kind: queue, queue: Their nurses", "kind: queue, queue: '{person}'",
        "kind: callback, queue: '{queue}', exits: {{accepted: z, declined: z, failed: z}}",
        "kind: subflow, flow: '{flow}', exits: {{done: z}}", "kind: subflow, flow: Their flow, exits: {{done: z}}",
        "kind: table, table: theirs, key: \"'x'\", exits: {{next: z, not_found: z}}",
        "kind: lookup, endpoint: theirs, seconds: 2, exits: {{next: z, not_found: z, timeout: z, failed: z}}",
        "kind: agent, endpoint: theirs, seconds: 20, exits: {{next: z, person: z, timeout: z, failed: z}}",
    ],
)  # fmt: skip
async def test_a_flow_that_names_another_practices_things_is_not_published(houses: Houses, node: str) -> None:
    text = FLOW % node.format(**houses.theirs)
    made = await houses.flows.create(houses.mine, f"Leak {uuid4()}", text)
    with pytest.raises(NotPublishable) as refused:
        await houses.flows.publish(houses.mine, made.id)
    problems = refused.value.facts["problems"]
    assert isinstance(problems, list) and "a" in {problem["node"] for problem in problems}
    offered = str(await houses.flows.names(houses.mine))
    assert not any(str(id_) in offered for id_ in houses.theirs.values())


async def test_lists_hold_nothing_of_another_practice(houses: Houses) -> None:
    h = houses
    lists = [
        await h.queues.list(h.mine), await h.queues.agents(h.mine), await h.queues.surges(h.mine),
        await h.flows.list(h.mine), await h.tables.list(h.mine), await h.lookups.list(h.mine),
        await h.agents.list(h.mine), await h.agents.hosts(h.mine), await h.callbacks.list(h.mine),
    ]  # fmt: skip
    assert not any(str(id_) in str(lists) for id_ in h.theirs.values())
    assert "Their" not in str(lists) and "example.org" not in str(lists)
    assert "Their nurses" in str(await h.queues.list(h.other)), "they themselves see it"


async def test_another_practices_systems_and_voice_agents_are_not_asked(houses: Houses) -> None:
    found = await houses.lookups.ask(houses.mine, Question(endpoint="theirs"))
    assert (found.exit, found.why) == ("failed", "unknown-endpoint")
    assert await houses.agents.find(houses.mine, "theirs") is None
    with pytest.raises(NotFound):
        await houses.queues.end_surge(houses.mine, houses.theirs["surge"])
    assert [s.id for s in await houses.queues.surges(houses.other)] == [houses.theirs["surge"]], (
        "and their surge goes on"
    )


async def test_the_token_of_a_conversation_is_good_for_one_call_of_one_practice(
    houses: Houses, clock: ManualClock
) -> None:
    h, call = houses, houses.theirs["call"]
    until = clock.now() + timedelta(minutes=5)
    token = await h.agents.begin(h.other, "ask.1", call, until)
    prefix, tenant, secret = token.split("_", 2)
    forged = [
        f"{prefix}_{h.mine.tenant_id}_{secret}", f"{prefix}_{tenant}_{secret[:-1]}", f"{prefix}_{tenant}_", "", "va",
        f"{prefix}_0_{secret}", f"{prefix}_-1_{secret}", f"{prefix}_{tenant} OR 1=1_{secret}", f"x_{tenant}_{secret}",
        f"{prefix}_99999999999999999999_{secret}",
    ]  # fmt: skip
    for one in forged:
        with pytest.raises(NoSuchConversation):
            await h.agents.decide(one, call, "person", {})
    with pytest.raises(NoSuchConversation):
        await h.agents.decide(token, uuid4(), "person", {})
    with pytest.raises(InvalidInput):
        await h.agents.decide(token, call, "reboot", {})
    await h.agents.decide(token, call, "person", {"wish": "billing"})
    with pytest.raises(NoSuchConversation):
        await h.agents.decide(token, call, "next", {})
    assert await h.agents.decision(h.mine, "ask.1") is None
    await h.agents.end(h.other, "ask.1")
    with pytest.raises(NoSuchConversation):
        await h.agents.decide(token, call, "person", {})
