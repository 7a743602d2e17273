"""Use cases on the places and people of the organization: practices, locations, departments, providers, information."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psycopg.errors import ForeignKeyViolation, UniqueViolation

from careline.kernel.clock import Clock
from careline.kernel.errors import InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.kernel.phone import to_e164
from careline.kernel.text import plain
from careline.organization.model import Department, Location, PracticeInfo, Provider
from careline.organization.store import q
from careline.platform.db import Database
from careline.platform.events import NewEvent, append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.permissions import Permission

#: Everybody who works here may know where the departments are and when they open.
STAFF = tuple(Permission)


class PlacesService:
    """Reads and changes accounts, locations, departments and providers."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock

    async def accounts(self, actor: Actor) -> list[tuple[UUID, str]]:
        """The practices."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [(row["id"], row["name"]) for row in await tx.all(q["list_accounts"])]

    async def add_account(self, actor: Actor, name: str) -> UUID:
        """A new practice."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        account_id = new_id()
        await self._insert(actor, "account", account_id, "insert_account", {"id": account_id, "name": named(name)})
        return account_id

    async def locations(self, actor: Actor) -> list[Location]:
        """The places where patients are seen."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [Location(**row) for row in await tx.all(q["list_locations"])]

    async def add_location(
        self,
        actor: Actor,
        account_id: UUID,
        name: str,
        *,
        zone: str,
        street: str = "",
        city: str = "",
        state: str = "",
        postal_code: str = "",
        phone: str = "",
    ) -> UUID:
        """A new place."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidInput("There is no such time zone.", field="zone") from error
        e164 = to_e164(phone)
        if phone and e164 is None:
            raise InvalidInput("This is not a telephone number.", field="phone")
        location_id = new_id()
        address = {"street": street, "city": city, "state": state, "postal_code": postal_code}
        values = {
            "id": location_id,
            "account_id": account_id,
            "name": named(name),
            **{name: plain(text, name, needed=False) for name, text in address.items()},
            "zone": zone,
            "phone": e164,
        }
        await self._insert(actor, "location", location_id, "insert_location", values)
        return location_id

    async def departments(self, actor: Actor) -> list[Department]:
        """The departments, each with an inbox."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [Department(**row) for row in await tx.all(q["list_departments"])]

    async def add_department(self, actor: Actor, location_id: UUID, name: str, *, specialty: str = "") -> UUID:
        """A new department, with an inbox nobody belongs to yet."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        department_id = new_id()
        specialty = plain(specialty, "specialty", needed=False)
        values = {"id": department_id, "location_id": location_id, "name": named(name), "specialty": specialty}
        await self._insert(actor, "department", department_id, "insert_department", values)
        return department_id

    async def members(self, actor: Actor, department_id: UUID) -> list[tuple[UUID, str]]:
        """Who works a department's inbox. Raises `NotFound`."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(q["find_department"], {"id": department_id}) is None:
                raise NotFound
            rows = await tx.all(q["list_members"], {"department_id": department_id})
        return [(row["id"], row["name"]) for row in rows]

    async def staff(self, actor: Actor) -> list[tuple[UUID, str]]:
        """Everybody who could work an inbox."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [(row["id"], row["name"]) for row in await tx.all(q["list_staff"])]

    async def set_member(self, actor: Actor, department_id: UUID, person_id: UUID, *, member: bool) -> None:
        """Let a person work a department's inbox, or no longer."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        values = {"department_id": department_id, "person_id": person_id}
        statement = "insert_member" if member else "delete_member"
        await self._insert(actor, "department", department_id, statement, values, action=audit.Action.UPDATE)

    async def providers(self, actor: Actor) -> list[Provider]:
        """The people whom patients see."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(q["list_providers"])
        return [Provider(**{**row, "languages": tuple(row["languages"])}) for row in rows]

    async def add_provider(
        self,
        actor: Actor,
        department_id: UUID,
        name: str,
        *,
        credential: str = "",
        specialty: str = "",
        npi: str | None = None,
        languages: tuple[str, ...] = ("en",),
        accepts_new: bool = True,
        person_id: UUID | None = None,
    ) -> UUID:
        """A new provider; with `person_id`, one who signs in and reads an own inbox."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        provider_id = new_id()
        values = {
            "id": provider_id,
            "department_id": department_id,
            "person_id": person_id,
            "name": named(name),
            "credential": credential,
            "specialty": specialty,
            "npi": npi,
            "languages": list(languages),
            "accepts_new": accepts_new,
        }
        await self._insert(actor, "provider", provider_id, "insert_provider", values)
        return provider_id

    async def practice_info(self, actor: Actor, account_id: UUID) -> list[PracticeInfo]:
        """What agents may tell callers about a practice."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(q["find_account"], {"id": account_id}) is None:
                raise NotFound
            rows = await tx.all(q["list_practice_info"], {"account_id": account_id, "at": self.clock.now()})
        return [PracticeInfo(**row) for row in rows]

    async def _insert(
        self,
        actor: Actor,
        kind: str,
        id_: UUID,
        statement: str,
        values: dict[str, Any],
        action: audit.Action = audit.Action.CREATE,
    ) -> None:
        try:
            async with self.db.tenant(actor.tenant_id) as tx:
                await tx.run(q[statement], values)
                await append(tx, [happened(actor, kind, id_, f"{action.value}d")])
                await audit.record(tx, actor, action, kind, id_)
        except UniqueViolation as error:
            raise InvalidInput("This name is taken.", field="name") from error
        except ForeignKeyViolation as error:
            raise InvalidInput("It would belong to something that does not exist.") from error


def named(text: str, field: str = "name") -> str:
    """A name or reason a person gave, in one line. Raises `InvalidInput` when nothing is left or it is far too long."""
    return " ".join(plain(text, field).split())


def happened(actor: Actor, stream: str, id_: UUID, kind: str, **body: Any) -> NewEvent:
    """The event of a change to the organization."""
    return NewEvent(stream=stream, stream_id=id_, kind=kind, body=body, person_id=actor.person_id)
