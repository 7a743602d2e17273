"""The lines as call control needs them: number to flow, language, hours; read from the organization, kept in memory."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from careline.calls.step import LineSetup
from careline.flows.reading import parse
from careline.flows.standard import MenuChoice, Standard, standard
from careline.organization.model import Door, LineView
from careline.organization.service import OrganizationService
from careline.security.actor import system_actor

log = logging.getLogger(__name__)

_DOORS: dict[Door, Literal["open", "closed", "closure"]] = {
    Door.OPEN: "open",
    Door.CLOSED: "closed",
    Door.EMERGENCY_CLOSED: "closure",
}


class Spoken(Protocol):
    """What is needed of the prompt book: which menu reasons it has words for."""

    def has_option(self, reason: str) -> bool:
        """Whether the catalogue speaks this menu reason."""
        ...


class LineBook:
    """Reads lines and makes them ready for call control."""

    def __init__(self, organization: OrganizationService, spoken: Spoken) -> None:
        self._organization = organization
        self._spoken = spoken
        self._made: dict[tuple[UUID, int], LineSetup] = {}

    async def load(self, tenants: list[int], now: datetime) -> dict[str, LineSetup]:
        """Every line in service, by number, with the configuration and the door of this moment."""
        found: dict[str, LineSetup] = {}
        for tenant_id in tenants:
            for view in await self._organization.lines(system_actor(tenant_id), now):
                if setup := self._setup(view):
                    found[view.number] = setup
        return found

    async def pinned(self, tenant_id: int, line_id: UUID, at: datetime) -> LineSetup:
        """The line as it was when a call began. Raises `NotFound`."""
        view = await self._organization.line(system_actor(tenant_id), line_id, at)
        setup = self._setup(view)
        assert setup is not None, "a call in progress had a valid flow"
        return setup

    def _setup(self, view: LineView) -> LineSetup | None:
        config = view.config
        if config.queue_id is None and not config.menu:
            # Nowhere to go: the caller is refused plainly rather than lost in silence; `doctor` names the line.
            log.warning("a line has no queue", extra={"line_id": str(view.line_id)})
            return None
        queue = config.queue_id or config.menu[0].queue_id
        flow: dict[str, Any] = standard(
            Standard(
                line_name=view.label,
                languages=config.languages,
                choices=tuple(
                    MenuChoice(
                        digit=c.key,
                        reason=c.reason,
                        queue=c.queue_id,
                        words=None if self._spoken.has_option(c.reason) else dict(c.labels),
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
        door = _DOORS[view.door]
        return LineSetup(
            id=view.line_id,
            tenant_id=view.tenant_id,
            number=view.number,
            name=view.label,
            version=view.version,
            language=config.languages[0],
            flow=parse(flow),
            hours=lambda _: door,
            record=config.record,
            emergency_key=config.emergency_key or None,
            emergency_queue=config.emergency_queue_id,
            fallback_queue=queue,
            calendar=view.calendar,
            zone=view.zone,
        )
