"""Tenant, account, location, line; effective-dated, versioned configuration; hours and the closure switch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from careline.kernel.errors import Forbidden, InvalidInput, NotFound
from careline.organization.hours import Hours, InvalidHours
from careline.organization.model import Door, EmergencyContact, InvalidLineConfig, LineConfig, MenuChoice, NumberTaken
from careline.organization.service import OrganizationService
from careline.platform.db import Database
from careline.queues.service import QueueService
from careline.queues.views import QueueRules
from careline.security.actor import system_actor
from careline.security.keys import Keyring
from careline.security.permissions import Role
from careline.testing.builders import OFFICE_HOURS, make_person, make_practice, make_tenant
from careline.testing.clock import ManualClock

pytestmark = pytest.mark.integration

#: A Monday, 10:00 in Chicago.
MONDAY = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def service(db: Database, clock: ManualClock) -> OrganizationService:
    return OrganizationService(db, clock)


async def test_a1_a_number_leads_through_line_location_and_account_to_its_tenant(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    other = await make_tenant(db, "elsewhere")
    ours = await make_practice(db, tenant, clock, number="+13125550100", name="Lakeside Clinic")
    theirs = await make_practice(db, other, clock, number="+14145550100", name="Elsewhere Clinic")

    line = await service.line_for("312/555-0100")

    assert line is not None
    assert (line.tenant_id, line.line_id) == (tenant, ours.line_id)
    assert (line.location_name, line.account_name) == ("Lakeside Clinic, Main Street", "Lakeside Clinic")
    other_line = await service.line_for("+1 (414) 555-0100")
    assert other_line is not None
    assert (other_line.tenant_id, other_line.line_id) == (other, theirs.line_id)
    assert await service.line_for("+13125550199") is None
    assert await service.line_for("anonymous") is None


async def test_a1_a_number_belongs_to_one_line_in_the_whole_installation(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    await make_practice(db, tenant, clock, number="+13125550100")
    other = await make_tenant(db, "elsewhere")
    there = await make_practice(db, other, clock, number="+14145550100", name="Elsewhere Clinic")

    with pytest.raises(NumberTaken):
        await service.add_line(
            system_actor(other),
            account_id=there.account_id,
            location_id=there.location_id,
            number="(312) 555-0100",
            label="Stolen",
            config=LineConfig(),
        )

    assert len(await service.lines(system_actor(other))) == 1


async def test_a1_nothing_can_be_built_on_another_tenants_account(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    ours = await make_practice(db, tenant, clock)
    other = system_actor(await make_tenant(db, "elsewhere"))

    with pytest.raises(InvalidInput):
        await service.add_location(other, ours.account_id, "Squatters", zone="America/Chicago")
    with pytest.raises(NotFound):
        await service.configure_line(other, ours.line_id, LineConfig())
    with pytest.raises(NotFound):
        await service.line(other, ours.line_id)
    with pytest.raises(InvalidInput):
        await service.close(other, reason="mischief", line_id=ours.line_id)

    assert await service.locations(other) == []
    still = await service.line_for(ours.number)
    assert still is not None and still.version == 1


async def test_a1_configuration_is_versioned_and_holds_from_its_date(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    practice = await make_practice(db, tenant, clock)
    admin = await make_person(db, tenant, Role.ADMINISTRATOR)
    next_week = MONDAY + timedelta(days=7)

    assert (
        await service.configure_line(
            admin, practice.line_id, LineConfig(languages=("en",)), valid_from=next_week, note="Spanish line moves"
        )
        == 2
    )
    clock.advance(minutes=5)
    assert await service.configure_line(admin, practice.line_id, LineConfig(languages=("en", "es", "vi"))) == 3

    async def languages(at: datetime) -> tuple[str, ...]:
        return (await service.line(admin, practice.line_id, at)).config.languages

    assert await languages(MONDAY) == ("en", "es")
    assert await languages(clock.now()) == ("en", "es", "vi")
    assert await languages(next_week - timedelta(seconds=1)) == ("en", "es", "vi")
    assert await languages(next_week) == ("en",)
    history = await service.line_history(admin, practice.line_id)
    assert [(v.version, v.made_by, v.note) for v in history][:2] == [
        (3, admin.name, ""),
        (2, admin.name, "Spanish line moves"),
    ]


async def test_a1_the_past_cannot_be_rewritten(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    practice = await make_practice(db, tenant, clock)
    admin = await make_person(db, tenant, Role.ADMINISTRATOR)

    with pytest.raises(InvalidInput):
        await service.configure_line(admin, practice.line_id, LineConfig(), valid_from=MONDAY - timedelta(minutes=1))

    assert [v.version for v in await service.line_history(admin, practice.line_id)] == [1]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (LineConfig(languages=()), "at least one language"),
        (LineConfig(languages=("en", "en")), "twice"),
        (LineConfig(max_wait_seconds=1), "longest wait"),
    ],
)
async def test_a_configuration_no_caller_could_get_through_is_refused(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService, config: LineConfig, says: str
) -> None:
    practice = await make_practice(db, tenant, clock)

    with pytest.raises(InvalidLineConfig, match=says):
        await service.configure_line(system_actor(tenant), practice.line_id, config)


async def test_a_menu_needs_words_in_every_language_of_the_line(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    practice = await make_practice(db, tenant, clock)
    choice = MenuChoice(key="1", reason="appointments", queue_id=practice.line_id, labels={"en": "appointments"})

    with pytest.raises(InvalidLineConfig, match="no words in: es"):
        await service.configure_line(
            system_actor(tenant), practice.line_id, LineConfig(languages=("en", "es"), menu=(choice,))
        )


async def test_a_line_leads_only_to_queues_that_are_there(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    practice = await make_practice(db, tenant, clock)
    other = system_actor(await make_tenant(db, "elsewhere"))
    theirs = await QueueService(db, clock, Keyring.ephemeral()).create(other, QueueRules(name="Theirs"))

    with pytest.raises(InvalidInput, match="no such queue"):
        await service.configure_line(system_actor(tenant), practice.line_id, LineConfig(queue_id=theirs.id))

    line = await service.line_for(practice.number)
    assert line is not None and line.config.queue_id is None


async def test_v6_help_is_never_sought_at_a_line_or_at_a_premium_number(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    ours = await make_practice(db, tenant, clock, number="+13125550100")
    other = await make_tenant(db, "elsewhere")
    await make_practice(db, other, clock, number="+14145550100", name="Elsewhere Clinic")

    def helped_by(number: str) -> LineConfig:
        return LineConfig(emergency_contacts=(EmergencyContact(name="Charge nurse", number=number),))

    admin = system_actor(tenant)
    for line in ("+13125550100", "+14145550100"):
        with pytest.raises(InvalidInput, match="answers this number itself"):
            await service.configure_line(admin, ours.line_id, helped_by(line))
    with pytest.raises(InvalidInput, match="premium-rate"):
        await service.configure_line(admin, ours.line_id, helped_by("+19005551234"))
    with pytest.raises(InvalidInput, match="answers this number itself"):
        await service.add_line(
            admin,
            account_id=ours.account_id,
            location_id=ours.location_id,
            number="+13125550101",
            label="Nurses",
            config=helped_by("+13125550101"),
        )
    assert len(await service.lines(admin)) == 1
    assert await service.configure_line(admin, ours.line_id, helped_by("+14145550111")) > 1


async def test_hours_decide_the_door_and_a_holiday_beats_the_week(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    practice = await make_practice(db, tenant, clock)

    async def door(at: datetime) -> Door:
        line = await service.line_for(practice.number, at)
        assert line is not None
        return line.door

    assert await door(MONDAY) is Door.OPEN
    assert await door(datetime(2026, 11, 23, 23, 0, tzinfo=UTC)) is Door.CLOSED
    assert await door(datetime(2026, 11, 26, 16, 0, tzinfo=UTC)) is Door.CLOSED
    assert await door(datetime(2026, 11, 27, 16, 0, tzinfo=UTC)) is Door.OPEN
    closing = await service.line_for(practice.number, MONDAY)
    assert closing is not None
    assert closing.changes_at == datetime(2026, 11, 23, 23, 0, tzinfo=UTC)


async def test_changed_hours_hold_from_their_date(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    practice = await make_practice(db, tenant, clock)
    admin = await make_person(db, tenant, Role.ADMINISTRATOR)
    body = OFFICE_HOURS.to_body()
    body["weekly"]["sat"] = [["09:00", "12:00"]]
    december = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)

    await service.change_hours(admin, practice.hours_id, Hours.from_body(body), valid_from=december)

    for at, expected in (
        (datetime(2026, 11, 28, 16, 0, tzinfo=UTC), Door.CLOSED),
        (datetime(2026, 12, 5, 16, 0, tzinfo=UTC), Door.OPEN),
    ):
        line = await service.line_for(practice.number, at)
        assert line is not None and line.door is expected


async def test_o18_m9_the_closure_switch_beats_the_hours_at_once_and_is_audited(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    practice = await make_practice(db, tenant, clock)
    supervisor = await make_person(db, tenant, Role.SUPERVISOR)

    closure_id = await service.close(supervisor, reason="Burst pipe", location_id=practice.location_id)
    closed = await service.line_for(practice.number)
    await service.reopen(supervisor, closure_id)
    await service.reopen(supervisor, closure_id)
    reopened = await service.line_for(practice.number)

    assert closed is not None and closed.door is Door.EMERGENCY_CLOSED
    assert closed.closure_reason == "Burst pipe"
    assert reopened is not None and reopened.door is Door.OPEN
    async with db.tenant(tenant) as tx:
        rows = await tx.all("SELECT detail FROM audit_log WHERE object_type = 'closure' ORDER BY seq")
    assert [row["detail"]["on"] for row in rows] == [True, False]


async def test_a_closure_with_an_end_ends_by_itself(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    practice = await make_practice(db, tenant, clock)
    await service.close(system_actor(tenant), reason="Snow", until=MONDAY + timedelta(hours=2))

    before = await service.line_for(practice.number, MONDAY + timedelta(hours=1, minutes=59))
    after = await service.line_for(practice.number, MONDAY + timedelta(hours=2))

    assert before is not None and before.door is Door.EMERGENCY_CLOSED
    assert after is not None and after.door is Door.OPEN


async def test_agents_may_look_but_not_change(
    db: Database, tenant: int, clock: ManualClock, service: OrganizationService
) -> None:
    practice = await make_practice(db, tenant, clock)
    agent = await make_person(db, tenant, Role.AGENT)

    assert [p.name for p in await service.providers(agent)] == ["Dr. Ana Osei"]
    with pytest.raises(Forbidden):
        await service.configure_line(agent, practice.line_id, LineConfig())
    with pytest.raises(Forbidden):
        await service.close(agent, reason="Tired")


@pytest.mark.parametrize(
    "until",
    [datetime(2026, 11, 24), MONDAY - timedelta(seconds=1), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)],  # noqa: DTZ001
)
async def test_a_closure_ends_at_a_sensible_moment(tenant: int, service: OrganizationService, until: datetime) -> None:
    with pytest.raises(InvalidInput):
        await service.close(system_actor(tenant), reason="Snow", until=until)


@pytest.mark.parametrize(
    "body",
    [
        {"zone": "Mars/Olympus", "weekly": {}},
        {"zone": "../../etc/passwd", "weekly": {}},
        {"zone": "America/Chicago", "weekly": {"mon": [["08:00"]]}},
        {"zone": "America/Chicago", "weekly": {"mon": [["08:00", "25:00"]]}},
        {"zone": "America/Chicago", "weekly": {"mon": [["08:00+02:00", "17:00"]]}},
        {"zone": "America/Chicago", "weekly": {"someday": []}},
        {"zone": "America/Chicago", "weekly": {"mon": [["08:00", "12:00"], ["11:00", "17:00"]]}},
        {"zone": "America/Chicago", "weekly": {}, "exceptions": [{"day": "2026-02-30", "open": []}]},
        {"zone": "America/Chicago", "weekly": {}, "exceptions": [{"day": "2026-12-25"}, {"day": "2026-12-25"}]},
        {},
    ],
)
def test_hours_that_mean_nothing_are_refused(body: dict[str, object]) -> None:
    with pytest.raises(InvalidHours):
        Hours.from_body(body)
