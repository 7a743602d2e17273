"""A floor made of rows for the browser tests of desk, board and record: no switch, orders are noted and played out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from careline.kernel.errors import CarelineError
from careline.kernel.ids import new_id
from careline.platform.events import NewEvent, append
from careline.security.actor import Actor
from careline.security.permissions import Permission, Role
from careline.testing.floor import Floor
from careline.testing.web import WebApp

Effect = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass
class Orders:
    """Takes the place of `CallCommands`: notes each order once by its key, and plays out what a test wants of it."""

    given: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    effects: dict[str, Effect] = field(default_factory=dict)
    refusals: dict[str, CarelineError] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)

    async def give(self, actor: Actor, kind: str, body: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        """An order from the page."""
        actor.require(Permission.CALL_HANDLE, Permission.AGENT_MANAGE)
        if key is not None and key in self.keys:
            return {}
        if key is not None:
            self.keys.add(key)
        self.given.append((kind, dict(body)))
        if kind in self.refusals:
            raise self.refusals[kind]
        if kind in self.effects:
            await self.effects[kind](body)
        return {}

    def kinds(self) -> list[str]:
        """The kinds of the orders given so far."""
        return [kind for kind, _ in self.given]


class Scene:
    """Ana at her desk, Vera at the board, one queue, one line, and two patients who share a telephone."""

    def __init__(self, app: WebApp) -> None:
        self.app = app
        self.orders = Orders()
        app.services.commands = self.orders
        self.tenant = app.make_tenant()
        self.ana = app.make_person(self.tenant, "ana@example.org", Role.AGENT, name="Ana Ruiz")
        self.vera = app.make_person(self.tenant, "vera@example.org", Role.SUPERVISOR, name="Vera Lund")
        self.queue = self.line = self.call = self.handling = self.odette = self.theo = self.department = UUID(int=0)
        self.do(self._lay)

    def do(self, work: Callable[[Floor], Awaitable[Any]]) -> Any:
        """Run something on the application's own loop with a floor of the present moment."""

        async def go(services: Any) -> Any:
            return await work(Floor(services.db, self.tenant, datetime.now(UTC)))

        return self.app.run(go)

    async def _lay(self, floor: Floor) -> None:
        self.queue = await floor.queue("Scheduling")
        await floor.queue("Billing")
        self.line = await floor.line("Main line")
        await floor.insert("queue_member", queue_id=self.queue, person_id=self.ana)
        await floor.wrap_up_codes()
        await floor.agent("Ben Cho", self.queue)
        for name in ("callcontrol", "switch"):
            await floor.component(name, seen=-3600)
        async with floor.db.tenant(self.tenant) as tx:
            location = await tx.one("SELECT id FROM location")
        assert location is not None
        self.department = await floor.insert(
            "department", id=new_id(), location_id=location["id"], name="Family Medicine"
        )
        household = new_id()
        for given, born in (("Odette", "1984-05-06"), ("Theo", "2015-03-02")):
            patient = await floor.insert(
                "patient",
                id=new_id(),
                mrn=f"M-{given}",
                family="Quillfeather",
                given=given,
                birth_date=born,
                zone="America/Chicago",
                postal_code="53202",
                street="12 Lake Road",
                household_id=household,
            )
            await floor.insert("patient_phone", id=new_id(), patient_id=patient, number="+13125550123", use="mobile")
            if given == "Odette":
                self.odette = patient
            else:
                self.theo = patient

    async def happen(self, floor: Floor, *sql: tuple[str, Mapping[str, Any]], agent: bool = True) -> None:
        """Change rows as call control would, with an event that wakes the live pages."""
        async with floor.db.tenant(self.tenant) as tx:
            for statement, values in sql:
                await tx.run(statement, values)
            if agent:
                kind = NewEvent(stream="agent", stream_id=self.ana, kind="status_changed", body={})
            else:
                kind = NewEvent(stream="call", stream_id=self.call, kind="queued", body={})
            await append(tx, [kind])

    def ring(self) -> None:
        """A call rings at Ana."""

        async def go(floor: Floor) -> None:
            self.call = await floor.call(
                self.line,
                arrived=40,
                queue_id=self.queue,
                queued_at=floor.ago(30),
                place_at=floor.ago(30),
                offered_to=self.ana,
                reason="Appointments",
                language="es",
                caller="+13125550123",
                caller_name="QUILLFEATHER O",
            )
            await floor.stand(self.ana, status="offered")
            await self.happen(floor)

        self.do(go)

    def talk(self) -> None:
        """Ana talks with a caller."""

        async def go(floor: Floor) -> None:
            self.call = await floor.call(
                self.line,
                arrived=90,
                queue_id=self.queue,
                queued_at=floor.ago(60),
                place_at=floor.ago(60),
                phase="talking",
                agent_id=self.ana,
                connected_at=floor.ago(20),
                reason="Appointments",
                caller="+13125550123",
            )
            self.handling = await floor.insert(
                "call_handling", id=new_id(), call_id=self.call, person_id=self.ana, connected_at=floor.ago(20)
            )
            await floor.event(self.call, "arrived", 90)
            await floor.event(self.call, "queued", 60, queue_id=self.queue)
            await floor.event(self.call, "offered", 30, agent_id=self.ana)
            await floor.event(self.call, "connected", 20, agent_id=self.ana)
            await floor.stand(self.ana, status="talking", call_id=self.call)
            await self.happen(floor)

        self.do(go)

    def set_call(self, **values: Any) -> None:
        """Change the call's row, as call control would."""
        changes = ", ".join(f"{name} = %({name})s" for name in values)

        async def go(floor: Floor) -> None:
            statement = f"UPDATE call SET {changes} WHERE id = %(id)s"  # noqa: S608 (names from tests)
            await self.happen(floor, (statement, {**values, "id": self.call}))

        self.do(go)

    def wrap_up(self) -> None:
        """The caller hung up; Ana finishes."""

        async def go(floor: Floor) -> None:
            key = {"call": self.call, "handling": self.handling, "now": floor.now}
            await floor.stand(
                self.ana, status="wrap_up", call_id=self.call, wrap_up_until=floor.now + timedelta(seconds=90)
            )
            await self.happen(
                floor,
                (
                    "UPDATE call SET phase = 'ended', ended_at = %(now)s, ended_by = 'caller', outcome = 'handled',"
                    " agent_id = NULL WHERE id = %(call)s",
                    key,
                ),
                ("UPDATE call_handling SET left_at = %(now)s WHERE id = %(handling)s", key),
            )

        self.do(go)

    def stand(self, status: str, **state: Any) -> None:
        """Put Ana into a state."""

        async def go(floor: Floor) -> None:
            await floor.stand(self.ana, status=status, **state)
            await self.happen(floor)

        self.do(go)

    def note_of_ana(self) -> str | None:
        """The newest text of Ana's notes on the call."""

        async def go(floor: Floor) -> str | None:
            async with floor.db.tenant(self.tenant) as tx:
                row = await tx.one(
                    "SELECT body FROM call_note WHERE call_id = %s ORDER BY version DESC LIMIT 1", (self.call,)
                )
            return str(row["body"]) if row else None

        found: str | None = self.do(go)
        return found
