"""The public API of flows and of the tables they look into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post, put
from litestar.params import FromPath

from careline.flows.schema import schema
from careline.flows.table_service import TableContent, TableVersion, TableView
from careline.flows.views import (
    CheckView,
    DiffView,
    DraftView,
    FlowView,
    ReleaseView,
    UseView,
    VersionView,
)
from careline.security.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowToMake:
    """A new flow; without a text it only says goodbye."""

    name: str
    #: YAML or JSON in the flow language: see /schemas/flow-1.json.
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftToSave:
    """A draft, and the revision it is based on (0 when there is no draft yet)."""

    text: str
    based_on: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextToCheck:
    """A text to judge."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A note for colleagues, and how many of a hundred new calls get the version."""

    note: str = ""
    share: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareToSet:
    """How many of a hundred new calls get a published version."""

    share: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowName:
    """What a flow is called."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallToPlay:
    """A call played through a flow: begun without `state`, else gone on with: {"do": "press", "value": "1"}."""

    text: str
    start: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    act: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableToMake:
    """A new table: columns as {"name", "type"}, the first being the key, and rows."""

    name: str
    columns: list[dict[str, str]]
    rows: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableToSave:
    """A table's whole new content, the version it is based on, and from when it holds (now, when nothing is said)."""

    rows: list[list[Any]]
    based_on: int
    columns: list[dict[str, str]] | None = None
    valid_from: datetime | None = None
    note: str = ""


