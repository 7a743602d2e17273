"""A practice whose call flows are drawn in a browser: for the tests of the flow editor, versions and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from careline.flows.patterns import PATTERNS
from careline.queues.views import QueueRules
from careline.security.actor import system_actor
from careline.security.permissions import Role
from careline.testing.browser import Visit, becomes
from careline.testing.builders import Practice, make_practice
from careline.testing.web import WebApp

if TYPE_CHECKING:
    from playwright.async_api import Page

#: True on a page whose flow editor is ready.
READY = "document.documentElement.dataset.ready === 'flow'"
#: An administrator's small screen.
SMALL = {"width": 1280, "height": 800}


class Clinic:
    """A practice with one line and two queues, and the person who arranges what its callers meet."""

    def __init__(self, app: WebApp) -> None:
        self.app = app
        self.tenant = app.make_tenant()
        self.admin = app.make_person(self.tenant, "admin@example.org", Role.ADMINISTRATOR, name="Hal Ames")
        self.practice: Practice = app.run(self._prepare)

    async def _prepare(self, services: Any) -> Practice:
        practice = await make_practice(services.db, self.tenant, services.clock)
        for name in ("Scheduling", "Billing"):
            await services.queues.create(system_actor(self.tenant), QueueRules(name=name))
        return practice

    def make(self, name: str, pattern: str = "two-queues") -> UUID:
        """A flow from a pattern, as the page makes it."""

        async def go(services: Any) -> UUID:
            body = PATTERNS[pattern](name, ["Billing", "Scheduling"])
            made = await services.flows.create(system_actor(self.tenant), name, body)
            return UUID(str(made.id))

        return self.app.run(go)

    def flows(self, work: str, *args: Any, **values: Any) -> Any:
        """Something of the flow service, done by Careline itself."""

        async def go(services: Any) -> Any:
            return await getattr(services.flows, work)(system_actor(self.tenant), *args, **values)

        return self.app.run(go)

    async def open(self, visit: Visit, path: str, **options: Any) -> Page:
        """A page as the administrator sees it on a small screen."""
        visitor = await visit(self.app.session_of(self.tenant, self.admin), viewport=SMALL, **options)
        page: Page = await visitor.open(path)
        return page

    async def edit(self, visit: Visit, flow: UUID, **options: Any) -> Page:
        """The editor of a flow, ready."""
        page = await self.open(visit, f"/flows/{flow}", **options)
        await becomes(page, READY)
        return page
