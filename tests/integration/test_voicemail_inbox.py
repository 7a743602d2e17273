"""A voicemail is heard by the people of the inbox it went to, and by nobody else who has no other right to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from careline.kernel.errors import Forbidden
from careline.kernel.ids import new_id
from careline.messages.model import Draft
from careline.messages.service import MessageService
from careline.organization.service import OrganizationService
from careline.platform.db import Database
from careline.recordings.service import RecordingService, SoundMissing
from careline.security.actor import Actor, system_actor
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.testing.builders import Practice, make_call, make_person, make_practice
from careline.testing.clock import ManualClock

pytestmark = pytest.mark.integration


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, 16, 0, tzinfo=UTC))


@pytest.fixture
async def practice(db: Database, tenant: int, clock: ManualClock) -> Practice:
    return await make_practice(db, tenant, clock)


async def a_recording(db: Database, tenant: int, call: UUID, kind: str, transcript: str | None = None) -> UUID:
    """A finished recording's row; its file is not needed to be refused or allowed."""
    recording = new_id()
    async with db.tenant(tenant) as tx:
        await tx.run(
            "INSERT INTO recording (id, call_id, kind, state, started_at, seconds, bytes, sha256, transcript,"
            " transcript_state) VALUES (%(id)s, %(call)s, %(kind)s, 'ready', now(), 12, 100, 'x', %(text)s, 'done')",
            {"id": recording, "call": call, "kind": kind, "text": transcript},
        )
    return recording


async def may_hear(recordings: RecordingService, actor: Actor, recording: UUID) -> bool:
    """Whether the door opens; behind it the file is missing here, which is said only to those let in."""
    with pytest.raises((Forbidden, SoundMissing)) as refused:
        await recordings.play(actor, recording)
    return refused.type is SoundMissing


async def test_the_people_of_the_inbox_hear_the_voicemail_and_read_its_transcript(
    db: Database, tenant: int, clock: ManualClock, practice: Practice, tmp_path: Path
) -> None:
    messages = MessageService(db, clock)
    recordings = RecordingService(db, clock, Keyring.ephemeral(), tmp_path)
    nurse = await make_person(db, tenant, Role.PROVIDER, name="Nora Lind")
    stranger = await make_person(db, tenant, Role.PROVIDER, name="Uma Tell")
    agent = await make_person(db, tenant, Role.AGENT, name="Sam Lee")
    quality = await make_person(db, tenant, Role.QUALITY, name="Renee Castle")
    administrator = await make_person(db, tenant, Role.ADMINISTRATOR, name="Hal Ames")
    assert nurse.person_id is not None
    organization = OrganizationService(db, clock)
    await organization.set_member(system_actor(tenant), practice.department_id, nurse.person_id, member=True)
    call = await make_call(db, tenant, practice, caller="+13125550142")
    async with db.tenant(tenant) as tx:
        message_id = await messages.take_voicemail(
            tx, call_id=call, department_id=practice.department_id, caller="+13125550142", language="en", seconds=12
        )
    voicemail = await a_recording(db, tenant, call, "voicemail", "Please call me about Thursday.")
    conversation = await a_recording(db, tenant, call, "call")

    assert message_id is not None
    opened = await messages.open(nurse, message_id)
    assert [(v.id, v.transcript) for v in opened.voicemails] == [(voicemail, "Please call me about Thursday.")]
    assert await may_hear(recordings, nurse, voicemail)
    assert not await may_hear(recordings, nurse, conversation), "the call itself is another matter"
    assert not await may_hear(recordings, stranger, voicemail)
    assert not await may_hear(recordings, agent, voicemail)
    assert await may_hear(recordings, quality, conversation)
    with pytest.raises(Forbidden):
        await recordings.play(administrator, voicemail)

    await organization.set_member(system_actor(tenant), practice.department_id, nurse.person_id, member=False)
    assert not await may_hear(recordings, nurse, voicemail), "who left the inbox hears nothing more"


async def test_an_ordinary_message_does_not_open_the_voicemail_of_its_call(
    db: Database, tenant: int, clock: ManualClock, practice: Practice
) -> None:
    messages = MessageService(db, clock)
    call = await make_call(db, tenant, practice, caller=None)
    await a_recording(db, tenant, call, "voicemail", "Not for this inbox.")
    draft = Draft(department_id=practice.department_id, call_id=call, caller_name="Elena", body="Form is ready.")
    message_id = await messages.take(system_actor(tenant), draft)
    assert (await messages.open(system_actor(tenant), message_id)).voicemails == ()
