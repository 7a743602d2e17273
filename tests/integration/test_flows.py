"""Flows in the database: drafts, the gate, staged releases, going back, sub-flows with versions, and who may what."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from careline.calls.floor import Floor
from careline.calls.lines import LineBook
from careline.calls.step import LineSetup
from careline.calls.switch_events import Arrived
from careline.flows.model import FlowError, FlowPin
from careline.flows.nodes import Menu
from careline.flows.service import FlowService
from careline.flows.shelf import Shelves
from careline.flows.views import FlowInUse, FlowNameTaken, NotPublishable, StaleDraft
from careline.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from careline.organization.model import FlowChoice
from careline.organization.service import OrganizationService
from careline.platform.db import Database
from careline.queues.service import QueueService
from careline.queues.views import QueueRules
from careline.security.actor import Actor, system_actor
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.testing.builders import make_person, make_practice, make_tenant
from careline.testing.clock import ManualClock
from careline.testing.world import speak

pytestmark = pytest.mark.integration

MONDAY = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)

FLOW = """\
careline: flow/1
# A comment of its author.
languages: [en]
start: menu
nodes:
  menu:
    kind: menu
    prompts: [menu.intro]
    options: {"1": help, "2": bye}
    exits: {no_input: help, no_match: help}
  help: {kind: voicemail}
  bye: {kind: end}
tests:
  - name: One is help
    steps: [press: 1]
    expect: {voicemail: true}
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def flows(db: Database, clock: ManualClock) -> FlowService:
    return FlowService(db, clock, {"menu.intro": frozenset({"en", "es"}), "goodbye": frozenset({"en", "es"}),
                                   "voicemail.instructions": frozenset({"en", "es"})})  # fmt: skip


@pytest.fixture
async def admin(db: Database, tenant: int) -> Actor:
    return await make_person(db, tenant, Role.ADMINISTRATOR)


async def change(flows: FlowService, actor: Actor, flow_id: UUID, text: str) -> None:
    draft = await flows.draft(actor, flow_id)
    await flows.save_draft(actor, flow_id, text, based_on=draft.revision)


async def test_q3_a_flow_is_written_checked_published_and_rolled_back(
    flows: FlowService, admin: Actor, clock: ManualClock
) -> None:
    made = await flows.create(admin, "Main line", FLOW)
    draft = await flows.draft(admin, made.id)
    assert (draft.state, draft.revision, draft.problems) == ("draft", 1, [])
    assert "# A comment of its author." in draft.text

    assert (await flows.validate(admin, made.id)).tests[0].ok
    assert (await flows.get(admin, made.id)).draft_state == "validated"
    live = await flows.publish(admin, made.id, note="first")
    assert [(s.number, s.share) for s in live.live] == [(1, 100)]
    with pytest.raises(InvalidInput):
        await flows.publish(admin, made.id)

    clock.advance(minutes=1)
    await change(flows, admin, made.id, FLOW.replace('"2": bye', '"3": bye'))
    staged = await flows.publish(admin, made.id, note="keys", share=10)
    assert [(s.number, s.share) for s in staged.live] == [(2, 10), (1, 90)]
    told = await flows.diff(admin, made.id, 1, 2)
    assert {c.text for c in told.changes} == {"key 2 is gone (it led to “bye”)", "key 3 leads to “bye” (new)"}
    assert '-    options: {"1": help, "2": bye}' in told.text

    clock.advance(minutes=1)
    assert [(s.number, s.share) for s in (await flows.set_share(admin, made.id, 2, 50)).live] == [(2, 50), (1, 50)]
    clock.advance(minutes=1)
    assert [(s.number, s.share) for s in (await flows.set_share(admin, made.id, 2, 100)).live] == [(2, 100)]
    assert {v.number: v.state for v in await flows.versions(admin, made.id)} == {1: "retired", 2: "published"}
    clock.advance(minutes=1)
    back = await flows.roll_back(admin, made.id)
    assert [(s.number, s.share) for s in back.live] == [(2, 50), (1, 50)]
    versions = await flows.versions(admin, made.id)
    assert [(v.number, v.state, v.author, v.note) for v in versions] == [
        (2, "published", admin.name, "keys"),
        (1, "published", admin.name, "first"),
    ]
    assert len(await flows.releases(admin, made.id)) == 5


