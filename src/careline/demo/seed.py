"""Fills an empty system with the demo health system, once: the same every time, in a few seconds.

Rows go in as whole sets (`jsonb_populate_recordset`): COPY is refused under row-level security, which holds here too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from careline.demo import clinic, staff
from careline.demo.dice import Dice
from careline.demo.flows import seed_flows
from careline.demo.households import Doctor, Generator, Patients
from careline.flows.service import FlowService
from careline.flows.table_service import TableService
from careline.kernel.clock import Clock
from careline.messages.model import Draft, Urgency
from careline.messages.service import MessageService
from careline.organization.hours import Hours
from careline.organization.model import LineConfig, MenuChoice
from careline.organization.service import OrganizationService
from careline.platform.db import Database, Tx
from careline.platform.settings import Settings
from careline.queues.service import QueueService
from careline.queues.views import QueueRules, WrapUpCode
from careline.security.actor import Actor, system_actor
from careline.security.people import insert_person
from careline.security.permissions import Role
from careline.security.service import Security

SEED = 20_261_123
PATIENTS = 5_200
#: Rows sent in one statement.
_CHUNK = 1_000
_MESSAGES = 26
#: The second tenant is there to be invisible from the first.
_NEIGHBOUR = ("northgate", "Northgate Dental", "+14145550100")


class Services(Protocol):
    """What the seed needs of the composition."""

    @property
    def db(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def organization(self) -> OrganizationService: ...
    @property
    def queues(self) -> QueueService: ...
    @property
    def flows(self) -> FlowService: ...
    @property
    def tables(self) -> TableService: ...
    @property
    def messages(self) -> MessageService: ...
    @property
    def security(self) -> Security: ...


async def seed(services: Services, *, patients: int = PATIENTS) -> bool:
    """Make the demo health system unless it is there already; whether it was made.

    A run that was cut off is completed by the next one: each step first looks for what is there, by its name.
    """
    tenant_id = await _tenant(services.db, clinic.SLUG, clinic.NAME, "integrated", clinic.ZONE)
    actor = system_actor(tenant_id)
    if await _exists(services.db, tenant_id, "message", key=_last_message()):
        return False
    dice = Dice(SEED)
    today = services.clock.now().astimezone(ZoneInfo(clinic.ZONE)).date()
    people = await _staff(services, tenant_id, dice)
    units, doctors = await _places(services, actor, dice, people)
    queues = await _queues(services, actor, people)
    await _lines(services, actor, units, queues, today)
    await seed_flows(services, actor, next(line.number for line in clinic.LINES if line.key == "after-hours"))
    made = Generator(dice, doctors, today).run(patients)
    if not await _exists(services.db, tenant_id, "patient"):
        await _write(services.db, tenant_id, made)
    # After the large tables: plans that PostgreSQL makes for checking references in small ones would be kept for them.
    await _neighbour(services)
    await _messages(services, dice, people, units, doctors, made)
    return True


def greeting(settings: Settings) -> list[str]:
    """What a person needs to try the demo."""
    lines = ["Demo sign-ins (made-up people; the second factor is off in the demo only):"]
    for worker in staff.SHOWN:
        role = ", ".join(r.value for r in worker.roles)
        address = f"{worker.login}@{clinic.DOMAIN}"
        lines.append(f"  {address:<30} {role}")
    lines += [
        f"  password of all: {clinic.PASSWORD}",
        "",
        f"Numbers to call (SIP {settings.sip_host}:{settings.sip_port}, or in a browser {settings.url}/call):",
    ]
    lines += [f"  {line.number}  {line.label}" for line in clinic.LINES]
    return lines


async def put(tx: Tx, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write many rows of one shape, which have the table's own column names."""
    if not rows:
        return
    columns = ", ".join(rows[0])
    statement = (
        f"INSERT INTO {table} ({columns}) SELECT {columns}"  # noqa: S608 (both are our own names)
        f" FROM jsonb_populate_recordset(NULL::{table}, %(rows)s::jsonb)"
    )
    for start in range(0, len(rows), _CHUNK):
        await tx.run(statement, {"rows": json.dumps(rows[start : start + _CHUNK], default=_json)})


def _json(value: object) -> str:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


async def _tenant(db: Database, slug: str, name: str, kind: str, zone: str) -> int:
    async with db.system() as tx:
        row = await tx.one("SELECT id FROM tenant WHERE slug = %(slug)s", {"slug": slug})
        if row is None:
            row = await tx.one(
                "INSERT INTO tenant (slug, name, kind, zone) VALUES (%(slug)s, %(name)s, %(kind)s, %(zone)s)"
                " RETURNING id",
                {"slug": slug, "name": name, "kind": kind, "zone": zone},
            )
    assert row is not None
    return int(row["id"])


