"""A call center's floor as plain rows: people, queues, lines, calls and their events, without call control.

For tests of what reads those rows. Live state is written by call control alone; nothing here is used outside of tests.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.kernel.ids import new_id
from careline.platform.db import Database
from careline.security.actor import Actor
from careline.security.permissions import Role


class Floor:
    """Builds rows in one tenant. Everything returns the new row's id."""

    def __init__(self, db: Database, tenant_id: int, now: datetime) -> None:
        self.db = db
        self.tenant_id = tenant_id
        self.now = now
        self._serial = 0

    def ago(self, seconds: float) -> datetime:
        """A moment before now."""
        return self.now - timedelta(seconds=seconds)

    async def insert(self, table: str, **values: Any) -> UUID:
        """One row; an `id` is made when the table has one and none is given."""
        columns = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(f"%({name})s" for name in values)
        async with self.db.tenant(self.tenant_id) as tx:
            await tx.run(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)  # noqa: S608 (names from tests)
        found = values.get("id")
        return found if isinstance(found, UUID) else UUID(int=0)

    def actor(self, person: UUID, name: str, *roles: Role) -> Actor:
        """The person as an actor."""
        return Actor(tenant_id=self.tenant_id, kind="person", person_id=person, name=name, roles=frozenset(roles))

    async def person(self, name: str, *roles: Role) -> UUID:
        """A person with roles."""
        self._serial += 1
        mail = f"{name.lower().replace(' ', '.')}.{self._serial}@example.org"
        person = await self.insert("person", id=new_id(), email=mail, name=name)
        for role in roles:
            await self.insert("person_role", person_id=person, role=role.value)
        return person

    async def agent(
        self,
        name: str,
        *queues: UUID,
        status: str = "available",
        since: float = 60,
        online: bool = True,
        languages: tuple[str, ...] = ("en",),
        **state: Any,
    ) -> UUID:
        """An agent on the floor, in a state since some seconds."""
        person = await self.person(name, Role.AGENT)
        await self.stand(person, status=status, since=since, online=online, **state)
        for queue in queues:
            await self.insert("queue_member", queue_id=queue, person_id=person)
        for language in languages:
            await self.insert("person_language", person_id=person, language=language)
        return person

    async def stand(self, person: UUID, *, status: str, since: float = 0, online: bool = True, **state: Any) -> None:
        """Put a person into a state."""
        async with self.db.tenant(self.tenant_id) as tx:
            await tx.run("DELETE FROM agent_state WHERE person_id = %s", (person,))
        await self.insert(
            "agent_state",
            person_id=person,
            status=status,
            since=self.ago(since),
            phone_online=online,
            endpoint=state.pop("endpoint", f"s-{person.hex[:8]}"),
            **state,
        )

    async def queue(self, name: str, **values: Any) -> UUID:
        """A queue."""
        return await self.insert("queue", id=new_id(), name=name, **values)

    async def line(self, label: str = "Main line", number: str | None = None) -> UUID:
        """A line with its practice and location."""
        self._serial += 1
        account = await self.insert("account", id=new_id(), name=f"Lakeside Family Medicine {self._serial}")
        location = await self.insert(
            "location",
            id=new_id(),
            account_id=account,
            name=f"Harbor Street Clinic {self._serial}",
            street="120 Harbor Street",
            city="Milwaukee",
            state="WI",
            postal_code="53202",
            zone="America/Chicago",
        )
        return await self.insert(
            "line",
            id=new_id(),
            account_id=account,
            location_id=location,
            number=number or f"+1555201{self._serial:04}",
            label=label,
        )

    async def call(self, line: UUID, *, arrived: float = 60, **values: Any) -> UUID:
        """A call that arrived some seconds ago."""
        call = new_id()
        row: dict[str, Any] = {
            "id": call,
            "line_id": line,
            "source": "trunk",
            "dialled": "+15552010001",
            "caller": "+15552019999",
            "phase": "waiting",
            "arrived_at": self.ago(arrived),
            "channel": f"c-{call}",
        }
        row.update(values)
        return await self.insert("call", **row)

    async def event(self, call: UUID, kind: str, ago: float, *, stream: str = "call", **body: Any) -> None:
        """Something that happened to a call some seconds ago."""
        plain = {key: str(value) if isinstance(value, UUID) else value for key, value in body.items()}
        await self.insert("event", stream=stream, stream_id=call, kind=kind, at=self.ago(ago), body=Jsonb(plain))

    async def wrap_up_codes(self) -> None:
        """The codes to wrap up with."""
        codes = [
            ("appointment", "Appointment", "Cita"),
            ("message", "Message taken", "Mensaje tomado"),
            ("information", "Information given", "Información dada"),
            ("wrong-number", "Wrong number", "Número equivocado"),
        ]
        for position, (code, english, spanish) in enumerate(codes):
            await self.insert("wrap_up_code", code=code, label_en=english, label_es=spanish, position=position)

    async def component(self, name: str, state: str = "up", detail: str = "", seen: float = 0) -> None:
        """What a part of the installation says about itself."""
        values = {"name": name, "state": state, "detail": detail, "since": self.now, "seen_at": self.ago(seen)}
        columns, marks = ", ".join(values), ", ".join(f"%({key})s" for key in values)
        async with self.db.system() as tx:
            await tx.run("DELETE FROM component_state WHERE name = %s", (name,))
            await tx.run(f"INSERT INTO component_state ({columns}) VALUES ({marks})", values)  # noqa: S608 (fixed names)
