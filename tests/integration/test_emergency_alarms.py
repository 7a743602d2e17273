"""What may be an emergency and has no person yet: marked messages, and alarms that stand until somebody takes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from careline.calls.alarm import alarming
from careline.calls.fold import fold
from careline.calls.model import Event, Kind
from careline.calls.store import Batch
from careline.kernel.errors import Forbidden, NotFound
from careline.kernel.ids import new_id
from careline.messages.intake import RAISED
from careline.messages.model import State, Urgency
from careline.messages.service import MessageService
from careline.platform.db import Database
from careline.processes import voicemail_dangers
from careline.recordings.transcripts import VoicemailTranscriber
from careline.reporting.alarms import AlarmService
from careline.security.actor import Actor
from careline.security.permissions import Role
from careline.speech.asr import Passage, Transcript
from careline.testing.builders import Practice, make_call, make_person, make_practice
from careline.testing.clock import ManualClock

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def messages(db: Database, clock: ManualClock) -> MessageService:
    return MessageService(db, clock)


@pytest.fixture
def alarms(db: Database, clock: ManualClock) -> AlarmService:
    return AlarmService(db, clock)


@pytest.fixture
async def practice(db: Database, tenant: int, clock: ManualClock) -> Practice:
    return await make_practice(db, tenant, clock)


@pytest.fixture
async def watcher(db: Database, tenant: int) -> Actor:
    return await make_person(db, tenant, Role.SUPERVISOR, name="Vera Stone")


class Said:
    """Writes down what it is told, from recordings of silence."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.size = 44 + 3200

    async def transcribe(self, *_: object) -> Transcript:
        return Transcript("en", (Passage(0, 1, self.text, -0.1, 0.0),))

    async def read_for_transcript(self, *_: object) -> Said:
        return self

    def read(self, start: int = 0, end: int | None = None) -> list[bytes]:
        return [bytes((end or self.size) - start)]


async def a_voicemail(db: Database, tenant: int, practice: Practice, messages: MessageService, **more: bool) -> UUID:
    call = await make_call(db, tenant, practice, caller="+13125550142")
    async with db.tenant(tenant) as tx:
        filed = await messages.take_voicemail(
            tx, call_id=call, department_id=None, caller="+13125550142", language="en", seconds=9, **more
        )
        await tx.run(
            "INSERT INTO recording (id, call_id, kind, state, started_at, seconds, bytes, sha256, transcript_state)"
            " VALUES (%s, %s, 'voicemail', 'ready', now(), 9, 1, 'x', 'waiting')",
            (new_id(), call),
        )
    assert filed is not None
    return call


async def written(db: Database, tenant: int, messages: MessageService, clock: ManualClock, text: str) -> None:
    said = Said(text)
    work = VoicemailTranscriber(db, said, lambda: said, dangerous=voicemail_dangers(messages, clock))  # type: ignore[arg-type]
    assert await work.work_off() == 1


async def the_steps(db: Database, tenant: int) -> list[dict[str, object]]:
    async with db.tenant(tenant) as tx:
        return await tx.all("SELECT kind, body FROM event WHERE stream = 'message' AND kind = 'red-flag'")


@pytest.mark.parametrize(
    ("text", "urgency", "rule"),
    [
        ("Hello, I have chest pain since this morning.", Urgency.CRITICAL, "chest-pain"),
        ("Me duele el pecho.", Urgency.CRITICAL, "chest-pain"),
        ("I would like to move my appointment.", Urgency.ROUTINE, None),
    ],
)
async def test_v5_a_transcript_is_scanned_and_its_message_comes_first(
    db: Database, tenant: int, clock: ManualClock, messages: MessageService, alarms: AlarmService, practice: Practice,
    watcher: Actor, text: str, urgency: Urgency, rule: str | None,
) -> None:  # fmt: skip
    call = await a_voicemail(db, tenant, practice, messages)
    other = await a_voicemail(db, tenant, practice, messages)
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE recording SET transcript_state = 'failed' WHERE call_id = %s", (other,))
    await written(db, tenant, messages, clock, text)
    first, second = await messages.items(watcher)
    (mine,) = await messages.on_call(watcher, call)
    found = next(i for i in (first, second) if i.id == mine.id)
    assert (found.urgency, found.red_flag) == (urgency, rule)
    if rule is None:
        assert await alarms.list(watcher) == []
        return
    assert found is first
    assert found.due_at == NOW + timedelta(minutes=5)
    (step,) = await the_steps(db, tenant)
    assert "chest pain" not in str(step["body"])
    assert [(a.call_id, a.why) for a in await alarms.list(watcher)] == [(call, ["voicemail"])]
    async with db.tenant(tenant) as tx:
        audited = await tx.all("SELECT 1 FROM audit_log WHERE object_type = 'message' AND detail->>'step' = 'red-flag'")
        # The same again changes nothing.
        assert not await messages.flag_voicemail(tx, call_id=call, rule=rule, urgency=urgency)
    assert len(audited) == 1
    assert len(await the_steps(db, tenant)) == 1