async def test_q3_what_callers_get_is_always_whole_and_going_back_changes_something(
    flows: FlowService, admin: Actor, clock: ManualClock
) -> None:
    made = await flows.create(admin, "Main line", FLOW)
    with pytest.raises(InvalidInput):
        await flows.publish(admin, made.id, share=10)  # there is nothing for the other ninety
    with pytest.raises(Conflict):
        await flows.set_share(admin, made.id, 1, 100)  # nobody has judged it
    await flows.publish(admin, made.id)
    shares = [(1, 100)]
    for number, share in ((2, 33), (3, 7), (4, 11)):
        clock.advance(minutes=1)
        await change(flows, admin, made.id, f"{FLOW}# {number}\n")
        staged = await flows.publish(admin, made.id, share=share)
        assert sum(s.share for s in staged.live) == 100, staged.live
        assert (staged.live[0].number, staged.live[0].share) == (number, share)
        before, shares = shares, [(s.number, s.share) for s in staged.live]
    # Set anew to what it is: going back goes back past that.
    clock.advance(minutes=1)
    await flows.set_share(admin, made.id, 4, 11)
    clock.advance(minutes=1)
    back = await flows.roll_back(admin, made.id)
    assert [(s.number, s.share) for s in back.live] == before


async def test_q3_a_flow_with_problems_or_a_red_test_is_not_published(flows: FlowService, admin: Actor) -> None:
    made = await flows.create(admin, "Main line", FLOW.replace("no_input: help", "no_input: nowhere"))
    with pytest.raises(NotPublishable) as refused:
        await flows.publish(admin, made.id)
    assert refused.value.facts["problems"][0]["code"] == "exit-dangling"  # type: ignore[index]
    await change(flows, admin, made.id, FLOW.replace("press: 1", "press: 2"))
    with pytest.raises(NotPublishable, match="One is help"):
        await flows.publish(admin, made.id)
    assert (await flows.get(admin, made.id)).live == []


async def test_q3_an_editor_who_saves_on_top_of_somebody_elses_change_is_refused(
    flows: FlowService, admin: Actor
) -> None:
    made = await flows.create(admin, "Main line", FLOW)
    await flows.save_draft(admin, made.id, FLOW + "\n# second\n", based_on=1)
    with pytest.raises(StaleDraft):
        await flows.save_draft(admin, made.id, FLOW + "\n# third\n", based_on=1)
    assert "# second" in (await flows.draft(admin, made.id)).text
    with pytest.raises(FlowNameTaken):
        await flows.create(admin, "Main line", FLOW)


async def test_q3_calls_keep_their_version_and_a_share_is_a_share(
    flows: FlowService, admin: Actor, db: Database, tenant: int, clock: ManualClock
) -> None:
    made = await flows.create(admin, "Main line", FLOW)
    await flows.publish(admin, made.id)
    shelves = Shelves(db)
    call = uuid4()
    first = (await shelves.load(tenant, clock.now())).flow_for(made.id, call)
    assert first is not None
    _, pin = first

    clock.advance(minutes=1)
    await change(flows, admin, made.id, FLOW.replace('"2": bye', '"3": bye'))
    await flows.publish(admin, made.id, share=20)
    calls = [UUID(int=n * 7919) for n in range(5000)]
    few = await shelves.load(tenant, clock.now())
    chosen = {c: few.choose(made.id, c) for c in calls}
    shares = Counter(chosen.values())
    assert 0.17 < shares[few.releases[made.id][0].version] / 5000 < 0.23
    await flows.set_share(admin, made.id, 2, 60)
    clock.advance(minutes=1)
    more = await shelves.load(tenant, clock.now())
    tried = {c for c, version in chosen.items() if version == few.releases[made.id][0].version}
    assert {more.choose(made.id, c) for c in tried} == {few.releases[made.id][0].version}

    # A call control that starts now finds the version the call began with.
    kept = await Shelves(db).pinned(tenant, FlowPin.from_body(pin.to_body()) or pin, clock.now())
    assert kept is not None
    assert kept == first[0]
    assert "2" in kept.nodes["menu"].options  # type: ignore[union-attr]


SUB = """\
careline: flow/1
languages: [en]
start: ask
variables: {level: {type: text}}
nodes:
  ask:
    kind: menu
    prompts: [menu.intro]
    options: {"1": yes, "2": no}
    exits: {no_input: no, no_match: no}
  yes: {kind: set, values: {level: sure}, next: sure}
  sure: {kind: end, returns: verified}
  no: {kind: end, returns: unverified}
"""