class FlowsController(Controller):
    """What callers meet."""

    path = "/api/v1/flows"
    tags = ["Flows"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listFlows", summary="Every flow")
    async def list(self, services: Any, actor: Actor) -> Sequence[FlowView]:
        """With what calls get of each, its draft and its lines."""
        flows: Sequence[FlowView] = await services.flows.list(actor)
        return flows

    @post("/", operation_id="createFlow", summary="Make a flow")
    async def create(self, services: Any, actor: Actor, data: FlowToMake) -> FlowView:
        """As a draft: no caller meets it until it is published."""
        made: FlowView = await (
            services.flows.create(actor, data.name, data.text) if data.text else services.flows.create(actor, data.name)
        )
        return made

    @post("/check", operation_id="checkFlow", summary="Judge a text", status_code=200)
    async def check(self, services: Any, actor: Actor, data: TextToCheck) -> CheckView:
        """Its problems. Nothing is saved."""
        found: CheckView = await services.flows.check(actor, data.text)
        return found

    @post("/test", operation_id="testFlow", summary="Run a text's tests", status_code=200)
    async def test(self, services: Any, actor: Actor, data: TextToCheck) -> CheckView:
        """Its problems, and how each of its tests went. Nothing is saved."""
        found: CheckView = await services.flows.check(actor, data.text, tests=True)
        return found

    @post("/play", operation_id="playFlow", summary="Play a call through a text", status_code=200)
    async def play(self, services: Any, actor: Actor, data: CallToPlay) -> dict[str, Any]:
        """No telephone rings; nothing is kept here: send the state back with the next act."""
        played: dict[str, Any] = await services.flows.simulate(actor, data.text, data.start, data.state, data.act)
        return played

    @get("/{flow_id:uuid}", operation_id="getFlow", summary="One flow")
    async def one(self, services: Any, actor: Actor, flow_id: FromPath[UUID]) -> FlowView:
        """With what calls get of it."""
        flow: FlowView = await services.flows.get(actor, flow_id)
        return flow

    @put("/{flow_id:uuid}/name", operation_id="renameFlow", summary="Call a flow something else")
    async def rename(self, services: Any, actor: Actor, flow_id: FromPath[UUID], data: FlowName) -> FlowView:
        """Whatever uses it goes on using it."""
        flow: FlowView = await services.flows.rename(actor, flow_id, data.name)
        return flow

    @get("/{flow_id:uuid}/draft", operation_id="getFlowDraft", summary="What is being written")
    async def draft(self, services: Any, actor: Actor, flow_id: FromPath[UUID]) -> DraftView:
        """Its text, its problems and the revision to send back."""
        draft: DraftView = await services.flows.draft(actor, flow_id)
        return draft

    @put("/{flow_id:uuid}/draft", operation_id="saveFlowDraft", summary="Save the draft")
    async def save(self, services: Any, actor: Actor, flow_id: FromPath[UUID], data: DraftToSave) -> DraftView:
        """Refused (`stale-draft`) when somebody else has saved meanwhile."""
        draft: DraftView = await services.flows.save_draft(actor, flow_id, data.text, based_on=data.based_on)
        return draft

    @post("/{flow_id:uuid}/validate", operation_id="validateFlow", summary="Judge the draft", status_code=200)
    async def validate(self, services: Any, actor: Actor, flow_id: FromPath[UUID]) -> CheckView:
        """With its tests; a draft without faults is marked as validated."""
        found: CheckView = await services.flows.validate(actor, flow_id)
        return found

    @post(
        "/{flow_id:uuid}/publish", operation_id="publishFlow", summary="Put the draft before callers", status_code=200
    )
    async def publish(self, services: Any, actor: Actor, flow_id: FromPath[UUID], data: Publication) -> FlowView:
        """Wholly or for a share of new calls. Refused (`flow-not-publishable`) with problems or failing tests."""
        flow: FlowView = await services.flows.publish(actor, flow_id, note=data.note, share=data.share)
        return flow

    @post("/{flow_id:uuid}/roll-back", operation_id="rollBackFlow", summary="Go back a release", status_code=200)
    async def roll_back(self, services: Any, actor: Actor, flow_id: FromPath[UUID]) -> FlowView:
        """New calls get what they got before; calls in progress finish on what they began with."""
        flow: FlowView = await services.flows.roll_back(actor, flow_id)
        return flow

    @get("/{flow_id:uuid}/versions", operation_id="listFlowVersions", summary="Every version")
    async def versions(self, services: Any, actor: Actor, flow_id: FromPath[UUID]) -> Sequence[VersionView]:
        """Newest first, with author, note and share."""
        versions: Sequence[VersionView] = await services.flows.versions(actor, flow_id)
        return versions

    @get("/{flow_id:uuid}/versions/{number:int}", operation_id="getFlowVersion", summary="The text of a version")
    async def text(self, services: Any, actor: Actor, flow_id: FromPath[UUID], number: FromPath[int]) -> dict[str, str]:
        """As its author wrote it."""
        return {"text": await services.flows.text_of(actor, flow_id, number)}

    @put("/{flow_id:uuid}/versions/{number:int}/share", operation_id="setFlowShare", summary="Set a version's share")
    async def share(
        self, services: Any, actor: Actor, flow_id: FromPath[UUID], number: FromPath[int], data: ShareToSet
    ) -> FlowView:
        """How many of a hundred new calls get it; the others get what they had."""
        flow: FlowView = await services.flows.set_share(actor, flow_id, number, data.share, note=data.note)
        return flow

    @get("/{flow_id:uuid}/diff/{old:int}/{new:int}", operation_id="diffFlow", summary="What changed")
    async def diff(
        self, services: Any, actor: Actor, flow_id: FromPath[UUID], old: FromPath[int], new: FromPath[int]
    ) -> DiffView:
        """Sentence by sentence, and as lines of text."""
        found: DiffView = await services.flows.diff(actor, flow_id, old, new)
        return found

    @get("/{flow_id:uuid}/releases", operation_id="listFlowReleases", summary="What calls got when")
    async def releases(self, services: Any, actor: Actor, flow_id: FromPath[UUID]) -> Sequence[ReleaseView]:
        """Newest first."""
        releases: Sequence[ReleaseView] = await services.flows.releases(actor, flow_id)
        return releases

    @get("/{flow_id:uuid}/used-by", operation_id="getFlowUse", summary="Who uses a flow")
    async def used_by(self, services: Any, actor: Actor, flow_id: FromPath[UUID]) -> UseView:
        """Lines, and flows of which it is a part."""
        use: UseView = await services.flows.used_by(actor, flow_id)
        return use


class FlowTablesController(Controller):
    """Tables that flows look into."""

    path = "/api/v1/flow-tables"
    tags = ["Flows"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listFlowTables", summary="Every table")
    async def list(self, services: Any, actor: Actor) -> Sequence[TableView]:
        """As each holds now."""
        tables: Sequence[TableView] = await services.tables.list(actor)
        return tables

    @post("/", operation_id="createFlowTable", summary="Make a table")
    async def create(self, services: Any, actor: Actor, data: TableToMake) -> TableContent:
        """Valid at once."""
        table: TableContent = await services.tables.create(actor, data.name, data.columns, data.rows)
        return table

    @get("/{table_id:uuid}", operation_id="getFlowTable", summary="One table")
    async def one(self, services: Any, actor: Actor, table_id: FromPath[UUID]) -> TableContent:
        """Its newest version, which may be for later."""
        table: TableContent = await services.tables.get(actor, table_id)
        return table

    @put("/{table_id:uuid}", operation_id="saveFlowTable", summary="Change a table")
    async def save(self, services: Any, actor: Actor, table_id: FromPath[UUID], data: TableToSave) -> TableContent:
        """A new version. Refused (`stale-draft`) when somebody else has saved meanwhile."""
        table: TableContent = await services.tables.save(
            actor,
            table_id,
            data.rows,
            based_on=data.based_on,
            columns=data.columns,
            valid_from=data.valid_from,
            note=data.note,
        )
        return table

    @get("/{table_id:uuid}/history", operation_id="getFlowTableHistory", summary="Who changed what")
    async def history(self, services: Any, actor: Actor, table_id: FromPath[UUID]) -> Sequence[TableVersion]:
        """Version by version, newest first."""
        history: Sequence[TableVersion] = await services.tables.history(actor, table_id)
        return history

    @get("/{table_id:uuid}/csv", operation_id="exportFlowTable", summary="A table as CSV")
    async def csv(self, services: Any, actor: Actor, table_id: FromPath[UUID]) -> Response[str]:
        """Its newest version."""
        text: str = await services.tables.export_csv(actor, table_id)
        return Response(text, media_type="text/csv; charset=utf-8")


@get("/schemas/flow-1.json", include_in_schema=False)
async def flow_schema() -> dict[str, Any]:
    """For editors and programs that write flows."""
    return schema()


handlers: list[Any] = [FlowsController, FlowTablesController, flow_schema]