async def test_v5_a_voicemail_after_a_raised_emergency_is_critical_without_any_transcript(
    db: Database, tenant: int, messages: MessageService, practice: Practice, watcher: Actor
) -> None:
    await a_voicemail(db, tenant, practice, messages, emergency=True)
    (item,) = await messages.items(watcher)
    assert (item.urgency, item.red_flag, item.due_at) == (Urgency.CRITICAL, RAISED, NOW + timedelta(minutes=5))


async def test_v5_a_message_that_was_done_is_left_alone(
    db: Database, tenant: int, clock: ManualClock, messages: MessageService, practice: Practice, watcher: Actor
) -> None:
    call = await a_voicemail(db, tenant, practice, messages)
    (item,) = await messages.on_call(watcher, call)
    await messages.finish(watcher, item.id, "resolved")
    await written(db, tenant, messages, clock, "I cannot breathe")
    (item,) = await messages.on_call(watcher, call)
    assert (item.state, item.red_flag) == (State.DONE, None)


def batch_of(call_id: UUID, line: UUID, *more: tuple[Kind, dict[str, object]]) -> Batch:
    arrived = {
        "line_id": str(line), "channel": "c1", "source": "trunk", "dialled": "+15555550100", "caller": None,
        "caller_name": None, "language": "en", "config_version": 1,
    }  # fmt: skip
    events = [Event(call_id=call_id, kind=Kind.ARRIVED, at=NOW, body=arrived)]
    events += [Event(call_id=call_id, kind=kind, at=NOW, body=body) for kind, body in more]
    return Batch(log=list(events), calls={call_id: fold(events, 1)})


RAISE = (Kind.EMERGENCY_RAISED, {"how": "key", "priority": 1_000_000, "nobody": True})
LEFT = (Kind.ENDED, {"by": "caller", "outcome": "abandoned"})


async def test_v6_an_alarm_stands_until_a_person_acknowledges_it(
    db: Database, tenant: int, alarms: AlarmService, practice: Practice, watcher: Actor
) -> None:
    call = await make_call(db, tenant, practice, caller=None)
    batch = batch_of(call, practice.line_id, RAISE, (Kind.HELP_ENDED, {"outcome": "nobody-reached"}), LEFT)
    async with db.tenant(tenant) as tx:
        await alarming(tx, batch)
        await alarming(tx, batch)
    (alarm,) = await alarms.list(watcher)
    assert (alarm.call_id, sorted(alarm.why)) == (call, ["caller-left", "nobody-reached", "nobody-signed-on"])
    agent = await make_person(db, tenant, Role.AGENT, name="Sam Lee")
    with pytest.raises(Forbidden):
        await alarms.acknowledge(agent, call)
    await alarms.acknowledge(watcher, call)
    assert await alarms.list(watcher) == []
    with pytest.raises(NotFound):
        await alarms.acknowledge(watcher, call)
    async with db.tenant(tenant) as tx:
        events = await tx.all("SELECT kind, person_id FROM event WHERE stream = 'emergency' ORDER BY id")
        audited = await tx.all("SELECT 1 FROM audit_log WHERE detail->>'step' = 'alarm-acknowledged'")
    assert [e["kind"] for e in events] == ["alarm_raised"] * 3 + ["alarm_acknowledged"]
    assert events[-1]["person_id"] == watcher.person_id
    assert len(audited) == 1


@pytest.mark.parametrize(
    "more",
    [
        (LEFT,),
        ((Kind.EMERGENCY_RAISED, {}), LEFT),
        (
            (Kind.EMERGENCY_RAISED, {"how": "key", "nobody": False}),
            (Kind.ENDED, {"by": "outside", "outcome": "transferred"}),
        ),
    ],
    ids=["no emergency", "raised by an agent", "helped outside"],
)  # fmt: skip
async def test_v6_what_nobody_missed_raises_no_alarm(
    db: Database, tenant: int, alarms: AlarmService, practice: Practice, watcher: Actor,
    more: tuple[tuple[Kind, dict[str, object]], ...],
) -> None:  # fmt: skip
    call = await make_call(db, tenant, practice, caller=None)
    async with db.tenant(tenant) as tx:
        await alarming(tx, batch_of(call, practice.line_id, *more))
    assert await alarms.list(watcher) == []