OUTER = """\
careline: flow/1
languages: [en]
start: who
variables: {level: {type: text, shown: true}}
nodes:
  who:
    kind: subflow
    flow: Who calls
    version: live
    outputs: {level: level}
    exits: {verified: bye, unverified: help}
  help: {kind: voicemail}
  bye: {kind: end}
"""


async def test_q6_sub_flows_have_versions_pinned_or_live(
    flows: FlowService, admin: Actor, db: Database, tenant: int, clock: ManualClock
) -> None:
    outer = await flows.create(admin, "Main line", OUTER)
    with pytest.raises(NotPublishable):
        await flows.publish(admin, outer.id)
    sub = await flows.create(admin, "Who calls", SUB)
    with pytest.raises(NotPublishable, match="no such version"):
        await flows.publish(admin, outer.id)
    await flows.publish(admin, sub.id)
    await flows.publish(admin, outer.id)
    assert [use.name for use in (await flows.used_by(admin, sub.id)).flows] == ["Main line"]
    with pytest.raises(FlowInUse):
        await flows.archive(admin, sub.id)
    await flows.rename(admin, sub.id, "Who is calling")

    call, shelves = uuid4(), Shelves(db)
    before = (await shelves.load(tenant, clock.now())).flow_for(outer.id, call)
    assert before is not None
    clock.advance(minutes=1)
    await change(flows, admin, sub.id, SUB.replace('"1": yes', '"9": yes'))
    await flows.publish(admin, sub.id)
    after = (await shelves.load(tenant, clock.now())).flow_for(outer.id, call)
    assert after is not None
    keys = [list(next(iter(flow.library.values())).nodes["ask"].options) for flow, _ in (before, after)]  # type: ignore[union-attr]
    assert keys == [["1", "2"], ["9", "2"]], "live follows"
    assert await Shelves(db).pinned(tenant, before[1], clock.now()) == before[0], "a call in progress does not"

    pinned = OUTER.replace("live", '"1"').replace("Who calls", "Who is calling")
    await change(flows, admin, outer.id, pinned)
    await flows.publish(admin, outer.id)
    clock.advance(minutes=1)
    fixed = (await shelves.load(tenant, clock.now())).flow_for(outer.id, call)
    assert fixed is not None
    assert list(next(iter(fixed[0].library.values())).nodes["ask"].options) == ["1", "2"]  # type: ignore[union-attr]


async def test_q6_a_flow_in_itself_is_refused(flows: FlowService, admin: Actor) -> None:
    sub = await flows.create(admin, "Who calls", SUB)
    await flows.publish(admin, sub.id)
    again = "again: {kind: subflow, flow: Who calls, exits: {verified: sure, unverified: no}}"
    looped = SUB.replace("next: sure}", "next: again}") + f"  {again}\n"
    await change(flows, admin, sub.id, looped)
    with pytest.raises(NotPublishable, match="lie in itself"):
        await flows.publish(admin, sub.id)
    outer = await flows.create(admin, "Main line", OUTER)
    await flows.publish(admin, outer.id)
    around = looped.replace("flow: Who calls", "flow: Main line").replace("{verified: sure, unverified: no}", "{}")
    await change(flows, admin, sub.id, around)
    with pytest.raises(NotPublishable, match="lie in itself"):
        await flows.publish(admin, sub.id)


async def test_a_line_takes_its_flow_by_door_and_day(
    flows: FlowService, admin: Actor, db: Database, tenant: int, clock: ManualClock
) -> None:
    practice = await make_practice(db, tenant, clock, number="+13125550100", name="Lakeside")
    organization = OrganizationService(db, clock)
    flow = await flows.create(admin, "Main line", FLOW)
    config = (await organization.line(admin, practice.line_id)).config
    with pytest.raises(InvalidInput, match="no such flow"):
        await organization.configure_line(
            admin, practice.line_id, replace(config, flows=(FlowChoice(flow_id=flow.id),))
        )
    await flows.publish(admin, flow.id)
    choice = FlowChoice(flow_id=flow.id, doors=("open",), last_day=MONDAY.date())
    await organization.configure_line(admin, practice.line_id, replace(config, flows=(choice,)))
    assert [line.name for line in (await flows.get(admin, flow.id)).lines] != []
    read = (await organization.line(admin, practice.line_id)).config.flows
    assert read == (choice,)
    assert choice.fits("open", MONDAY.date())
    assert not choice.fits("closed", MONDAY.date())
    assert not choice.fits("open", MONDAY.date() + timedelta(days=1))
    with pytest.raises(FlowInUse):
        await flows.archive(admin, flow.id)


