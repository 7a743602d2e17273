"""Use cases of the organisation: what a dialled number means, how lines and hours are changed, the closure switch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation, UniqueViolation

from careline.kernel.errors import InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.kernel.phone import is_premium, to_e164
from careline.kernel.text import plain
from careline.organization import store
from careline.organization.hours import Hours
from careline.organization.model import (
    Closure,
    LineConfig,
    LineView,
    NumberTaken,
)
from careline.organization.places import STAFF, PlacesService, happened, named
from careline.organization.store import q
from careline.platform.db import Tx
from careline.platform.events import append
from careline.security import audit
from careline.security.actor import Actor
from careline.security.permissions import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One past, present or coming version of a configuration."""

    version: int
    valid_from: datetime
    made_at: datetime
    made_by: str | None
    note: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedHours:
    """Some opening hours, as they hold now."""

    id: UUID
    name: str
    version: int
    valid_from: datetime
    hours: Hours
    open_now: bool
    changes_at: datetime | None


class OrganizationService(PlacesService):
    """Everything about the organization: its places and people, and its lines, hours and closures."""

    # --- lines ----------------------------------------------------------------------------------------------------

    async def line_for(self, number: str, at: datetime | None = None) -> LineView | None:
        """The line a dialled number belongs to, as it is at `at`; None when it is nobody's. For call control."""
        e164 = to_e164(number)
        if e164 is None:
            return None
        async with self.db.system() as tx:
            ref = await store.find_line(tx, e164)
        if ref is None:
            return None
        async with self.db.tenant(ref.tenant_id) as tx:
            return await store.line_view(tx, ref.line_id, at or self.clock.now())

    async def line(self, actor: Actor, line_id: UUID, at: datetime | None = None) -> LineView:
        """One line. Raises `NotFound`."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            view = await store.line_view(tx, line_id, at or self.clock.now())
        if view is None:
            raise NotFound()
        return view

    async def lines(self, actor: Actor, at: datetime | None = None, *, retired: bool = False) -> list[LineView]:
        """Every line of the tenant that is in service; with `retired` the others too, last."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            return await store.line_views(tx, at or self.clock.now(), retired=retired)

    async def add_line(
        self, actor: Actor, *, account_id: UUID, location_id: UUID, number: str, label: str, config: LineConfig
    ) -> UUID:
        """A new line. Raises `NumberTaken` when any tenant has the number, `InvalidInput` when it is none."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        config.check()
        e164 = to_e164(number)
        if e164 is None:
            raise InvalidInput("This is not a telephone number.", field="number")
        line_id = new_id()
        try:
            async with self.db.tenant(actor.tenant_id) as tx:
                await tx.run(
                    q["insert_line"],
                    {
                        "id": line_id,
                        "account_id": account_id,
                        "location_id": location_id,
                        "number": e164,
                        "label": named(label, "label"),
                    },
                )
                body, now = config.to_body(), self.clock.now()
                await self._known(tx, config)
                await store.add_version(
                    tx, "insert_line_config", "line_id", line_id, body, now, actor.person_id, "made"
                )
                await append(tx, [happened(actor, "line", line_id, "added")])
                await audit.record(tx, actor, audit.Action.CREATE, "line", line_id)
        except UniqueViolation as error:
            raise NumberTaken() from error
        except ForeignKeyViolation as error:
            raise InvalidInput("There is no such account or location.") from error
        return line_id

    async def configure_line(
        self, actor: Actor, line_id: UUID, config: LineConfig, *, valid_from: datetime | None = None, note: str = ""
    ) -> int:
        """A new version of a line's configuration, valid from now or a later instant; returns its number."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        config.check()
        start, note = self._from(valid_from), plain(note, "note", needed=False)
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(q["lock_line"], {"line_id": line_id}) is None:
                raise NotFound()
            await self._known(tx, config)
            version = await store.add_version(
                tx, "insert_line_config", "line_id", line_id, config.to_body(), start, actor.person_id, note
            )
            await append(tx, [happened(actor, "line", line_id, "configured", version=version)])
            await audit.record(tx, actor, audit.Action.UPDATE, "line", line_id, detail={"version": version})
        return version

    async def rename_line(self, actor: Actor, line_id: UUID, *, label: str, active: bool) -> None:
        """Change a line's label, or take it out of service."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            if not await tx.run(q["update_line"], {"id": line_id, "label": named(label, "label"), "active": active}):
                raise NotFound()
            await append(tx, [happened(actor, "line", line_id, "renamed")])
            await audit.record(tx, actor, audit.Action.UPDATE, "line", line_id, fields=("label", "active"))

    async def line_history(self, actor: Actor, line_id: UUID) -> list[Version]:
        """Every version of a line's configuration, newest first. Raises `NotFound`."""
        actor.require(Permission.ORGANIZATION_MANAGE, Permission.BOARD_READ)
        async with self.db.tenant(actor.tenant_id) as tx:
            found = [Version(**row) for row in await tx.all(q["line_history"], {"line_id": line_id})]
        if not found:
            raise NotFound
        return found

    # --- opening hours --------------------------------------------------------------------------------------------

    async def hours(self, actor: Actor) -> list[NamedHours]:
        """All opening hours as they hold now."""
        actor.require(*STAFF)
        now = self.clock.now()
        found = []
        async with self.db.tenant(actor.tenant_id) as tx:
            for row in await tx.all(q["list_hours"], {"at": now}):
                hours = Hours.from_body(row["body"])
                calendar = hours.calendar()
                found.append(
                    NamedHours(
                        id=row["id"],
                        name=row["name"],
                        version=row["version"],
                        valid_from=row["valid_from"],
                        hours=hours,
                        open_now=calendar.is_open(now),
                        changes_at=calendar.next_change(now),
                    )
                )
        return found

    async def add_hours(self, actor: Actor, name: str, hours: Hours) -> UUID:
        """New opening hours, valid from now."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        hours_id = new_id()
        try:
            async with self.db.tenant(actor.tenant_id) as tx:
                await tx.run(q["insert_hours"], {"id": hours_id, "name": named(name)})
                body, now = hours.to_body(), self.clock.now()
                await store.add_version(
                    tx, "insert_hours_version", "hours_id", hours_id, body, now, actor.person_id, "made"
                )
                await append(tx, [happened(actor, "hours", hours_id, "added")])
                await audit.record(tx, actor, audit.Action.CREATE, "hours", hours_id)
        except UniqueViolation as error:
            raise InvalidInput("There are opening hours of this name already.", field="name") from error
        return hours_id

    async def change_hours(
        self, actor: Actor, hours_id: UUID, hours: Hours, *, valid_from: datetime | None = None, note: str = ""
    ) -> int:
        """A new version of opening hours, valid from now or a later instant; returns its number."""
        actor.require(Permission.ORGANIZATION_MANAGE)
        start, note = self._from(valid_from), plain(note, "note", needed=False)
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(q["lock_hours"], {"hours_id": hours_id}) is None:
                raise NotFound()
            version = await store.add_version(
                tx, "insert_hours_version", "hours_id", hours_id, hours.to_body(), start, actor.person_id, note
            )
            await append(tx, [happened(actor, "hours", hours_id, "changed", version=version)])
            await audit.record(tx, actor, audit.Action.UPDATE, "hours", hours_id, detail={"version": version})
        return version

    async def hours_history(self, actor: Actor, hours_id: UUID) -> list[Version]:
        """Every version of some opening hours, newest first."""
        actor.require(Permission.ORGANIZATION_MANAGE, Permission.BOARD_READ)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [Version(**row) for row in await tx.all(q["hours_history"], {"hours_id": hours_id})]

    # --- the closure switch ---------------------------------------------------------------------------------------

    async def closures(self, actor: Actor) -> list[Closure]:
        """The emergency closures that are on."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [closure for _, _, closure in await store.closures(tx, self.clock.now())]

    async def close(
        self,
        actor: Actor,
        *,
        reason: str,
        location_id: UUID | None = None,
        line_id: UUID | None = None,
        until: datetime | None = None,
    ) -> UUID:
        """Close the tenant, a location or a line at once, whatever the hours say, until it is lifted."""
        actor.require(Permission.CLOSURE_SWITCH)
        now = self.clock.now()
        if location_id is not None and line_id is not None:
            raise InvalidInput("Close a location or a line, not both at once.")
        if until is not None:
            until = _moment(until, now, "until")
        closure_id = new_id()
        try:
            async with self.db.tenant(actor.tenant_id) as tx:
                await tx.run(
                    q["insert_closure"],
                    {
                        "id": closure_id,
                        "location_id": location_id,
                        "line_id": line_id,
                        "reason": named(reason, "reason"),
                        "closed_at": now,
                        "closed_by": actor.person_id,
                        "until": until,
                    },
                )
                await append(tx, [happened(actor, "closure", closure_id, "closed")])
                await audit.record(tx, actor, audit.Action.EXECUTE, "closure", closure_id, detail={"on": True})
        except ForeignKeyViolation as error:
            raise InvalidInput("There is no such location or line.") from error
        return closure_id

    async def reopen(self, actor: Actor, closure_id: UUID) -> None:
        """Lift an emergency closure. Lifting it twice is harmless. Raises `NotFound`."""
        actor.require(Permission.CLOSURE_SWITCH)
        async with self.db.tenant(actor.tenant_id) as tx:
            params = {"id": closure_id, "at": self.clock.now(), "by": actor.person_id}
            if await tx.run(q["lift_closure"], params):
                await append(tx, [happened(actor, "closure", closure_id, "lifted")])
                await audit.record(tx, actor, audit.Action.EXECUTE, "closure", closure_id, detail={"on": False})
            elif await tx.one(q["find_closure"], {"id": closure_id}) is None:
                raise NotFound

    async def zone(self, actor: Actor) -> str:
        """The tenant's own IANA zone: in which its pages show times."""
        actor.require(*STAFF)
        async with self.db.tenant(actor.tenant_id) as tx:
            row = await tx.one(q["get_tenant"])
        return str(row["zone"]) if row else "UTC"

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _known(self, tx: Tx, config: LineConfig) -> None:
        """A line may only name hours, departments and queues of its own tenant: a caller must not be led nowhere."""
        for field, id_ in (("hours", config.hours_id), ("department", config.voicemail_department_id)):
            if id_ is not None and await tx.one(q[f"know_{field}"], {"id": id_}) is None:
                raise InvalidInput(f"There is no such {field} here.", field=field)
        for choice in config.flows:
            if await tx.one(q["know_flow"], {"id": choice.flow_id}) is None:
                raise InvalidInput("There is no such flow here that is published.", field="flows")
            asked = {"id": choice.flow_id, "key": config.emergency_key, "version": choice.version}
            if choice.version is not None and await tx.one(q["know_flow_version"], asked) is None:
                raise InvalidInput("This flow has no such version that is published.", field="version")
            if choice.hours_id is not None and await tx.one(q["know_hours"], {"id": choice.hours_id}) is None:
                raise InvalidInput("These hours do not exist here.", field="hours")
            if await tx.one(q["flow_offers_key"], asked) is not None:
                # The emergency key wins on a call: the choice could never be reached.
                raise InvalidInput("That flow offers the line's emergency key as a choice.", field="flows")
        for contact in config.emergency_contacts:
            if await tx.one(q["find_line"], {"number": contact.number}) is not None:
                # The call would come back as a new one, and ring itself again.
                raise InvalidInput("Careline answers this number itself: it cannot help.", field="emergency_contacts")
            if is_premium(contact.number):
                raise InvalidInput("A premium-rate number cannot be rung for help.", field="emergency_contacts")
        queues = {choice.queue_id for choice in config.menu} | ({config.queue_id} if config.queue_id else set())
        if queues:
            row = await tx.one(q["count_queues"], {"ids": list(queues)})
            if row is None or row["known"] != len(queues):
                raise InvalidInput("There is no such queue in service.", field="queue_id")

    def _from(self, valid_from: datetime | None) -> datetime:
        now = self.clock.now()
        if valid_from is None:
            return now
        return _moment(valid_from, now, "valid_from")


def _moment(at: datetime, now: datetime, field: str) -> datetime:
    """A moment to come, as a person gave it. Raises `InvalidInput`: without a zone, past, or beyond all planning."""
    if at.tzinfo is None:
        raise InvalidInput("A time needs its zone.", field=field)
    if at < now:
        raise InvalidInput("The past cannot be changed: choose now or a later time.", field=field)
    if at > now + timedelta(days=3660):
        raise InvalidInput("That is more than ten years away.", field=field)
    return at