async def _exists(db: Database, tenant_id: int, table: str, **where: Any) -> bool:
    """Whether a table has a row (with these values)."""
    condition = " AND ".join(f"{name} = %({name})s" for name in where) or "true"
    async with db.tenant(tenant_id) as tx:
        return await tx.one(f"SELECT FROM {table} WHERE {condition} LIMIT 1", where) is not None


async def _write(db: Database, tenant_id: int, made: Patients) -> None:
    """All patients or none."""
    async with db.tenant(tenant_id) as tx:
        for table, rows in made.tables():
            await put(tx, table, rows)


async def _staff(services: Services, tenant_id: int, dice: Dice) -> dict[str, Actor]:
    """Everybody with a sign-in, by first name. One hash for all: their one password is printed anyway."""
    password_hash = services.security.hasher.hash_now(clinic.PASSWORD)
    workers = [(w.name, w.login, w.roles) for w in staff.WORKERS]
    first = 0
    for unit in clinic.UNITS:
        if unit.providers:
            # The first provider of each department signs in, as surname without the title.
            name = staff.PROVIDERS[first].split("|")[0]
            person = name.removeprefix("Dr. ")
            workers.append((person, f"dr.{person.split()[-1].casefold()}", (Role.PROVIDER,)))
        first += unit.providers
    people: dict[str, Actor] = {}
    async with services.db.tenant(tenant_id) as tx:
        known = {row["id"] for row in await tx.all("SELECT id FROM person")}
        for name, login, roles in workers:
            person_id = dice.id()
            if person_id not in known:
                await insert_person(
                    tx, services.clock, person_id, email=f"{login}@{clinic.DOMAIN}", name=name, language="en",
                    roles=roles, password_hash=password_hash, must_change=False,
                )  # fmt: skip
            people[login] = Actor(
                tenant_id=tenant_id, kind="person", person_id=person_id, name=name, roles=frozenset(roles)
            )
    return people


async def _places(
    services: Services, actor: Actor, dice: Dice, people: Mapping[str, Actor]
) -> tuple[dict[str, UUID], list[Doctor]]:
    """Accounts, locations, departments with their inboxes, providers, practice information."""
    service = services.organization
    accounts = {name: account_id for account_id, name in await service.accounts(actor)}
    for name in clinic.ACCOUNTS:
        if name not in accounts:
            accounts[name] = await service.add_account(actor, name)
    known = {location.name: location.id for location in await service.locations(actor)}
    places: dict[str, UUID] = {}
    for place in clinic.PLACES:
        places[place.key] = known.get(place.name) or await service.add_location(
            actor, accounts[place.account], place.name, zone=clinic.ZONE, street=place.street, city=place.city,
            state=place.state, postal_code=place.postal_code, phone=place.phone,
        )  # fmt: skip
    units: dict[str, UUID] = {}
    doctors: list[Doctor] = []
    departments = {department.name: department.id for department in await service.departments(actor)}
    there = {provider.name: provider.id for provider in await service.providers(actor)}
    names = iter(staff.PROVIDERS)
    for unit in clinic.UNITS:
        units[unit.key] = departments.get(unit.name) or await service.add_department(
            actor, places[unit.place], unit.name, specialty=unit.specialty
        )
        for number in range(unit.providers):
            name, credential, spoken = next(names).split("|")
            login = f"dr.{name.split()[-1].casefold()}"
            open_ = dice.chance(70)
            provider_id = there.get(name) or await service.add_provider(
                actor, units[unit.key], name, credential=credential, specialty=unit.specialty,
                languages=tuple(spoken.split(",")), accepts_new=open_,
                person_id=people[login].person_id if number == 0 else None,
            )  # fmt: skip
            doctors.append(Doctor(provider_id, unit.key, places[unit.place]))
    for worker in staff.WORKERS:
        person_id = people[worker.login].person_id
        for key in worker.inboxes:
            assert person_id is not None
            await service.set_member(actor, units[key], person_id, member=True)
    confirmed = date(2026, 11, 2)
    rows = [
        {"id": dice.id(), "account_id": accounts[name], "topic": topic, "body": words, "owner": owner,
         "last_confirmed": confirmed, "valid_from": confirmed}
        for name in clinic.ACCOUNTS for topic, words, owner in clinic.INFORMATION
    ]  # fmt: skip
    if not await _exists(services.db, actor.tenant_id, "practice_info"):
        async with services.db.tenant(actor.tenant_id) as tx:
            await put(tx, "practice_info", rows)
    return units, doctors


