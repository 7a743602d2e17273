"""Small builders of people, practices and patients for tests: only what matters to a test has to be said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.ids import new_id
from careline.organization.hours import Hours
from careline.organization.model import LineConfig
from careline.organization.service import OrganizationService
from careline.patients import store as patient_store
from careline.platform.db import Database
from careline.security.actor import Actor, system_actor
from careline.security.permissions import Role

_serial = count(1)

#: Monday to Friday, 08:00 to 17:00 in Chicago; closed on Thanksgiving.
OFFICE_HOURS = Hours.from_body(
    {
        "zone": "America/Chicago",
        "weekly": {day: [["08:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
        "exceptions": [{"day": "2026-11-26", "label": "Thanksgiving", "open": []}],
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A practice with one location, one department, one provider and one line."""

    account_id: UUID
    location_id: UUID
    department_id: UUID
    provider_id: UUID
    hours_id: UUID
    line_id: UUID
    number: str


async def make_tenant(
    db: Database, slug: str, *, name: str = "Other Clinic", kind: str = "administrative", zone: str = "America/New_York"
) -> int:
    """A further tenant."""
    async with db.system() as tx:
        row = await tx.one(
            "INSERT INTO tenant (slug, name, kind, zone) VALUES (%(slug)s, %(name)s, %(kind)s, %(zone)s) RETURNING id",
            {"slug": slug, "name": name, "kind": kind, "zone": zone},
        )
    assert row is not None
    return int(row["id"])


async def make_lakeside(db: Database, slug: str = "lakeside") -> int:
    """The tenant of most tests: Lakeside Health, of both kinds of service, in New York's time."""
    return await make_tenant(db, slug, name="Lakeside Health", kind="integrated")


async def make_person(db: Database, tenant_id: int, *roles: Role, name: str = "Robin Park") -> Actor:
    """Somebody who works here, already signed in."""
    person_id = new_id()
    async with db.tenant(tenant_id) as tx:
        await tx.run(
            "INSERT INTO person (id, email, name) VALUES (%(id)s, %(email)s, %(name)s)",
            {"id": person_id, "email": f"person{next(_serial)}@example.org", "name": name},
        )
        for role in roles:
            await tx.run(
                "INSERT INTO person_role (person_id, role) VALUES (%(id)s, %(role)s)",
                {"id": person_id, "role": role.value},
            )
    return Actor(tenant_id=tenant_id, kind="person", person_id=person_id, name=name, roles=frozenset(roles))


async def make_practice(
    db: Database, tenant_id: int, clock: Clock, *, number: str = "+13125550100", name: str = "Lakeside Clinic"
) -> Practice:
    """A small practice, open in office hours."""
    actor, service = system_actor(tenant_id), OrganizationService(db, clock)
    account_id = await service.add_account(actor, name)
    location_id = await service.add_location(actor, account_id, f"{name}, Main Street", zone="America/Chicago")
    department_id = await service.add_department(actor, location_id, f"{name} Family Medicine")
    provider_id = await service.add_provider(actor, department_id, "Dr. Ana Osei", specialty="Family medicine")
    hours_id = await service.add_hours(actor, f"{name} hours", OFFICE_HOURS)
    line_id = await service.add_line(
        actor,
        account_id=account_id,
        location_id=location_id,
        number=number,
        label=name,
        config=LineConfig(languages=("en", "es"), hours_id=hours_id, voicemail_department_id=department_id),
    )
    return Practice(
        account_id=account_id,
        location_id=location_id,
        department_id=department_id,
        provider_id=provider_id,
        hours_id=hours_id,
        line_id=line_id,
        number=number,
    )


async def make_call(db: Database, tenant_id: int, practice: Practice, *, caller: str | None, **columns: Any) -> UUID:
    """A call in progress, as call control would have written it."""
    call_id = new_id()
    values = {
        "id": call_id,
        "line_id": practice.line_id,
        "source": "trunk",
        "dialled": practice.number,
        "caller": caller,
        "phase": "talking",
        "arrived_at": "2026-11-23T15:58:00Z",
        "channel": str(call_id),
        **columns,
    }
    names = ", ".join(values)
    marks = ", ".join(f"%({name})s" for name in values)
    async with db.tenant(tenant_id) as tx:
        await tx.run(f"INSERT INTO call ({names}) VALUES ({marks})", values)  # noqa: S608 (names are our own)
    return call_id


async def make_patient(db: Database, tenant_id: int, name: str = "Maria Garcia", **columns: Any) -> UUID:
    """A patient; the last word of `name` is the family name. Any column may be given, and `phones`."""
    given, _, family = name.rpartition(" ")
    values = {
        "mrn": f"MRN{next(_serial):06d}",
        "given": given,
        "family": family,
        "birth_date": date(1984, 3, 12),
        "zone": "America/Chicago",
        "street": "412 Birch Street",
        "city": "Chicago",
        "state": "IL",
        "postal_code": "60614",
        **columns,
    }
    async with db.tenant(tenant_id) as tx:
        return await patient_store.insert_patient(tx, **values)


async def make_grant(db: Database, tenant_id: int, patient_id: UUID, holder_name: str, **columns: Any) -> UUID:
    """Somebody who may act for a patient: by default a parent, in everything but sensitive matters."""
    grant_id = new_id()
    values = {
        "id": grant_id,
        "patient_id": patient_id,
        "holder_name": holder_name,
        "holder_phone": None,
        "role": "parent",
        "scope": ["schedule", "billing", "clinical", "results"],
        "basis": "parent of a minor",
        "note": "",
        "valid_from": date(2020, 1, 1),
        "valid_until": None,
        "age_out": None,
        **columns,
    }
    async with db.tenant(tenant_id) as tx:
        await tx.run(patient_store.q["insert_grant"], values)
    return grant_id
