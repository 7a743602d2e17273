"""Who may be calling, verification on a contact, the card, the emergency bypass; and that nothing leaks before."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from careline.kernel.errors import CarelineError, Forbidden, NotFound
from careline.patients.model import (
    ContactClosed,
    Outcome,
    Sought,
    Stated,
    TooLittleToSearch,
    VerificationLocked,
    VerificationNeeded,
)
from careline.patients.service import PatientService
from careline.platform.db import Database
from careline.security.actor import Actor
from careline.security.permissions import Role
from careline.testing.builders import (
    Practice,
    make_call,
    make_grant,
    make_patient,
    make_person,
    make_practice,
    make_tenant,
)
from careline.testing.clock import ManualClock

pytestmark = pytest.mark.integration

BORN = date(1984, 3, 12)
MARIA = Stated(name="Maria Garcia", birth_date=BORN, postal_code="60614")
WRONG = Stated(name="Maria Garcia", birth_date=date(1990, 1, 1), postal_code="60614")
NUMBER = "+13125550142"
#: Random ids hold any four digits sooner or later.
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, 16, 0, tzinfo=UTC))


@pytest.fixture
def service(db: Database, clock: ManualClock) -> PatientService:
    return PatientService(db, clock)


@pytest.fixture
async def practice(db: Database, tenant: int, clock: ManualClock) -> Practice:
    return await make_practice(db, tenant, clock)


@pytest.fixture
async def agent(db: Database, tenant: int) -> Actor:
    return await make_person(db, tenant, Role.AGENT)


@pytest.fixture
async def call(db: Database, tenant: int, practice: Practice, agent: Actor) -> UUID:
    """A call from Maria's number, in the agent's hands."""
    return await make_call(db, tenant, practice, caller=NUMBER, agent_id=agent.person_id)


async def audit_rows(db: Database, tenant: int, patient: UUID) -> list[dict[str, object]]:
    async with db.tenant(tenant) as tx:
        return await tx.all(
            "SELECT action, outcome, fields, purpose, contact_id, detail FROM audit_log"
            " WHERE patient_id = %(patient)s ORDER BY seq",
            {"patient": patient},
        )


# --- candidates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["312/555-0142", "(312) 555-0142", "+1 312 555 0142 ext 7", "13125550142"])
async def test_r2_a_number_matches_however_it_was_written(
    db: Database, tenant: int, practice: Practice, agent: Actor, service: PatientService, written: str
) -> None:
    maria = await make_patient(db, tenant, phones=[written])
    for caller in (NUMBER, "312-555-0142"):
        call = await make_call(db, tenant, practice, caller=caller, agent_id=agent.person_id)
        found = await service.candidates(agent, call)
        assert [c.patient_id for c in found.found] == [maria]
        assert found.found[0].matched == ("phone-own",)


async def test_b2_no_candidate_for_an_unknown_a_withheld_or_a_garbled_number(
    db: Database, tenant: int, practice: Practice, agent: Actor, service: PatientService
) -> None:
    await make_patient(db, tenant, phones=[NUMBER])
    for caller in ("+13125550199", None, "anonymous"):
        call = await make_call(db, tenant, practice, caller=caller, agent_id=agent.person_id)
        assert (await service.candidates(agent, call)).found == ()


async def test_b2_the_calling_number_never_verifies(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant, phones=[NUMBER])
    candidate = (await service.candidates(agent, call)).found[0]
    assert candidate.level == 0
    with pytest.raises(VerificationNeeded):
        await service.card(agent, call, maria)
    assert (await service.standing(agent, call, maria)).level == 0


async def test_b2_a_household_gives_ranked_candidates(
    db: Database, tenant: int, practice: Practice, agent: Actor, call: UUID, service: PatientService
) -> None:
    home = uuid4()
    shared: dict[str, Any] = {"household_id": home, "phones": [NUMBER]}
    maria = await make_patient(db, tenant, **shared)
    late = await make_patient(db, tenant, "Jose Garcia", deceased_on=date(2024, 2, 2), **shared)
    twin_a = await make_patient(db, tenant, "Jaden Garcia", birth_date=date(2019, 6, 1), **shared)
    twin_b = await make_patient(db, tenant, "Jayden Garcia", birth_date=date(2019, 6, 1), **shared)
    nephew = await make_patient(db, tenant, "Luis Vega", birth_date=date(2015, 1, 1), phones=["+13125550177"])
    await make_grant(db, tenant, nephew, "Maria Garcia", holder_phone=NUMBER)
    await make_patient(db, tenant, "Nobody Else", phones=["+13125550178"])
    earlier = await make_call(db, tenant, practice, caller=NUMBER, agent_id=agent.person_id)
    await service.verify(agent, earlier, maria, MARIA)

    found = await service.candidates(agent, call)

    ids = [c.patient_id for c in found.found]
    assert ids[0] == maria
    assert ids[-1] == late
    assert set(ids[1:-1]) == {twin_a, twin_b, nephew}
    assert [c.label for c in found.found] == [f"Candidate {x}" for x in "ABCDE"]
    by_id = {c.patient_id: c for c in found.found}
    assert by_id[maria].matched == ("phone-own", "called-before")
    assert by_id[nephew].matched == ("phone-proxy",)
    assert (by_id[maria].age_group, by_id[twin_a].age_group) == ("adult", "minor")
    assert all(c.level == 0 for c in found.found)


async def test_b2_a_nursing_homes_number_says_nothing(
    db: Database, tenant: int, practice: Practice, agent: Actor, call: UUID, service: PatientService
) -> None:
    residents = [await make_patient(db, tenant, f"Ada Resident{i}", phones=[NUMBER]) for i in range(9)]
    assert (await service.candidates(agent, call)).shared_number
    assert (await service.candidates(agent, call)).found == ()

    earlier = await make_call(db, tenant, practice, caller=NUMBER, agent_id=agent.person_id)
    stated = Stated(name="Ada Resident4", birth_date=BORN, phone=NUMBER)
    # Nine namesakes of one birthday: every letter counts, and it is enough.
    await service.verify(agent, earlier, residents[4], stated)
    found = await service.candidates(agent, call)
    assert [c.patient_id for c in found.found] == [residents[4]]
    assert (found.more, found.shared_number) == (8, True)


async def test_b2_an_expired_or_revoked_proxy_is_no_candidate(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    teen = await make_patient(db, tenant, "Leo Vega", birth_date=date(2008, 11, 1))
    await make_grant(db, tenant, teen, "Maria Garcia", holder_phone=NUMBER, age_out=date(2026, 11, 1))
    assert (await service.candidates(agent, call)).found == ()


async def test_r2_nothing_of_a_patient_is_in_any_answer_before_verification(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    planted: dict[str, Any] = {
        "middle": "Quillon",
        "preferred": "Zephy",
        "mrn": "LH-778899",
        "street": "9917 Wexcombe Avenue",
        "postal_code": "60699",
        "email": "zz.plant@example.org",
        "birth_date": date(1973, 9, 27),
    }
    patient = await make_patient(db, tenant, "Tamsin Overbrook", phones=[NUMBER, "+13125550188"], **planted)
    secrets = (
        "Tamsin", "Overbrook", "Quillon", "Zephy", "778899", "9917", "Wexcombe", "60699", "zz.plant", "1973", "09-27",
        "3125550142", "3125550188", "555-0188",
    )  # fmt: skip

    answers: list[object] = [await service.candidates(agent, call)]
    answers.append(await service.search(agent, call, Sought(name="Tamzin Overbrooke", birth_date=date(1973, 9, 27))))
    answers.append(await service.search(agent, call, Sought(phone=NUMBER)))
    answers.append(await service.verify(agent, call, patient, Stated(name="Tamsin Overbrook")))
    wrong = Stated(birth_date=date(1999, 1, 1), mrn="1", street="1 Elm", email="a@b.c", phone="3125550100")
    answers.append(await service.verify(agent, call, patient, wrong))
    answers.append(await service.standing(agent, call, patient))
    with pytest.raises(VerificationNeeded) as refused:
        await service.card(agent, call, patient)
    answers.append([refused.value.detail, refused.value.facts])

    for answer in answers:
        body = msgspec.json.encode(answer).decode()
        assert str(patient) in body or answer is answers[-1]
        assert [s for s in secrets if s.casefold() in IDS.sub("", body).casefold()] == []
    async with db.tenant(tenant) as tx:
        stored = await tx.all("SELECT body FROM event WHERE stream = 'verification'")
        log = await tx.all("SELECT fields, detail, object_id FROM audit_log")
    trail = IDS.sub("", f"{stored} {log}")
    assert [s for s in secrets if s.casefold() in trail.casefold()] == []


# --- search -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sought",
    [
        Sought(name="Katherine Nguyen"),
        Sought(name="Catherine Nguyen"),
        Sought(name="Kate Nguyen"),
        Sought(name="Nguyen Katherine"),
        Sought(name="Katherin Nguyem"),
        Sought(name="Nguyen", birth_date=BORN),
        Sought(name="Kathryn Nguyen", birth_date=date(1984, 12, 3)),
        Sought(phone="312/555/0111"),
        Sought(mrn="lh 445566"),
    ],
)
async def test_b1_search_is_tolerant(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService, sought: Sought
) -> None:
    wanted = await make_patient(db, tenant, "Katherine Nguyen", mrn="LH-445566", phones=["3125550111"])
    for name in ("Robert Stone", "Maria Garcia", "Kevin Norton", "Priya Patel"):
        await make_patient(db, tenant, name, birth_date=date(1950, 1, 1))

    found = await service.search(agent, call, sought)

    assert found.found[0].patient_id == wanted
    assert len(found.found) == 1


async def test_b1_a_merged_record_leads_to_the_living_one(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    living = await make_patient(db, tenant, mrn="LH-000001")
    await make_patient(db, tenant, mrn="LH-000002", merged_into=living)
    found = await service.search(agent, call, Sought(name="Maria Garcia", mrn="LH-000002"))
    assert [c.patient_id for c in found.found] == [living]


@pytest.mark.parametrize("sought", [Sought(), Sought(name="Garcia"), Sought(birth_date=BORN), Sought(phone="12")])
async def test_search_needs_something_to_go_by(
    agent: Actor, call: UUID, service: PatientService, sought: Sought
) -> None:
    with pytest.raises(TooLittleToSearch):
        await service.search(agent, call, sought)


async def test_search_stays_in_its_tenant(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    other = await make_tenant(db, "elsewhere")
    theirs = await make_patient(db, other, phones=[NUMBER])
    assert (await service.search(agent, call, Sought(name="Maria Garcia"))).found == ()
    assert (await service.candidates(agent, call)).found == ()
    with pytest.raises(NotFound):
        await service.verify(agent, call, theirs, MARIA)
    with pytest.raises(NotFound):
        await service.card(agent, call, theirs)
    with pytest.raises(NotFound):
        await service.open_in_emergency(agent, call, theirs)


# --- verification -------------------------------------------------------------------------------------------------


async def test_b3_levels_open_the_card_step_by_step(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant, phones=[NUMBER], email="maria@example.org")

    name_only = await service.verify(agent, call, maria, Stated(name="Maria Garcia", birth_date=BORN))
    assert (name_only.outcome, name_only.level) == (Outcome.INCOMPLETE, 0)
    assert set(name_only.ask_next) == {"mrn", "phone", "postal_code", "street"}
    with pytest.raises(VerificationNeeded) as refused:
        await service.card(agent, call, maria)
    assert refused.value.facts["needed"] == 1
    assert set(refused.value.facts["ask_next"]) == set(name_only.ask_next)  # type: ignore[call-overload]

    first = await service.verify(agent, call, maria, Stated(postal_code="60614"))
    assert (first.outcome, first.level) == (Outcome.VERIFIED, 1)
    card = await service.card(agent, call, maria)
    assert (card.name, card.age) == ("Maria Garcia", 42)
    assert card.address is None and card.email is None and card.proxies is None
    assert card.phones[0]["number"] == "••••42" and card.phones[0]["e164"] == ""
    assert card.withheld == {"demographics": 2}
    assert "appointments" in first.allowed and "demographics" not in first.allowed

    second = await service.verify(agent, call, maria, Stated(phone="312 555 0142"))
    assert second.level == 2
    whole = await service.card(agent, call, maria)
    assert whole.address == "412 Birch Street, Chicago, IL, 60614"
    assert whole.phones[0]["number"] == "(312) 555-0142"
    assert "results" not in second.allowed


async def test_verification_belongs_to_its_contact(
    db: Database, tenant: int, practice: Practice, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    await service.verify(agent, call, maria, MARIA)
    again = await make_call(db, tenant, practice, caller=NUMBER, agent_id=agent.person_id)
    with pytest.raises(VerificationNeeded):
        await service.card(agent, again, maria)


async def test_verification_travels_with_a_transfer_and_ends_with_the_contact(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    colleague = await make_person(db, tenant, Role.AGENT, name="Sam Lee")
    await service.verify(agent, call, maria, MARIA)
    with pytest.raises(NotFound):
        await service.card(colleague, call, maria)
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE call SET agent_id = %(to)s", {"to": colleague.person_id})
    assert (await service.card(colleague, call, maria)).level == 1
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE call SET ended_at = now(), phase = 'ended'")
    with pytest.raises(ContactClosed):
        await service.card(colleague, call, maria)


async def test_a_card_stays_open_while_its_agent_wraps_up(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    await service.verify(agent, call, maria, MARIA)
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE call SET ended_at = now(), agent_id = NULL")
        await tx.run(
            "INSERT INTO call_handling (id, call_id, person_id, connected_at, left_at)"
            " VALUES (gen_random_uuid(), %(call)s, %(person)s, now(), now())",
            {"call": call, "person": agent.person_id},
        )
    assert (await service.card(agent, call, maria)).level == 1
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE call_handling SET wrapped_up_at = now()")
    with pytest.raises(ContactClosed):
        await service.card(agent, call, maria)


async def test_b4_three_failures_lock_the_patient_for_everyone_until_a_supervisor_unlocks(
    db: Database, tenant: int, practice: Practice, agent: Actor, call: UUID, clock: ManualClock, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    supervisor = await make_person(db, tenant, Role.SUPERVISOR)
    lefts = []
    for _ in range(3):
        lefts.append((await service.verify(agent, call, maria, WRONG)).attempts_left)
        clock.advance(minutes=1)
    assert lefts == [2, 1, 0]
    other_call = await make_call(db, tenant, practice, caller=None, agent_id=agent.person_id)
    with pytest.raises(VerificationLocked):
        await service.verify(agent, other_call, maria, MARIA)
    with pytest.raises(Forbidden):
        await service.unlock(agent, maria, "please")

    await service.unlock(supervisor, maria, "Caller called back from the number on file")
    clock.advance(seconds=1)
    assert (await service.verify(agent, other_call, maria, MARIA)).level == 1

    outcomes = [r["outcome"] for r in await audit_rows(db, tenant, maria) if r["action"] == "verify"]
    assert outcomes == ["failed"] * 3 + ["locked", "verified"]


async def test_b4_the_lock_ends_by_itself_after_a_day(
    db: Database, tenant: int, agent: Actor, call: UUID, clock: ManualClock, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    for _ in range(3):
        await service.verify(agent, call, maria, WRONG)
    clock.advance(hours=23, minutes=59)
    with pytest.raises(VerificationLocked):
        await service.verify(agent, call, maria, MARIA)
    clock.advance(minutes=2)
    assert (await service.verify(agent, call, maria, MARIA)).level == 1


async def test_b4_parallel_guesses_are_counted(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    results = await asyncio.gather(
        *(service.verify(agent, call, maria, WRONG) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(r, VerificationLocked) for r in results) == 5
    assert sorted(r.attempts_left for r in results if not isinstance(r, BaseException)) == [0, 1, 2]


async def test_b8_a_twin_is_not_verified_for_the_other_and_the_card_warns(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    home, born = uuid4(), date(2001, 6, 1)
    jaden = await make_patient(db, tenant, "Jaden Lee", birth_date=born, household_id=home)
    await make_patient(db, tenant, "Jayden Lee", birth_date=born, household_id=home)

    said_twin = await service.verify(
        agent, call, jaden, Stated(name="Jayden Lee", birth_date=born, postal_code="60614")
    )
    assert (said_twin.outcome, said_twin.disagreed) == (Outcome.FAILED, ("name",))
    await service.verify(agent, call, jaden, Stated(name="Jaden Lee", birth_date=born, postal_code="60614"))
    assert (await service.card(agent, call, jaden)).look_alikes == 1


async def test_b6_a_wife_without_a_grant_may_only_leave_a_message(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    patient = await make_patient(db, tenant, "Robert Stone")
    stated = Stated(name="Robert Stone", birth_date=BORN, postal_code="60614", caller_name="Helen Stone")
    result = await service.verify(agent, call, patient, stated, caller_role="spouse/family")
    assert (result.level, result.limited_by, result.scope) == (0, "no-grant", ())
    assert "take-message" in result.allowed and "card" not in result.allowed
    with pytest.raises(VerificationNeeded):
        await service.card(agent, call, patient)


async def test_b6_a_mother_sees_what_her_grant_covers(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    child = await make_patient(db, tenant, "Leo Garcia", birth_date=date(2018, 5, 1))
    await make_grant(db, tenant, child, "Maria Garcia", scope=["schedule"], age_out=date(2036, 5, 1))
    stated = Stated(name="Leo Garcia", birth_date=date(2018, 5, 1), postal_code="60614", caller_name="Maria Garcia")
    result = await service.verify(agent, call, child, stated, caller_role="parent")
    assert (result.level, result.scope) == (1, ("schedule",))
    card = await service.card(agent, call, child)
    assert card.visits == ()
    assert card.coverage is None
    assert card.withheld["coverage"] == 4


async def test_reads_are_audited_with_the_fields_shown(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    with pytest.raises(VerificationNeeded):
        await service.card(agent, call, maria)
    await service.verify(agent, call, maria, MARIA)
    await service.card(agent, call, maria)

    rows = await audit_rows(db, tenant, maria)

    assert [(r["action"], r["outcome"]) for r in rows] == [
        ("read", "refused"), ("verify", "verified"), ("read", "ok"),
    ]  # fmt: skip
    assert all(r["contact_id"] == call for r in rows)
    assert "birth_date" in rows[2]["fields"] and "address" not in rows[2]["fields"]  # type: ignore[operator]


# --- emergency ----------------------------------------------------------------------------------------------------


async def test_b7_the_emergency_bypass_is_never_blocked_and_always_audited(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant, phones=[NUMBER])
    for _ in range(3):
        await service.verify(agent, call, maria, WRONG)
    with pytest.raises(VerificationLocked):
        await service.verify(agent, call, maria, MARIA)

    card = await service.open_in_emergency(agent, call, maria)

    assert card.emergency
    assert card.address == "412 Birch Street, Chicago, IL, 60614"
    assert card.phones[0]["number"] == "(312) 555-0142"
    last = (await audit_rows(db, tenant, maria))[-1]
    assert (last["action"], last["purpose"], last["contact_id"]) == ("emergency", "ETREAT", call)
    assert "address" in last["fields"]  # type: ignore[operator]


async def test_b7_the_bypass_works_after_the_call_dropped_and_without_a_reason(
    db: Database, tenant: int, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    async with db.tenant(tenant) as tx:
        await tx.run("UPDATE call SET ended_at = now(), agent_id = NULL")
    assert (await service.open_in_emergency(agent, call, maria, "")).emergency
    assert (await service.open_in_emergency(agent, call, maria, "Chest pain, line dropped")).emergency
    rows = await audit_rows(db, tenant, maria)
    assert [r["detail"] for r in rows] == [{}, {"reason": "Chest pain, line dropped"}]


async def test_b7_the_bypass_opens_one_patient_on_one_contact_only(
    db: Database, tenant: int, practice: Practice, agent: Actor, call: UUID, service: PatientService
) -> None:
    maria, other = await make_patient(db, tenant), await make_patient(db, tenant, "Robert Stone")
    await service.open_in_emergency(agent, call, maria)
    assert (await service.card(agent, call, maria)).emergency
    with pytest.raises(VerificationNeeded):
        await service.card(agent, call, other)
    next_call = await make_call(db, tenant, practice, caller=NUMBER, agent_id=agent.person_id)
    with pytest.raises(VerificationNeeded):
        await service.card(agent, next_call, maria)


# --- policy -------------------------------------------------------------------------------------------------------


async def test_a_tenants_own_policy_holds_from_its_date(
    db: Database, tenant: int, agent: Actor, call: UUID, clock: ManualClock, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    admin = await make_person(db, tenant, Role.ADMINISTRATOR)
    body = json.loads(files("careline.patients").joinpath("data/verification_policy.json").read_text("utf-8"))
    body["levels"]["1"]["groups"] = [{"count": 2, "of": ["postal_code", "street", "mrn"]}]
    await service.set_policy(admin, body, valid_from=clock.now() + timedelta(hours=1))

    assert (await service.verify(agent, call, maria, MARIA)).level == 1
    clock.advance(hours=1)
    stricter = await make_patient(db, tenant, "Ana Garcia")
    result = await service.verify(
        agent, call, stricter, Stated(name="Ana Garcia", birth_date=BORN, postal_code="60614")
    )
    assert (result.level, result.outcome) == (0, Outcome.INCOMPLETE)


async def test_who_may_not_search_may_not_learn_that_a_patient_exists(
    db: Database, tenant: int, call: UUID, service: PatientService
) -> None:
    maria = await make_patient(db, tenant)
    quality = await make_person(db, tenant, Role.QUALITY)
    attempts = (
        service.candidates(quality, call),
        service.search(quality, call, Sought(name="Maria Garcia")),
        service.verify(quality, call, maria, MARIA),
        service.card(quality, call, maria),
        service.open_in_emergency(quality, call, maria),
    )
    for attempt in attempts:
        with pytest.raises(CarelineError) as refused:
            await attempt
        assert refused.value.status == 403
