"""Records of calls: who may open which, what the search finds, notes that are never lost, and the desk's snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from careline.calls.desk import DeskService
from careline.calls.service import CallSearch, CallService, StaleNotes
from careline.kernel.errors import Forbidden, InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.platform.db import Database
from careline.security.actor import Actor
from careline.security.permissions import Permission, Role
from careline.testing.floor import Floor

pytestmark = pytest.mark.integration

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


class FixedClock:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOON


@pytest.fixture
def floor(db: Database, tenant: int) -> Floor:
    return Floor(db, tenant, NOON)


@pytest.fixture
def calls(db: Database) -> CallService:
    return CallService(db, FixedClock())


@pytest.fixture
def desk(db: Database) -> DeskService:
    return DeskService(db, FixedClock())


async def audit_rows(db: Database, tenant: int) -> list[tuple[str, str]]:
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT action, object_type FROM audit_log ORDER BY seq")
    return [(row["action"], row["object_type"]) for row in rows]


async def handled(floor: Floor, line: UUID, agent: UUID, **values: Any) -> UUID:
    """A finished call that an agent handled."""
    call = await floor.call(
        line,
        phase="ended",
        ended_at=floor.ago(10),
        connected_at=floor.ago(40),
        outcome="handled",
        ended_by="caller",
        **values,
    )
    await floor.insert(
        "call_handling", id=new_id(), call_id=call, person_id=agent, connected_at=floor.ago(40), left_at=floor.ago(10)
    )
    return call


async def test_an_agent_finds_only_own_calls_and_a_supervisor_all(floor: Floor, calls: CallService) -> None:
    line = await floor.line()
    ana, ben = await floor.agent("Ana"), await floor.agent("Ben")
    mine, other = await handled(floor, line, ana), await handled(floor, line, ben)
    as_ana = floor.actor(ana, "Ana", Role.AGENT)
    as_vera = floor.actor(await floor.person("Vera", Role.SUPERVISOR), "Vera", Role.SUPERVISOR)
    assert [c.id for c in (await calls.search(as_ana, CallSearch())).calls] == [mine]
    assert {c.id for c in (await calls.search(as_vera, CallSearch())).calls} == {mine, other}
    with pytest.raises(NotFound):
        await calls.open(as_ana, other)
    with pytest.raises(NotFound):
        await calls.story(as_ana, other)
    assert (await calls.open(as_ana, mine)).call.id == mine
    provider = floor.actor(await floor.person("Dr. Osei", Role.PROVIDER), "Dr. Osei", Role.PROVIDER)
    with pytest.raises(Forbidden):
        await calls.search(provider, CallSearch())


async def test_search_by_each_thing(floor: Floor, calls: CallService) -> None:
    line, queue = await floor.line(), await floor.queue("Billing")
    ana = await floor.agent("Ana")
    vera = floor.actor(await floor.person("Vera", Role.SUPERVISOR), "Vera", Role.SUPERVISOR)
    noted = await handled(floor, line, ana, caller="+15552011234", queue_id=queue, arrived=100)
    await calls.save_notes(floor.actor(ana, "Ana", Role.AGENT), noted, "Asks about a 100% discount_code", based_on=0)
    lost = await floor.call(line, caller="+15552015678", phase="ended", ended_at=NOON, outcome="abandoned", arrived=50)
    old = await floor.call(line, caller=None, phase="waiting", arrived=90_000, emergency=True)

    async def found(**wanted: Any) -> list[UUID]:
        return [c.id for c in (await calls.search(vera, CallSearch(**wanted))).calls]

    assert await found() == [lost, noted, old]
    # R2: any spelling of the number finds it, and the last digits do.
    for spelling in ("+15552011234", "(555) 201-1234", "555/201-1234", "1234"):
        assert await found(number=spelling) == [noted]
    assert await found(text="DISCOUNT") == [noted]
    assert await found(text="100% disc") == [noted]
    # The wildcards of LIKE are letters like any other.
    assert await found(text="discount%code") == []
    assert await found(text="discountXcode") == []
    assert await found(agent=ana) == [noted]
    assert await found(queue=queue) == [noted]
    assert await found(outcome="abandoned") == [lost]
    assert await found(outcome="open") == [old]
    assert await found(outcome="emergency") == [old]
    assert await found(since=NOON - timedelta(hours=1)) == [lost, noted]
    assert await found(until=NOON - timedelta(hours=1)) == [old]
    for wrong in ({"outcome": "great"}, {"number": "12"}, {"before": "yesterday"}, {"text": "\x00"}):
        with pytest.raises(InvalidInput):
            await found(**wrong)


async def test_a_transcript_is_for_those_who_may_hear_the_recording(floor: Floor, calls: CallService) -> None:
    line, ana = await floor.line(), await floor.agent("Ana")
    call = await handled(floor, line, ana)
    await floor.insert(
        "recording",
        id=new_id(),
        call_id=call,
        kind="voicemail",
        state="ready",
        started_at=NOON,
        seconds=5,
        bytes=9,
        sha256="0",
        transcript_state="done",
        transcript="please refill the inhaler",
    )
    officer = floor.actor(await floor.person("Pia", Role.PRIVACY_OFFICER), "Pia", Role.PRIVACY_OFFICER)
    reviewer = floor.actor(await floor.person("Quinn", Role.QUALITY), "Quinn", Role.QUALITY)
    for actor, sees in ((floor.actor(ana, "Ana", Role.AGENT), True), (reviewer, True), (officer, False)):
        record = await calls.open(actor, call)
        assert (record.recordings[0].transcript is not None) is sees
        assert ("inhaler" in repr(record)) is sees
        found = await calls.search(actor, CallSearch(text="Inhaler"))
        assert [c.id for c in found.calls] == ([call] if sees else [])


async def test_pages_follow_each_other_without_gap_or_repeat(floor: Floor, calls: CallService) -> None:
    line = await floor.line()
    vera = floor.actor(await floor.person("Vera", Role.SUPERVISOR), "Vera", Role.SUPERVISOR)
    made = {await floor.call(line, arrived=60) for _ in range(120)}
    seen: list[UUID] = []
    before = None
    for expected in (50, 50, 20):
        page = await calls.search(vera, CallSearch(before=before))
        assert len(page.calls) == expected
        seen += [c.id for c in page.calls]
        before = page.next
    assert before is None
    assert len(seen) == len(set(seen))
    assert set(seen) == made


async def test_a_record_holds_the_whole_story_and_opening_it_is_audited(
    floor: Floor, calls: CallService, db: Database, tenant: int
) -> None:
    line, queue = await floor.line(), await floor.queue("Scheduling")
    await floor.wrap_up_codes()
    ana = await floor.agent("Ana Ruiz")
    call = await handled(floor, line, ana, queue_id=queue, queued_at=floor.ago(55), place_at=floor.ago(55))
    for kind, ago, body in (
        ("arrived", 60, {}),
        ("queued", 55, {"queue_id": queue}),
        ("offered", 50, {"agent_id": ana}),
        ("connected", 40, {"agent_id": ana}),
        ("agent_left", 10, {"agent_id": ana, "wrap_up": True}),
        ("ended", 10, {"by": "caller", "outcome": "handled"}),
        ("wrapped_up", 2, {"agent_id": ana, "code": "appointment"}),
    ):
        await floor.event(call, kind, ago, **body)
    await floor.insert(
        "recording",
        id=new_id(),
        call_id=call,
        kind="call",
        state="ready",
        started_at=floor.ago(40),
        seconds=30,
        bytes=1000,
        sha256="00",
    )
    record = await calls.open(floor.actor(ana, "Ana Ruiz", Role.AGENT), call)
    assert [s.text for s in record.steps][:4] == [
        "The call arrived",
        "Waiting in Scheduling",
        "Rang Ana Ruiz",
        "Connected with Ana Ruiz",
    ]
    assert record.steps[-2].text == "Ended by the caller: Handled"
    assert [(s.kind, s.agent, round(s.seconds)) for s in record.segments] == [
        ("flow", None, 5),
        ("waiting", None, 15),
        ("ringing", "Ana Ruiz", 10),
        ("talk", None, 30),
        ("talk", "Ana Ruiz", 30),
        ("wrap_up", "Ana Ruiz", 8),
    ]
    assert (record.call.waited_seconds, record.call.talked_seconds) == (15, 30)
    assert record.recordings[0].playable
    assert record.readers is None
    assert await audit_rows(db, tenant) == [("read", "call")]

    officer = floor.actor(await floor.person("Pia", Role.PRIVACY_OFFICER), "Pia", Role.PRIVACY_OFFICER)
    seen = await calls.open(officer, call)
    assert [(r.name, r.action) for r in seen.readers or []] == [("Ana Ruiz", "read")]
    # A privacy officer reads the record but may not play what was said.
    assert not seen.recordings[0].playable


@pytest.mark.parametrize(
    ("steps", "handlings", "figures"),
    [
        # Two queues before the answer: the whole wait counts. The agent's line broke: the caller waits again and is
        # helped by another; neither the second wait nor the talk of two at once is talk twice over.
        ([("queued", 100), ("queued", 70), ("connected", 60), ("requeued", 45), ("queued", 45), ("connected", 30),
          ("ended", 10)], [(60, 45), (30, 10), (20, 12)], (40, 35)),
        ([("queued", 100), ("connected", 60), ("queued", 45), ("ended", 10)], [(60, 45)], (40, 15)),
        # Waiting ends where the message begins.
        ([("queued", 100), ("voicemail_started", 80), ("voicemail_ended", 20), ("ended", 10)], [], (20, None)),
        ([("queued", 100), ("ended", 10)], [], (90, None)),
        ([("ended", 10)], [], (None, None)),
    ],
)  # fmt: skip
async def test_waited_and_talked_count_what_the_caller_lived_through(
    floor: Floor,
    calls: CallService,
    steps: list[tuple[str, float]],
    handlings: list[tuple[float, float]],
    figures: tuple[float | None, float | None],
) -> None:
    line, ana = await floor.line(), await floor.agent("Ana Ruiz")
    # The row holds the last queue and the first answer only.
    last = next((floor.ago(ago) for kind, ago in reversed(steps) if kind == "queued"), None)
    first = next((floor.ago(ago) for kind, ago in steps if kind == "connected"), None)
    call = await floor.call(line, phase="ended", ended_at=floor.ago(10), queued_at=last, connected_at=first)
    for kind, ago in steps:
        await floor.event(call, kind, ago)
    for began, left in handlings:
        await floor.insert(
            "call_handling", id=new_id(), call_id=call, person_id=ana,
            connected_at=floor.ago(began), left_at=floor.ago(left),
        )  # fmt: skip
    vera = floor.actor(await floor.person("Vera", Role.SUPERVISOR), "Vera", Role.SUPERVISOR)
    (found,) = (await calls.search(vera, CallSearch())).calls
    assert (found.waited_seconds, found.talked_seconds) == figures


async def test_patients_are_named_only_to_those_who_may_see_patients(
    floor: Floor, calls: CallService, db: Database, tenant: int
) -> None:
    line, ana = await floor.line(), await floor.agent("Ana")
    call = await handled(floor, line, ana)
    patient = await floor.insert(
        "patient",
        id=new_id(),
        mrn="M1",
        family="Quillfeather",
        given="Odette",
        birth_date="1980-02-03",
        zone="America/Chicago",
    )
    await floor.insert(
        "verification",
        id=new_id(),
        call_id=call,
        patient_id=patient,
        outcome="verified",
        level=2,
        caller_role="self",
        at=NOON,
    )
    record = await calls.open(floor.actor(ana, "Ana", Role.AGENT), call)
    assert record.verified[0].name == "Odette Quillfeather"
    reviewer = floor.actor(await floor.person("Quinn", Role.QUALITY), "Quinn", Role.QUALITY)
    seen = await calls.open(reviewer, call)
    assert (seen.verified[0].name, seen.verified[0].level) == (None, 2)
    assert "Quillfeather" not in repr(seen)
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT patient_id, contact_id FROM audit_log WHERE action = 'read'")
    assert [(r["patient_id"], r["contact_id"]) for r in rows] == [(patient, call), (patient, call)]


async def test_notes_are_versions_and_nothing_is_lost(floor: Floor, calls: CallService) -> None:
    line, ana = await floor.line(), await floor.agent("Ana")
    call = await handled(floor, line, ana)
    me = floor.actor(ana, "Ana", Role.AGENT)
    assert (await calls.save_notes(me, call, "Wants", based_on=0)).version == 1
    assert (await calls.save_notes(me, call, "Wants a visit", based_on=1)).version == 2
    # The answer got lost and the page sends it again: the same version.
    assert (await calls.save_notes(me, call, "Wants a visit", based_on=1)).version == 2
    # Another window typed over an older text: refused, with the newer text to join.
    with pytest.raises(StaleNotes) as stale:
        await calls.save_notes(me, call, "Other words", based_on=1)
    assert stale.value.facts == {"version": 2, "body": "Wants a visit"}
    assert [n.body for n in await calls.note_versions(me, call)] == ["Wants", "Wants a visit"]
    # Taking everything back is a version too.
    assert (await calls.save_notes(me, call, "", based_on=2)).version == 3


async def test_notes_need_a_part_in_the_call(floor: Floor, calls: CallService) -> None:
    line, ana, ben = await floor.line(), await floor.agent("Ana"), await floor.agent("Ben")
    call = await handled(floor, line, ana)
    with pytest.raises(NotFound):
        await calls.save_notes(floor.actor(ben, "Ben", Role.AGENT), call, "x", based_on=0)
    with pytest.raises(InvalidInput):
        await calls.save_notes(floor.actor(ana, "Ana", Role.AGENT), call, "x" * 20_001, based_on=0)
    with pytest.raises(Forbidden):
        await calls.save_notes(floor.actor(ana, "Ana", Role.QUALITY), call, "x", based_on=0)


async def test_another_tenant_sees_nothing(floor: Floor, calls: CallService, db: Database) -> None:
    line, ana = await floor.line(), await floor.agent("Ana")
    call = await handled(floor, line, ana)
    async with db.system() as tx:
        row = await tx.one("INSERT INTO tenant (slug, name) VALUES ('other', 'Other') RETURNING id")
    assert row is not None
    stranger = Actor(
        tenant_id=row["id"], kind="person", person_id=new_id(), name="Sam", roles=frozenset({Role.SUPERVISOR})
    )
    assert (await calls.search(stranger, CallSearch())).calls == []
    with pytest.raises(NotFound):
        await calls.open(stranger, call)


async def test_r2_the_offer_names_nobody(floor: Floor, desk: DeskService) -> None:
    queue, line = await floor.queue("Scheduling"), await floor.line()
    ana = await floor.agent("Ana", queue, status="offered")
    other = await floor.agent("Ben", queue)
    await floor.call(
        line,
        queue_id=queue,
        place_at=floor.ago(30),
        offered_to=ana,
        caller="+15552019999",
        caller_name="QUILLFEATHER O",
        reason="Appointments",
        language="es",
    )
    snapshot = await desk.read(floor.actor(ana, "Ana", Role.AGENT))
    offer = snapshot.offer
    assert offer is not None
    assert (offer.queue, offer.reason, offer.language) == ("Scheduling", "Appointments", "es")
    assert snapshot.contact is None
    assert "2019999" not in repr(snapshot) and "QUILLFEATHER" not in repr(snapshot)
    # Only the agent it rings at gets it.
    assert (await desk.read(floor.actor(other, "Ben", Role.AGENT))).offer is None


async def test_the_desk_follows_a_call_from_talk_to_wrap_up(floor: Floor, desk: DeskService) -> None:
    queue, line = await floor.queue("Scheduling"), await floor.line("Main line")
    await floor.wrap_up_codes()
    ana = await floor.agent("Ana", queue, status="talking")
    me = floor.actor(ana, "Ana", Role.AGENT)
    call = await floor.call(
        line, queue_id=queue, phase="talking", agent_id=ana, connected_at=floor.ago(20), place_at=floor.ago(50)
    )
    handling = await floor.insert("call_handling", id=new_id(), call_id=call, person_id=ana, connected_at=floor.ago(20))
    contact = (await desk.read(me)).contact
    assert contact is not None
    assert (contact.state, contact.since, contact.caller) == ("talking", floor.ago(20), "(555) 201-9999")
    assert contact.line.address == "120 Harbor Street, Milwaukee, WI 53202"
    async with floor.db.tenant(floor.tenant_id) as tx:
        await tx.run("UPDATE call SET held = true WHERE id = %s", (call,))
    contact = (await desk.read(me)).contact
    assert contact is not None and contact.state == "held"
    async with floor.db.tenant(floor.tenant_id) as tx:
        await tx.run(
            "UPDATE call SET phase = 'ended', ended_at = %s, agent_id = NULL, held = false WHERE id = %s",
            (floor.ago(3), call),
        )
        await tx.run("UPDATE call_handling SET left_at = %s WHERE id = %s", (floor.ago(3), handling))
    await floor.stand(ana, status="wrap_up", call_id=call, wrap_up_until=NOON + timedelta(seconds=60))
    snapshot = await desk.read(me)
    assert snapshot.contact is not None
    assert (snapshot.contact.state, snapshot.contact.since) == ("wrap_up", floor.ago(3))
    assert snapshot.wrap_up_codes[0].code == "appointment"
    async with floor.db.tenant(floor.tenant_id) as tx:
        await tx.run("UPDATE call_handling SET wrapped_up_at = %s WHERE id = %s", (NOON, handling))
    await floor.stand(ana, status="available")
    assert (await desk.read(me)).contact is None


async def test_a_colleagues_call_rings_is_talked_about_and_handed_over(floor: Floor, desk: DeskService) -> None:
    line = await floor.line()
    ana = await floor.agent("Ana", status="talking")
    ben = await floor.agent("Ben", status="offered")
    as_ana, as_ben = floor.actor(ana, "Ana", Role.AGENT), floor.actor(ben, "Ben", Role.AGENT)
    call = await floor.call(line, phase="talking", agent_id=ana, connected_at=floor.ago(20), held=True)

    async def transfer(state: str | None, **values: Any) -> None:
        value = None
        if state:
            value = Jsonb({"mode": "consult", "to": "agent", "target": str(ben), "label": "Ben", "state": state})
        async with floor.db.tenant(floor.tenant_id) as tx:
            await tx.run("UPDATE call SET transfer = %s, agent_id = %s WHERE id = %s", (value, values["agent"], call))

    await transfer("ringing", agent=ana)
    await floor.stand(ben, status="offered", call_id=call)
    seen = await desk.read(as_ben)
    assert seen.offer is not None and (seen.offer.from_agent, seen.contact) == ("Ana", None)
    assert "2019999" not in repr(seen)
    await transfer("talking", agent=ana)
    await floor.stand(ben, status="talking", call_id=call)
    seen = await desk.read(as_ben)
    assert seen.offer is None and seen.contact is not None
    assert (seen.contact.state, seen.contact.colleague) == ("consulting", "Ana")
    mine = (await desk.read(as_ana)).contact
    assert mine is not None and (mine.state, (mine.transfer or {})["state"]) == ("held", "talking")
    await transfer(None, agent=ben)
    seen = await desk.read(as_ben)
    assert seen.contact is not None and seen.contact.state == "held"
    await floor.stand(ana, status="wrap_up", call_id=call)
    mine = (await desk.read(as_ana)).contact
    assert mine is not None and mine.state == "wrap_up"


async def test_r6_how_an_offer_ended_is_told_apart(floor: Floor, desk: DeskService) -> None:
    line = await floor.line()
    ana = await floor.agent("Ana")
    me = floor.actor(ana, "Ana", Role.AGENT)
    assert (await desk.read(me)).last_offer is None
    call = await floor.call(line)
    for ago, reason in ((50, "no-answer"), (40, "declined"), (30, "failed"), (20, "caller-left")):
        await floor.event(call, "offer_ended", ago, agent_id=ana, reason=reason)
        found = (await desk.read(me)).last_offer
        assert found is not None and (found.reason, found.call_id) == (reason, call)
    # After a conversation the earlier miss is no news any more.
    await floor.insert("call_handling", id=new_id(), call_id=call, person_id=ana, connected_at=floor.ago(10))
    assert (await desk.read(me)).last_offer is None


async def test_a_locked_screen_keeps_the_call_and_covers_the_notes(
    floor: Floor, desk: DeskService, calls: CallService
) -> None:
    line, ana = await floor.line(), await floor.agent("Ana", status="talking")
    me = floor.actor(ana, "Ana", Role.AGENT)
    call = await floor.call(line, phase="talking", agent_id=ana, connected_at=floor.ago(20))
    await calls.save_notes(me, call, "Odette Quillfeather asks", based_on=0)
    open_screen = (await desk.read(me)).contact
    assert open_screen is not None and open_screen.notes == "Odette Quillfeather asks"
    locked = Actor(
        tenant_id=me.tenant_id,
        kind="person",
        person_id=ana,
        name="Ana",
        roles=me.roles,
        scopes=frozenset({Permission.CALL_HANDLE}),
    )
    covered = (await desk.read(locked)).contact
    assert covered is not None and covered.call_id == call
    assert "Quillfeather" not in repr(covered)