async def test_a_line_does_not_take_a_flow_that_offers_its_emergency_key(
    flows: FlowService, admin: Actor, db: Database, tenant: int, clock: ManualClock
) -> None:
    practice = await make_practice(db, tenant, clock, number="+13125550100", name="Lakeside")
    organization = OrganizationService(db, clock)
    text = FLOW.replace('"2": bye', '"9": bye')
    flow = await flows.create(admin, "Main line", text)
    await flows.publish(admin, flow.id)
    config = (await organization.line(admin, practice.line_id)).config
    taken = replace(config, flows=(FlowChoice(flow_id=flow.id),))
    with pytest.raises(InvalidInput, match="emergency key"):
        await organization.configure_line(admin, practice.line_id, replace(taken, emergency_key="9"))
    assert (await organization.line(admin, practice.line_id)).config == config
    await organization.configure_line(admin, practice.line_id, taken)


async def test_names_become_ids_when_a_flow_is_published(
    flows: FlowService, admin: Actor, db: Database, tenant: int, clock: ManualClock, tmp_path: Path
) -> None:
    queues = QueueService(db, clock, Keyring.load(tmp_path / "master.key"))
    text = FLOW.replace("help: {kind: voicemail}", "help: {kind: queue, queue: Front desk}").replace(
        "expect: {voicemail: true}", "expect: {queue: Front desk}"
    )
    flow = await flows.create(admin, "Main line", text)
    assert [p.code for p in (await flows.draft(admin, flow.id)).problems] == ["queue-unknown"]
    queue = await queues.create(system_actor(tenant), QueueRules(name="Front desk"))
    await flows.publish(admin, flow.id)
    shelf = await Shelves(db).load(tenant, clock.now())
    chosen = shelf.flow_for(flow.id, uuid4())
    assert chosen is not None
    assert chosen[0].nodes["help"].queue == queue.id  # type: ignore[union-attr]


async def test_a_call_is_played_without_a_telephone(flows: FlowService, admin: Actor) -> None:
    begun = await flows.simulate(admin, FLOW, {})
    assert (begun["node"], begun["speaking"], begun["phase"]) == ("menu", True, "flow")
    heard = await flows.simulate(admin, FLOW, {}, begun["state"], {"do": "spoken"})
    assert heard["listening"]
    pressed = await flows.simulate(admin, FLOW, {}, heard["state"], {"do": "press", "value": "1"})
    assert (pressed["phase"], pressed["node"]) == ("voicemail", "help")
    with pytest.raises(FlowError):
        await flows.simulate(admin, FLOW, {}, {**begun["state"], "cursor": {"node": "gone"}}, {"do": "spoken"})
    with pytest.raises(FlowError):
        await flows.simulate(admin, "careline: flow/1\nnodes: {}", {})


async def test_who_may_write_and_who_may_publish(flows: FlowService, db: Database, tenant: int, admin: Actor) -> None:
    supervisor = await make_person(db, tenant, Role.SUPERVISOR)
    agent = await make_person(db, tenant, Role.AGENT)
    made = await flows.create(supervisor, "Main line", FLOW)
    with pytest.raises(Forbidden):
        await flows.publish(supervisor, made.id)
    with pytest.raises(Forbidden):
        await flows.list(agent)
    await flows.publish(admin, made.id)
    with pytest.raises(Forbidden):
        await flows.roll_back(supervisor, made.id)
    with pytest.raises(Conflict):
        await flows.roll_back(admin, made.id)
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT action, object_type FROM audit_log WHERE object_type = 'flow' ORDER BY seq")
    assert [row["action"] for row in rows] == ["create", "execute"]
    stranger = system_actor(await make_tenant(db, "elsewhere"))
    assert await flows.list(stranger) == []
    with pytest.raises(NotFound):
        await flows.draft(stranger, made.id)


class Says:
    """A prompt book that knows every reason."""

    def has_option(self, reason: str) -> bool:
        return bool(reason)


