"""The lines as call control needs them: number to flow, language, hours; read from the organization, kept in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from careline.calls.step import LineSetup
from careline.flows.model import Flow, FlowPin
from careline.flows.reading import parse
from careline.flows.shelf import Shelf, Shelves
from careline.flows.standard import MenuChoice, Standard, standard
from careline.kernel.calendar import Calendar
from careline.organization.model import Door, LineView
from careline.organization.service import OrganizationService
from careline.security.actor import system_actor

log = logging.getLogger(__name__)

_DOORS: dict[Door, Literal["open", "closed", "closure"]] = {
    Door.OPEN: "open",
    Door.CLOSED: "closed",
    Door.EMERGENCY_CLOSED: "closure",
}


#: What a line without a queue has when no rule of its flows fits: a message is better than nobody.
_MESSAGE_ONLY: dict[str, Any] = {"start": "voicemail", "nodes": {"voicemail": {"kind": "voicemail"}}}


class Spoken(Protocol):
    """What is needed of the prompt book: which menu reasons it has words for."""

    def has_option(self, reason: str) -> bool:
        """Whether the catalogue speaks this menu reason."""
        ...


class LineBook:
    """Reads lines and makes them ready for call control."""

    def __init__(self, organization: OrganizationService, spoken: Spoken, shelves: Shelves | None = None) -> None:
        """`shelves`: where published flows are; None: lines have the usual flow only."""
        self._organization = organization
        self._spoken = spoken
        self._shelves = shelves
        #: By tenant, as of the last load: flows, tables and calendars.
        self._shelf: dict[int, Shelf] = {}
        self._calendars: dict[int, dict[UUID, Calendar]] = {}

    async def load(self, tenants: list[int], now: datetime) -> dict[str, LineSetup]:
        """Every line in service, by number, with the configuration and the door of this moment."""
        found: dict[str, LineSetup] = {}
        for tenant_id in tenants:
            views = await self._organization.lines(system_actor(tenant_id), now)
            await self._prepare(tenant_id, now, views)
            for view in views:
                if setup := self._setup(view):
                    found[view.number] = setup
        return found

    async def pinned(self, tenant_id: int, line_id: UUID, at: datetime, flow: FlowPin | None = None) -> LineSetup:
        """The line as it was when a call began, with the versions of its flow. Raises `NotFound`."""
        view = await self._organization.line(system_actor(tenant_id), line_id, at)
        if tenant_id not in self._shelf:
            await self._prepare(tenant_id, at, [view])
        setup = self._setup(view)
        assert setup is not None, "a call in progress had a valid flow"
        if flow and self._shelves and (pinned := await self._shelves.pinned(tenant_id, flow, at)):
            setup = replace(setup, flow=pinned)
        return setup

    async def _prepare(self, tenant_id: int, now: datetime, views: Sequence[LineView]) -> None:
        if self._shelves is None:
            return
        named = {(c.flow_id, c.version) for view in views for c in view.config.flows if c.version is not None}
        self._shelf[tenant_id] = await self._shelves.load(tenant_id, now, named)
        every = await self._organization.hours(system_actor(tenant_id))
        self._calendars[tenant_id] = {hours.id: hours.hours.calendar() for hours in every}

    def _setup(self, view: LineView) -> LineSetup | None:
        config = view.config
        if config.queue_id is None and not config.menu and not config.flows:
            # Nowhere to go: the caller is refused plainly rather than lost in silence; `doctor` names the line.
            log.warning("a line has no queue", extra={"line_id": str(view.line_id)})
            return None
        queue = config.queue_id or (config.menu[0].queue_id if config.menu else None)
        flow: dict[str, Any] = (
            _MESSAGE_ONLY
            if queue is None
            else standard(
                Standard(
                    line_name=view.label,
                    languages=config.languages,
                    choices=tuple(
                        MenuChoice(
                            digit=c.key,
                            reason=c.reason,
                            queue=c.queue_id,
                            words=None if self._spoken.has_option(c.reason) else dict(c.labels),
                            said=c.labels,
                        )
                        for c in config.menu
                    ),
                    fallback_queue=queue,
                    department=config.voicemail_department_id,
                    announce_recording=config.announce_recording,
                    greeting=config.greeting,
                    direct=config.direct,
                )
            )
        )
        door = _DOORS[view.door]
        usual = parse(flow)
        return LineSetup(
            id=view.line_id,
            tenant_id=view.tenant_id,
            number=view.number,
            name=view.label,
            version=view.version,
            language=config.languages[0],
            flow=usual,
            hours=lambda _: door,
            record=config.record,
            listen=config.listen_for_emergencies,
            emergency_key=config.emergency_key or None,
            emergency_queue=config.emergency_queue_id,
            emergency_contacts=config.emergency_contacts,
            emergency_patience=config.emergency_patience,
            fallback_queue=queue,
            max_wait_seconds=config.max_wait_seconds,
            calendar=view.calendar,
            zone=view.zone,
            flow_for=self._chooser(view, usual) if config.flows else None,
            calendar_open=lambda id_, at: self._is_open(view.tenant_id, id_, at),
            table=lambda name, key, _at: self._row(view.tenant_id, name, key),
        )

    def _chooser(self, view: LineView, usual: Flow) -> Callable[[UUID, datetime], tuple[Flow, FlowPin | None]]:
        """Picks the flow of a new call by the line's rules: door, day, hours, and the version named or the call's
        share. The usual flow where no rule fits or what it names was put away."""
        shelf, door, zone = self._shelf.get(view.tenant_id), _DOORS[view.door], ZoneInfo(view.zone)

        def choose(call_id: UUID, now: datetime) -> tuple[Flow, FlowPin | None]:
            day = now.astimezone(zone).date()
            for choice in view.config.flows:
                in_hours = choice.hours_id is None or bool(self._is_open(view.tenant_id, choice.hours_id, now))
                if not shelf or not choice.fits(door, day, in_hours=in_hours):
                    continue
                if found := shelf.flow_for(choice.flow_id, call_id, choice.version):
                    return found
            return usual, None

        return choose

    def _is_open(self, tenant_id: int, calendar: UUID, at: datetime) -> bool | None:
        found = self._calendars.get(tenant_id, {}).get(calendar)
        return found.is_open(at) if found else None

    def _row(self, tenant_id: int, table: str, key: str) -> Mapping[str, Any] | None:
        shelf = self._shelf.get(tenant_id)
        return shelf.row(table, key) if shelf else None