async def _queues(services: Services, actor: Actor, people: Mapping[str, Actor]) -> dict[str, UUID]:
    """Queues, who serves them with what skill, and the codes calls are wrapped up with."""
    ids = {queue.rules.name: queue.id for queue in await services.queues.list(actor)}
    for name, skills, priority, seconds in clinic.QUEUES:
        rules = QueueRules(name=name, skills=skills, priority=priority, expected_handle_seconds=seconds)
        if name not in ids:
            ids[name] = (await services.queues.create(actor, rules)).id
    for worker in staff.WORKERS:
        person_id = people[worker.login].person_id
        if person_id is not None and {Role.AGENT, Role.SUPERVISOR} & set(worker.roles):
            serves = {q for skill in worker.skills for q in staff.SKILL_QUEUES[skill]} | {"General"}
            await services.queues.set_profile(
                actor, person_id, skills=worker.skills, languages=worker.languages,
                queues=[ids[name] for name in sorted(serves)],
            )  # fmt: skip
    for position, (code, english, spanish) in enumerate(clinic.WRAP_UP):
        await services.queues.save_code(
            actor, WrapUpCode(code=code, label_en=english, label_es=spanish, position=position, active=True)
        )
    return ids


async def _lines(
    services: Services, actor: Actor, units: Mapping[str, UUID], queues: Mapping[str, UUID], today: date
) -> None:
    """The public numbers, open as their hours say; the main line around the clock."""
    service = services.organization
    exceptions = [
        {"day": day.isoformat(), "label": label, "open": []} for day, label in holidays(today.year, today.year + 2)
    ]
    hours = {found.name: found.id for found in await service.hours(actor)}
    for name, weekly in clinic.HOURS.items():
        if name not in hours:
            body = {"zone": clinic.ZONE, "weekly": weekly, "exceptions": exceptions}
            hours[name] = await service.add_hours(actor, name, Hours.from_body(body))
    places = {location.name: location for location in await service.locations(actor)}
    there = {view.number for view in await service.lines(actor)}
    for line in clinic.LINES:
        if line.number in there:
            continue
        place = places[next(p.name for p in clinic.PLACES if p.key == line.place)]
        menu = tuple(
            MenuChoice(
                key=key, reason=reason, queue_id=queues[queue], labels={"en": queue, "es": clinic.SPANISH[queue]}
            )
            for key, reason, queue in line.menu
        )
        config = LineConfig(
            languages=("en", "es"),
            hours_id=hours[line.hours] if line.hours else None,
            menu=menu,
            queue_id=queues[line.queue],
            voicemail_department_id=units[line.department],
        )
        await service.add_line(
            actor, account_id=place.account_id, location_id=place.id, number=line.number, label=line.label,
            config=config,
        )  # fmt: skip


def holidays(first: int, last: int) -> list[tuple[date, str]]:
    """The days on which clinics are closed, from the start of one year to the end of another."""
    found = []
    for year in range(first, last + 1):
        found += [(date(year, month, day), label) for month, day, label in clinic.FIXED_HOLIDAYS]
        for month, weekday, which, label in clinic.MOVING_HOLIDAYS:
            days = [d for d in _month(year, month) if d.weekday() == weekday]
            found.append((days[which - 1] if which > 0 else days[which], label))
    return sorted(found)


def _month(year: int, month: int) -> list[date]:
    start = date(year, month, 1)
    return [d for d in (start + timedelta(days=n) for n in range(31)) if d.month == month]


async def _neighbour(services: Services) -> None:
    """A second, small customer: whatever the first one sees, it must not be this."""
    slug, name, number = _NEIGHBOUR
    tenant_id = await _tenant(services.db, slug, name, "administrative", clinic.ZONE)
    if await _exists(services.db, tenant_id, "patient"):
        return
    actor, service, dice = system_actor(tenant_id), services.organization, Dice(SEED + 1)
    accounts = {known: account_id for account_id, known in await service.accounts(actor)}
    account_id = accounts.get(name) or await service.add_account(actor, name)
    places = {place.name: place.id for place in await service.locations(actor)}
    location_id = places.get(name) or await service.add_location(
        actor, account_id, name, zone=clinic.ZONE, city="Milwaukee"
    )
    desks = {desk.name: desk.id for desk in await service.departments(actor)}
    department_id = desks.get("Front desk") or await service.add_department(actor, location_id, "Front desk")
    queues = {queue.rules.name: queue.id for queue in await services.queues.list(actor)}
    queue_id = queues.get("Front desk") or (await services.queues.create(actor, QueueRules(name="Front desk"))).id
    if not await service.lines(actor):
        config = LineConfig(languages=("en",), queue_id=queue_id, voicemail_department_id=department_id)
        await service.add_line(
            actor, account_id=account_id, location_id=location_id, number=number, label=name, config=config
        )
    email = f"admin@{slug}.example"
    if not await _exists(services.db, tenant_id, "person", email=email):
        await _neighbours_administrator(services, tenant_id, dice.id(), email)
    await _write(services.db, tenant_id, Generator(dice, [], date(2026, 11, 23)).run(120))