async def test_q3_calls_in_progress_finish_on_the_version_they_began_with_also_after_a_restart(
    flows: FlowService, admin: Actor, db: Database, tenant: int, clock: ManualClock
) -> None:
    practice = await make_practice(db, tenant, clock, number="+13125550100", name="Lakeside")
    organization = OrganizationService(db, clock)
    flow = await flows.create(admin, "Main line", FLOW)
    await flows.publish(admin, flow.id)
    config = (await organization.line(admin, practice.line_id)).config
    rules = (FlowChoice(flow_id=flow.id, doors=("open",)),)
    await organization.configure_line(admin, practice.line_id, replace(config, flows=rules))

    def arrive(floor: Floor, channel: str) -> UUID:
        now, number = clock.now(), "+13125550100"
        floor.handle(
            Arrived(channel=channel, dialled=number, caller=None, caller_name=None, source="trunk", at=now), now
        )
        return floor.by_channel[channel]

    book, floor = LineBook(organization, Says(), Shelves(db)), Floor(speak, uuid4)
    floor.configure({}, await book.load([tenant], clock.now()))
    early = arrive(floor, "c1")
    assert list(floor.pinned[early].flow.nodes) == ["menu", "help", "bye"]

    clock.advance(minutes=1)
    await change(flows, admin, flow.id, FLOW.replace('"2": bye', '"3": bye'))
    await flows.publish(admin, flow.id)
    floor.configure({}, await book.load([tenant], clock.now()))
    late = arrive(floor, "c2")
    calls = floor.calls

    def keys(setup: LineSetup) -> list[str]:
        menu = setup.flow.nodes["menu"]
        assert isinstance(menu, Menu)
        return list(menu.options)

    assert [keys(floor.pinned[call]) for call in (early, late)] == [["1", "2"], ["1", "3"]]
    # Call control is killed: another process has only the events.
    fresh = LineBook(organization, Says(), Shelves(db))
    for call_id, expected in ((early, ["1", "2"]), (late, ["1", "3"])):
        call = calls[call_id]
        pin = FlowPin.from_body(call.flow.to_body()) if call.flow else None
        assert keys(await fresh.pinned(tenant, call.line_id, call.arrived_at, pin)) == expected
    # At another door no rule fits, and the line has its usual flow.
    clock.advance(hours=12)
    floor.configure({}, await book.load([tenant], clock.now()))
    assert floor.calls[arrive(floor, "c3")].flow is None


async def test_a_line_gives_a_version_to_callers_of_certain_hours_whatever_is_published_later(
    flows: FlowService, admin: Actor, db: Database, tenant: int, clock: ManualClock
) -> None:
    practice = await make_practice(db, tenant, clock, number="+13125550100", name="Lakeside")
    organization = OrganizationService(db, clock)
    flow = await flows.create(admin, "Main line", FLOW)
    await flows.publish(admin, flow.id)
    for key in "34":
        await change(flows, admin, flow.id, FLOW.replace('"2": bye', f'"{key}": bye'))
        await flows.publish(admin, flow.id)
    config = (await organization.line(admin, practice.line_id)).config
    pinned = FlowChoice(flow_id=flow.id, hours_id=practice.hours_id, version=1)
    for wrong in (replace(pinned, version=9), replace(pinned, hours_id=uuid4())):
        with pytest.raises(InvalidInput, match=r"no such|do not exist"):
            await organization.configure_line(admin, practice.line_id, replace(config, flows=(wrong,)))
    rules = (pinned, FlowChoice(flow_id=flow.id))
    await organization.configure_line(admin, practice.line_id, replace(config, flows=rules))
    assert (await organization.line(admin, practice.line_id)).config.flows == rules

    async def keys(book: LineBook) -> list[str]:
        line = (await book.load([tenant], clock.now()))["+13125550100"]
        assert line.flow_for is not None
        flow_, pin = line.flow_for(uuid4(), clock.now())
        assert pin is not None
        again = await LineBook(organization, Says(), Shelves(db)).pinned(tenant, practice.line_id, clock.now(), pin)
        menu = flow_.nodes["menu"]
        assert isinstance(menu, Menu)
        assert again.flow == flow_, "the call keeps it after a restart"
        return list(menu.options)

    assert await keys(LineBook(organization, Says(), Shelves(db))) == ["1", "2"], "office hours: version 1"
    clock.advance(hours=12)
    assert await keys(LineBook(organization, Says(), Shelves(db))) == ["1", "4"], "at night: what is live"
