"""Putting flows before callers: validating, publishing by share, going back."""

from __future__ import annotations

from uuid import UUID

from psycopg.types.json import Json

from careline.flows import store, text
from careline.flows.desk import FlowDesk, beside, green, percent, previous, refusal
from careline.flows.store import q
from careline.flows.views import CheckView, FlowView, ShareView
from careline.kernel.errors import Conflict, InvalidInput
from careline.kernel.text import plain
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission as P


class FlowPublishing(FlowDesk):
    """Use cases that change what callers meet."""

    async def validate(self, actor: Actor, flow_id: UUID) -> CheckView:
        """Judge the draft with its tests and mark it as validated when all is well."""
        actor.require(P.FLOW_EDIT)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._lock(tx, flow_id)
            row = await self._draft_row(tx, flow_id)
            found = await self._check(tx, flow_id, row["text"], tests=True)
            if green(found):
                await tx.run(q["mark_validated"], {"id": row["id"]})
                await audit.record(tx, actor, Action.UPDATE, "flow", flow_id, fields=["validated"])
        return found

    async def publish(self, actor: Actor, flow_id: UUID, *, note: str = "", share: int = 100) -> FlowView:
        """Give the draft to `share` of a hundred new calls; the others keep what they have. Raises `NotPublishable`
        naming the problems and failing tests. Calls in progress finish on the version they began with."""
        actor.require(P.FLOW_PUBLISH)
        note = plain(note, "note", most=500, needed=False)
        percent(share)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._lock(tx, flow_id)
            row = await self._draft_row(tx, flow_id)
            found = await self._check(tx, flow_id, row["text"], tests=True)
            if not green(found):
                raise refusal(found)
            before = (await self._view(tx, flow_id)).live
            if not before and share != 100:
                raise InvalidInput("The first version of a flow is for all calls.", field="share")
            now, known = self.clock.now(), await store.names(tx, self.clock.now())
            body = store.with_ids(text.load(row["text"]), known)
            await tx.run(
                q["publish_version"],
                {"id": row["id"], "body": Json(body), "note": note, "at": now, "by": actor.person_id},
            )
            new = ShareView(number=row["number"], share=share, version_id=row["id"])
            await self._release(tx, actor, flow_id, beside(new, before), note)
            await self._changed(tx, actor, flow_id, "published", number=row["number"], share=share)
            made = await self._view(tx, flow_id)
            detail: dict[str, object] = {"version": row["number"], "share": share}
            await audit.record(tx, actor, Action.EXECUTE, "flow", flow_id, detail=detail)
        return made

    async def set_share(self, actor: Actor, flow_id: UUID, number: int, share: int, *, note: str = "") -> FlowView:
        """Give a published version to `share` of a hundred new calls; the others get what most have now."""
        actor.require(P.FLOW_PUBLISH)
        note = plain(note, "note", most=500, needed=False)
        percent(share)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._lock(tx, flow_id)
            row = await self._version(tx, flow_id, number)
            if row["published_at"] is None:
                raise Conflict("Only a published version can be given to callers.")
            before = [s for s in (await self._view(tx, flow_id)).live if s.number != number]
            if not before and share != 100:
                raise InvalidInput("There is no other version for the other calls.", field="share")
            new = ShareView(number=number, share=share, version_id=row["id"])
            await self._release(tx, actor, flow_id, beside(new, before), note)
            await self._changed(tx, actor, flow_id, "share_set", number=number, share=share)
            made = await self._view(tx, flow_id)
            detail: dict[str, object] = {"version": number, "share": share}
            await audit.record(tx, actor, Action.EXECUTE, "flow", flow_id, detail=detail)
        return made

    async def roll_back(self, actor: Actor, flow_id: UUID) -> FlowView:
        """Give new calls what they got before the present release. Raises `Conflict` when there was nothing before."""
        actor.require(P.FLOW_PUBLISH)
        async with self.db.tenant(actor.tenant_id) as tx:
            await self._lock(tx, flow_id)
            rows = await tx.all(q["list_releases"], {"flow_id": flow_id})
            back = previous(rows)
            if back is None:
                raise Conflict("There is no earlier release to go back to.")
            await self._release(tx, actor, flow_id, store.shares(back["shares"]), f"back to release {back['number']}")
            await self._changed(tx, actor, flow_id, "rolled_back", release=back["number"])
            made = await self._view(tx, flow_id)
            detail: dict[str, object] = {"back_to_release": back["number"]}
            await audit.record(tx, actor, Action.EXECUTE, "flow", flow_id, detail=detail)
        return made
