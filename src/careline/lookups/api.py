"""The public API of the systems that call flows may ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath

from careline.lookups.model import Endpoint
from careline.security.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointToAdd:
    """A system. A secret travels in a header and is never read back."""

    name: str
    #: `http` or `fhir`.
    kind: str
    base_url: str
    header: str | None = None
    secret: str | None = None
    max_seconds: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChange:
    """A system's address and secret. A secret that is not given stays, unless address or header change."""

    base_url: str
    header: str | None = None
    secret: str | None = None
    max_seconds: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAdded:
    """The new system."""

    id: UUID


class LookupsController(Controller):
    """Systems that call flows may ask; nothing else is asked."""

    path = "/api/v1/lookup-endpoints"
    tags = ["Flows"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listLookupEndpoints", summary="Every system that may be asked")
    async def list(self, services: Any, actor: Actor) -> list[Endpoint]:
        """Without their secrets."""
        endpoints: list[Endpoint] = await services.lookups.list(actor)
        return endpoints

    @post("/", operation_id="addLookupEndpoint", summary="Let flows ask a system")
    async def add(self, services: Any, actor: Actor, data: EndpointToAdd) -> EndpointAdded:
        """By its name, below its address."""
        made = await services.lookups.add(
            actor,
            name=data.name,
            kind=data.kind,
            base_url=data.base_url,
            header=data.header,
            secret=data.secret,
            max_seconds=data.max_seconds,
        )
        return EndpointAdded(id=made)

    @put("/{endpoint_id:uuid}", operation_id="changeLookupEndpoint", summary="Change a system", status_code=204)
    async def change(
        self, services: Any, actor: Actor, endpoint_id: FromPath[UUID], data: EndpointChange
    ) -> Response[None]:
        """Callers are asked about the new address within seconds."""
        await services.lookups.change(
            actor,
            endpoint_id,
            base_url=data.base_url,
            header=data.header,
            secret=data.secret,
            max_seconds=data.max_seconds,
        )
        return Response(None, status_code=204)

    @delete("/{endpoint_id:uuid}", operation_id="retireLookupEndpoint", summary="Ask a system no more")
    async def retire(self, services: Any, actor: Actor, endpoint_id: FromPath[UUID]) -> None:
        """Its secret is forgotten; flows that name it go on by their exit for failures."""
        await services.lookups.retire(actor, endpoint_id)


handlers: list[Any] = [LookupsController]
