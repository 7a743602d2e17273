"""Use cases of flows: writing, judging, publishing by share, going back; trying a flow and running its tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from careline.flows import diff, gate, store
from careline.flows.desk import data_of
from careline.flows.desk import written as written_form
from careline.flows.model import FlowError
from careline.flows.publishing import FlowPublishing
from careline.flows.rehearsal import Rehearsal
from careline.flows.start import Start
from careline.flows.store import q
from careline.flows.views import (
    CheckView,
    DiffView,
    DraftView,
    FlowInUse,
    FlowNameTaken,
    FlowView,
    NamesView,
    ReleaseView,
    StaleDraft,
    UseView,
    VersionView,
)
from careline.flows.words import words_of
from careline.kernel.errors import Conflict
from careline.kernel.ids import new_id
from careline.kernel.text import plain
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission as P

#: Who may look at flows.
READERS = (P.FLOW_EDIT, P.FLOW_PUBLISH, P.BOARD_READ)

#: A new flow without a text: it says goodbye and is complete.
BLANK = """\
careline: flow/1
languages: [en, es]
start: goodbye
nodes:
  goodbye:
    kind: end
"""


class FlowService(FlowPublishing):
    """Use cases of those who arrange what callers meet."""

    # --- looking ------------------------------------------------------------------------------------------------------

    async def list(self, actor: Actor) -> Sequence[FlowView]:
        """Every flow, those put away last."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            rows = await tx.all(q["list_flows"], {"at": self.clock.now(), "id": None})
        return [store.flow_view(row) for row in rows]

    async def get(self, actor: Actor, flow_id: UUID) -> FlowView:
        """One flow. Raises `NotFound`."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            return await self._view(tx, flow_id)

    async def names(self, actor: Actor) -> NamesView:
        """What a flow may name: queues, departments, calendars, flows, tables, systems, prompts."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            known = await store.names(tx, self.clock.now())
        return NamesView(
            queues=known.named("queue"),
            departments=known.named("department"),
            calendars=known.named("calendar"),
            flows=known.named("flow"),
            tables={name: list(columns) for name, columns in known.tables.items()},
            endpoints=known.endpoints,
            people=known.named("person"),
            skills=known.skills,
            recordings=known.recordings,
            prompts=sorted(key for key in self.prompts or {} if not key.endswith("*")),
        )

    async def draft(self, actor: Actor, flow_id: UUID) -> DraftView:
        """What is being written; without a draft, the newest version with revision 0."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            flow = await self._view(tx, flow_id)
            row = await tx.one(q["newest_version"], {"flow_id": flow_id})
            assert row is not None, "a flow begins with a draft"
            judged = await self._judge(tx, flow_id, row["text"])
        drafted = row["state"] in ("draft", "validated")
        return DraftView(
            flow_id=flow_id,
            name=flow.name,
            number=row["number"],
            state=row["state"] if drafted else "published",
            revision=row["revision"] if drafted else 0,
            text=row["text"],
            body=data_of(row["text"]),
            problems=judged.problems,
        )

    async def versions(self, actor: Actor, flow_id: UUID) -> Sequence[VersionView]:
        """Every version, newest first, with the share of calls each gets."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            shares = {share.version_id: share.share for share in (await self._view(tx, flow_id)).live}
            rows = await tx.all(q["list_versions"], {"flow_id": flow_id})
        return [
            VersionView(
                **{k: row[k] for k in ("id", "number", "state", "note", "author", "changed_at", "published_at")},
                published_by=row["published_by"],
                share=shares.get(row["id"], 0),
            )
            for row in rows
        ]

    async def text_of(self, actor: Actor, flow_id: UUID, number: int) -> str:
        """The text of a version, as its author wrote it. Raises `NotFound`."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            return str((await self._version(tx, flow_id, number))["text"])

    async def spoken_words(self, actor: Actor) -> set[tuple[str, str]]:
        """The own words of everything that is published now, as (language, words), for the voice to speak ahead."""
        actor.require(*READERS)
        shelf = await self._shelves.load(actor.tenant_id, self.clock.now())
        live = {share.version for shares in shelf.releases.values() for share in shares}
        return {found for version in live if version in shelf.flows for found in words_of(shelf.flows[version])}

    async def releases(self, actor: Actor, flow_id: UUID) -> Sequence[ReleaseView]:
        """What calls got when, newest first."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._view(tx, flow_id)
            rows = await tx.all(q["list_releases"], {"flow_id": flow_id})
        return [ReleaseView(**{**row, "shares": store.shares(row["shares"])}) for row in rows]

    async def diff(self, actor: Actor, flow_id: UUID, old: int, new: int) -> DiffView:
        """What changed from one version to another. Raises `NotFound`."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            before = await self._version(tx, flow_id, old)
            after = await self._version(tx, flow_id, new)
        return DiffView(
            changes=diff.changes(data_of(before["text"]) or {}, data_of(after["text"]) or {}),
            text=diff.lines(before["text"], after["text"], old=f"version {old}", new=f"version {new}"),
        )

    async def used_by(self, actor: Actor, flow_id: UUID) -> UseView:
        """The lines and flows that use a flow."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            return await self._use(tx, flow_id)

    # --- writing ------------------------------------------------------------------------------------------------------

    async def create(self, actor: Actor, name: str, content: str | Mapping[str, Any] = BLANK) -> FlowView:
        """A new flow with a first draft. Raises `FlowNameTaken`."""
        actor.require(P.FLOW_EDIT)
        name, written, flow_id = plain(name, "name", most=100), written_form(content), new_id()
        try:
            async with self.db.tenant(actor.tenant_id) as tx:
                await tx.run(q["insert_flow"], {"id": flow_id, "name": name, "by": actor.person_id})
                await self._begin_draft(tx, actor, flow_id, written)
                await self._changed(tx, actor, flow_id, "created")
                made = await self._view(tx, flow_id)
                await audit.record(tx, actor, Action.CREATE, "flow", flow_id)
        except UniqueViolation as error:
            raise FlowNameTaken from error
        return made

    async def rename(self, actor: Actor, flow_id: UUID, name: str) -> FlowView:
        """Another name; whatever uses the flow goes on using it."""
        actor.require(P.FLOW_EDIT)
        name = plain(name, "name", most=100)
        try:
            async with self.db.tenant(actor.tenant_id) as tx:
                await self._lock(tx, flow_id)
                await tx.run(q["rename_flow"], {"id": flow_id, "name": name})
                await self._changed(tx, actor, flow_id, "renamed")
                made = await self._view(tx, flow_id)
                await audit.record(tx, actor, Action.UPDATE, "flow", flow_id, fields=["name"])
        except UniqueViolation as error:
            raise FlowNameTaken from error
        return made

    async def archive(self, actor: Actor, flow_id: UUID, *, archived: bool = True) -> FlowView:
        """Put a flow away, or take it out again. Raises `FlowInUse` while lines or flows use it."""
        actor.require(P.FLOW_PUBLISH)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._lock(tx, flow_id)
            use = await self._use(tx, flow_id)
            if archived and (use.lines or use.flows):
                raise FlowInUse(lines=len(use.lines), flows=len(use.flows))
            await tx.run(q["archive_flow"], {"id": flow_id, "archived": archived})
            await self._changed(tx, actor, flow_id, "archived" if archived else "restored")
            made = await self._view(tx, flow_id)
            await audit.record(tx, actor, Action.UPDATE, "flow", flow_id, fields=["archived"])
        return made

    async def save_draft(
        self,
        actor: Actor,
        flow_id: UUID,
        content: str | Mapping[str, Any],
        *,
        based_on: int,
        base: str | None = None,
    ) -> DraftView:
        """Save the draft, also one with problems. `base`: the text from which data was drawn, when it is not the saved
        one. Raises `StaleDraft` when it is not based on the newest state."""
        actor.require(P.FLOW_EDIT)
        written_form(content)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._lock(tx, flow_id)
            row = await tx.one(q["get_draft"], {"flow_id": flow_id})
            if (row["revision"] if row else 0) != based_on:
                raise StaleDraft(revision=row["revision"] if row else 0)
            newest = row or await tx.one(q["newest_version"], {"flow_id": flow_id})
            # Laid into what there is, so that the comments of its author stay.
            written = written_form(content, base or (newest["text"] if newest else None))
            if row is None:
                await self._begin_draft(tx, actor, flow_id, written)
            elif row["text"] != written:
                await tx.run(q["update_draft"], {"id": row["id"], "text": written, "by": actor.person_id})
            await audit.record(tx, actor, Action.UPDATE, "flow", flow_id, fields=["draft"])
        return await self.draft(actor, flow_id)

    async def laid_into(
        self, actor: Actor, flow_id: UUID, content: str | Mapping[str, Any], base: str | None = None
    ) -> str:
        """Data as the text it would be saved as."""
        actor.require(P.FLOW_EDIT, P.FLOW_PUBLISH)
        async with self.db.tenant(actor.tenant_id) as tx:
            newest = await tx.one(q["newest_version"], {"flow_id": flow_id})
        return written_form(content, base or (newest["text"] if newest else None))

    async def discard_draft(self, actor: Actor, flow_id: UUID) -> DraftView:
        """Throw the draft away and go back to the newest published version. Raises `Conflict` when there is none."""
        actor.require(P.FLOW_EDIT)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._lock(tx, flow_id)
            row = await tx.one(q["get_draft"], {"flow_id": flow_id})
            if row is None or row["number"] == 1:
                raise Conflict("There is no published version to go back to.")
            await tx.run(q["delete_draft"], {"id": row["id"]})
            await audit.record(tx, actor, Action.DELETE, "flow", flow_id, fields=["draft"])
        return await self.draft(actor, flow_id)

    # --- judging and trying -------------------------------------------------------------------------------------------

    async def check(
        self, actor: Actor, content: str | Mapping[str, Any], flow_id: UUID | None = None, *, tests: bool = False
    ) -> CheckView:
        """Judge a text or data that need not be saved; with `tests` play its tests too."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            return await self._check(tx, flow_id, content, tests=tests)

    async def simulate(
        self,
        actor: Actor,
        content: str | Mapping[str, Any],
        start: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
        act: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Play a call: begin it without `state`, else go on with `act` ({do, value}). Answers the new state and what
        happened. Nothing is kept here. Raises `FlowError` for a flow that cannot be walked."""
        actor.require(*READERS)
        async with self.db.tenant(actor.tenant_id) as tx:
            judged = await self._judge(tx, None, content)
        blocking = [p for p in judged.problems if p.code in gate.BLOCKING]
        if blocking or judged.flow.start not in judged.flow.nodes:
            first = blocking[0] if blocking else None
            raise FlowError(f"{first.node}: {first.text}" if first and first.node else "The flow cannot be walked yet.")
        begin = Start.from_body({"language": (judged.flow.languages or ("en",))[0], **start})
        if state is None:
            call = Rehearsal.begin(judged.flow, begin, judged.shelf.row)
        else:
            call = Rehearsal.resume(judged.flow, begin, state, judged.shelf.row)
            do = act or {}
            call.act(str(do.get("do")), do.get("value"))
        names = judged.names.shown()
        return {
            "state": call.to_body(),
            "node": call.cursor.node if call.cursor else None,
            "stack": [frame.node for frame in call.cursor.stack] if call.cursor else [],
            "phase": call.phase,
            "listening": call.listening,
            "speaking": bool(call.cursor and call.cursor.speaking),
            "ask": call.ask,
            "facts": {key: names.get(str(value), value) for key, value in call.facts.items()},
            "variables": dict(call.cursor.variables) if call.cursor else {},
            "log": [{k: names.get(v, v) if isinstance(v, str) else v for k, v in entry.items()} for entry in call.log],
        }