async def _neighbours_administrator(services: Services, tenant_id: int, person_id: UUID, email: str) -> None:
    async with services.db.tenant(tenant_id) as tx:
        await insert_person(
            tx, services.clock, person_id, email=email, name="Bill Northgate", language="en",
            roles=(Role.ADMINISTRATOR, Role.AGENT), must_change=False,
            password_hash=services.security.hasher.hash_now(clinic.PASSWORD),
        )  # fmt: skip


_NOTES = (
    ("appointment", Urgency.ROUTINE, "Would like to move next week's visit to a later hour."),
    ("refill", Urgency.ROUTINE, "Asks for a refill of a blood pressure medicine; has five tablets left."),
    ("results", Urgency.ROUTINE, "Asks whether last week's results have arrived. Told that the office will call."),
    ("referral", Urgency.ROUTINE, "The specialist's office has not received the referral."),
    ("billing", Urgency.ROUTINE, "Received two statements for the same visit."),
    ("records", Urgency.ROUTINE, "Needs the vaccine record for school by Friday."),
    ("clinical", Urgency.URGENT, "Pharmacy closes at 18:00 and the prescription is not there yet."),
    ("other", Urgency.ROUTINE, "Asks for a call back about home care forms."),
)


class _Earlier:
    """The clock as it stood some minutes ago: messages of this morning were taken this morning."""

    def __init__(self, clock: Clock, minutes: int) -> None:
        self._at = clock.now() - timedelta(minutes=minutes)

    def now(self) -> datetime:
        """The earlier instant."""
        return self._at


async def _messages(
    services: Services,
    dice: Dice,
    people: Mapping[str, Actor],
    units: Mapping[str, UUID],
    doctors: Sequence[Doctor],
    made: Patients,
) -> None:
    """A few messages in the inboxes, as a morning would have left them: most new, some taken on, some done."""
    agents = [people[w.login] for w in staff.SHOWN[:2] + staff.AGENTS[:4]]
    workers = {key: people[w.login] for w in staff.WORKERS for key in w.inboxes}
    phones = {p["patient_id"]: p["number"] for p in made.patient_phone}
    adults = [p for p in made.patient if p["birth_date"].year < 2004 and p["id"] in phones]
    desks = {"refill": "refills", "billing": "business", "referral": "referrals", "records": "referrals"}
    for number in range(_MESSAGES):
        reason, urgency, body = _NOTES[number % len(_NOTES)]
        caller = dice.choice(adults)
        doctor = doctors[dice.randrange(len(doctors))] if dice.chance(25) else None
        unit = desks.get(reason) or dice.choice(("fm-loop", "peds", "women"))
        minutes = dice.randint(2, 20) if urgency is Urgency.URGENT else dice.randint(5, 215)
        message_id = await MessageService(services.db, _Earlier(services.clock, minutes)).take(
            dice.choice(agents),
            Draft(
                department_id=None if doctor else units[unit],
                provider_id=doctor.id if doctor else None,
                caller_name=f"{caller['given']} {caller['family']}",
                callback=phones[caller["id"]],
                callback_confirmed=True,
                voicemail_ok=dice.chance(50),
                language=caller["language"],
                reason=reason,
                body=body,
                urgency=urgency,
                patient_id=caller["id"],
                key=f"seed-{number}",
            ),
        )
        if doctor is None and number % 3 == 1:
            later = MessageService(services.db, _Earlier(services.clock, minutes // 2))
            await later.open(workers[unit], message_id)
            await later.acknowledge(workers[unit], message_id)
            if number % 2 == 0:
                await later.finish(workers[unit], message_id, dice.choice(("resolved", "called-back")))


def _last_message() -> str:
    """The key of what is written last: its presence says that everything is there."""
    return f"seed-{_MESSAGES - 1}"
