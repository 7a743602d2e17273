"""The public API of the organization: places, providers, lines, hours and the closure switch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.params import FromPath

from careline.organization.hours import Hours
from careline.organization.model import Closure, Department, LineConfig, LineView, Location, PracticeInfo, Provider
from careline.organization.service import Version
from careline.security.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A practice."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line as it is now."""

    id: UUID
    number: str
    label: str
    account_id: UUID
    account: str
    location_id: UUID
    location: str
    zone: str
    #: open, closed, emergency-closed
    door: str
    changes_at: datetime | None
    closure_reason: str | None
    version: int
    #: As in `LineConfigBody`.
    config: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineToAdd:
    """A new number."""

    account_id: UUID
    location_id: UUID
    number: str
    label: str
    config: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigToSet:
    """A configuration, and from when it holds (now, when nothing is said)."""

    config: dict[str, Any]
    valid_from: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """Some opening hours as they hold now: wall times in a zone."""

    id: UUID
    name: str
    version: int
    valid_from: datetime
    open_now: bool
    changes_at: datetime | None
    hours: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursToAdd:
    """New opening hours: zone, weekly openings such as {"mon": [["08:00", "17:00"]]}, and exceptions by day."""

    name: str
    hours: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursToSet:
    """Changed opening hours, and from when they hold."""

    hours: dict[str, Any]
    valid_from: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureToMake:
    """What is closed at once: everything, one location, or one line."""

    reason: str
    location_id: UUID | None = None
    line_id: UUID | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The id of what was made."""

    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeVersion:
    """The number of the version that was made."""

    version: int


def _line(view: LineView) -> Line:
    return Line(
        id=view.line_id,
        number=view.number,
        label=view.label,
        account_id=view.account_id,
        account=view.account_name,
        location_id=view.location_id,
        location=view.location_name,
        zone=view.zone,
        door=view.door.value,
        changes_at=view.changes_at,
        closure_reason=view.closure_reason,
        version=view.version,
        config=view.config.to_body(),
    )


class OrganizationController(Controller):
    """Places, departments, providers, practice information."""

    path = "/api/v1"
    tags = ["Organization"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/accounts", operation_id="listAccounts", summary="The practices")
    async def accounts(self, services: Any, actor: Actor) -> list[Account]:
        """Each with its name."""
        return [Account(id=id_, name=name) for id_, name in await services.organization.accounts(actor)]

    @get("/accounts/{account_id:uuid}/information", operation_id="listPracticeInfo", summary="What callers ask")
    async def information(self, services: Any, actor: Actor, account_id: FromPath[UUID]) -> list[PracticeInfo]:
        """What may be told about a practice, who answers for it, when it was last confirmed."""
        found: list[PracticeInfo] = await services.organization.practice_info(actor, account_id)
        return found

    @get("/locations", operation_id="listLocations", summary="The places where patients are seen")
    async def locations(self, services: Any, actor: Actor) -> list[Location]:
        """With address and time zone."""
        found: list[Location] = await services.organization.locations(actor)
        return found

    @get("/departments", operation_id="listDepartments", summary="The departments")
    async def departments(self, services: Any, actor: Actor) -> list[Department]:
        """Each has an inbox."""
        found: list[Department] = await services.organization.departments(actor)
        return found

    @get("/providers", operation_id="listProviders", summary="The providers")
    async def providers(self, services: Any, actor: Actor) -> list[Provider]:
        """With specialty, department and languages."""
        found: list[Provider] = await services.organization.providers(actor)
        return found


class LinesController(Controller):
    """Public numbers and how they behave."""

    path = "/api/v1/lines"
    tags = ["Organization"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listLines", summary="Every line")
    async def lines(self, services: Any, actor: Actor) -> list[Line]:
        """As each is now: open or closed, and with which configuration."""
        return [_line(view) for view in await services.organization.lines(actor)]

    @get("/{line_id:uuid}", operation_id="getLine", summary="One line")
    async def line(self, services: Any, actor: Actor, line_id: FromPath[UUID]) -> Line:
        """As it is now."""
        return _line(await services.organization.line(actor, line_id))

    @post("/", operation_id="addLine", summary="Add a line")
    async def add(self, services: Any, actor: Actor, data: LineToAdd) -> Made:
        """A number belongs to one line in the whole installation."""
        made = await services.organization.add_line(
            actor,
            account_id=data.account_id,
            location_id=data.location_id,
            number=data.number,
            label=data.label,
            config=LineConfig.from_body(data.config),
        )
        return Made(id=made)

    @put("/{line_id:uuid}/config", operation_id="configureLine", summary="Change how a line behaves")
    async def configure(self, services: Any, actor: Actor, line_id: FromPath[UUID], data: ConfigToSet) -> MadeVersion:
        """Makes a new version, valid from now or a later moment; nothing is overwritten."""
        version = await services.organization.configure_line(
            actor, line_id, LineConfig.from_body(data.config), valid_from=data.valid_from, note=data.note
        )
        return MadeVersion(version=version)

    @get("/{line_id:uuid}/versions", operation_id="listLineVersions", summary="Every version of the configuration")
    async def versions(self, services: Any, actor: Actor, line_id: FromPath[UUID]) -> list[Version]:
        """Newest first."""
        found: list[Version] = await services.organization.line_history(actor, line_id)
        return found


class HoursController(Controller):
    """Opening hours and the closure switch."""

    path = "/api/v1"
    tags = ["Organization"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/hours", operation_id="listHours", summary="All opening hours")
    async def hours(self, services: Any, actor: Actor) -> list[OpeningHours]:
        """As they hold now."""
        return [
            OpeningHours(
                id=found.id,
                name=found.name,
                version=found.version,
                valid_from=found.valid_from,
                open_now=found.open_now,
                changes_at=found.changes_at,
                hours=found.hours.to_body(),
            )
            for found in await services.organization.hours(actor)
        ]

    @post("/hours", operation_id="addHours", summary="Add opening hours")
    async def add(self, services: Any, actor: Actor, data: HoursToAdd) -> Made:
        """Valid from now."""
        return Made(id=await services.organization.add_hours(actor, data.name, Hours.from_body(data.hours)))

    @put("/hours/{hours_id:uuid}", operation_id="changeHours", summary="Change opening hours")
    async def change(self, services: Any, actor: Actor, hours_id: FromPath[UUID], data: HoursToSet) -> MadeVersion:
        """Makes a new version, valid from now or a later moment."""
        version = await services.organization.change_hours(
            actor, hours_id, Hours.from_body(data.hours), valid_from=data.valid_from, note=data.note
        )
        return MadeVersion(version=version)

    @get("/closures", operation_id="listClosures", summary="Emergency closures that are on")
    async def closures(self, services: Any, actor: Actor) -> list[Closure]:
        """With reason, time and who did it."""
        found: list[Closure] = await services.organization.closures(actor)
        return found

    @post("/closures", operation_id="closeNow", summary="Close at once, whatever the hours say")
    async def close(self, services: Any, actor: Actor, data: ClosureToMake) -> Made:
        """Callers hear that it is closed and may leave a message."""
        made = await services.organization.close(
            actor, reason=data.reason, location_id=data.location_id, line_id=data.line_id, until=data.until
        )
        return Made(id=made)

    @delete("/closures/{closure_id:uuid}", operation_id="reopen", summary="Lift an emergency closure")
    async def reopen(self, services: Any, actor: Actor, closure_id: FromPath[UUID]) -> None:
        """Lifting it twice is harmless."""
        await services.organization.reopen(actor, closure_id)


handlers: list[Any] = [OrganizationController, LinesController, HoursController]
