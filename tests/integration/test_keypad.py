"""Verifying a caller by keys: two identifiers, strikes as on the desk, and never a word about who exists."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from careline.patients.keypad import Keypad
from careline.patients.model import Stated
from careline.patients.service import PatientService
from careline.platform.db import Database
from careline.security.actor import system_actor
from careline.testing.builders import make_call, make_patient, make_practice
from careline.testing.clock import ManualClock

pytestmark = pytest.mark.integration

BORN = date(1984, 3, 12)
NUMBER = "+13125550142"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, 16, 0, tzinfo=UTC))


@pytest.fixture
def keypad(db: Database, clock: ManualClock) -> Keypad:
    return Keypad(PatientService(db, clock))


async def attempts(db: Database, tenant: int) -> list[tuple[UUID, str, int]]:
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT patient_id, outcome, level FROM verification ORDER BY at, id")
    return [(row["patient_id"], row["outcome"], row["level"]) for row in rows]


async def test_date_of_birth_and_record_number_verify_one_patient(db, tenant, clock, keypad):
    practice = await make_practice(db, tenant, clock)
    maria = await make_patient(db, tenant, name="Maria Garcia", birth_date=BORN, mrn="MRN-4711", phones=[NUMBER])
    jose = await make_patient(
        db, tenant, name="Jose Garcia", birth_date=date(1980, 1, 1), mrn="MRN-4712", phones=[NUMBER]
    )
    call = await make_call(db, tenant, practice, caller=NUMBER)
    level = await keypad.verify(system_actor(tenant), call, Stated(birth_date=BORN, mrn="4711"))
    assert level == 1, "digits count: letters cannot be typed"
    assert await attempts(db, tenant) == [(maria, "verified", 1)], "nobody else of the household is touched"
    assert jose
    async with db.tenant(tenant) as tx:
        audited = await tx.all("SELECT detail, outcome FROM audit_log WHERE action = 'verify'")
    assert len(audited) == 1


async def test_wrong_keys_are_strikes_and_lock_like_an_agents(db, tenant, clock, keypad):
    practice = await make_practice(db, tenant, clock)
    maria = await make_patient(db, tenant, name="Maria Garcia", birth_date=BORN, mrn="4711")
    call = await make_call(db, tenant, practice, caller="+13125550199")
    actor = system_actor(tenant)
    for day in (1, 2, 3):
        assert await keypad.verify(actor, call, Stated(birth_date=date(1984, 5, day), mrn="4711")) == 0
    assert await keypad.verify(actor, call, Stated(birth_date=BORN, mrn="4711")) == 0, "locked: even the truth"
    assert await attempts(db, tenant) == [(maria, "failed", 0)] * 3 + [(maria, "locked", 0)]


@pytest.mark.parametrize(
    "said",
    [
        Stated(birth_date=BORN),
        Stated(mrn="4711"),
        Stated(birth_date=BORN, postal_code="60614"),
        Stated(birth_date=BORN, phone=NUMBER),
        Stated(birth_date=BORN, mrn="9999"),
    ],
)
async def test_too_little_or_unknown_is_the_same_no(db, tenant, clock, keypad, said):
    practice = await make_practice(db, tenant, clock)
    await make_patient(db, tenant, name="Maria Garcia", birth_date=BORN, mrn="4711", postal_code="60614")
    call = await make_call(db, tenant, practice, caller="+13125550199")
    assert await keypad.verify(system_actor(tenant), call, said) == 0


async def test_two_people_whom_everything_fits_are_neither(db, tenant, clock, keypad):
    practice = await make_practice(db, tenant, clock)
    for given in ("Ann", "Anne"):
        await make_patient(db, tenant, name=f"{given} Lee", birth_date=BORN, mrn=f"{given}-7", phones=[NUMBER])
    call = await make_call(db, tenant, practice, caller=NUMBER)
    assert await keypad.verify(system_actor(tenant), call, Stated(birth_date=BORN, mrn="7")) == 0
    assert await attempts(db, tenant) == []
