"""SIP telephones on people's desks: given out with a password that is shown once, withdrawn at once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from careline.kernel.clock import Clock
from careline.kernel.errors import InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.platform.db import Database, Tx, queries
from careline.platform.events import NewEvent, append
from careline.queues.views import DeskPhone, NewDeskPhone, no_nul
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission

_q = queries("careline.queues")


class Sealer(Protocol):
    """Seals small secrets with the tenant's key (`careline.security.keys.Keyring`)."""

    async def seal(self, tx: Tx, plaintext: bytes, context: str) -> bytes:
        """Encrypt a secret for one purpose."""
        ...


class DeskPhones:
    """Use cases of desk phones. Part of the queue service."""

    db: Database
    clock: Clock
    keys: Sealer

    async def phones(self, actor: Actor) -> Sequence[DeskPhone]:
        """Every desk phone; passwords are never shown again."""
        actor.require(Permission.QUEUE_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [DeskPhone(**row) for row in await tx.all(_q["list_phones"])]

    async def add_phone(self, actor: Actor, person_id: UUID, label: str) -> NewDeskPhone:
        """Give a person a desk phone. The password is in the answer and nowhere else in clear."""
        actor.require(Permission.QUEUE_MANAGE)
        label = label.strip()
        if not label or len(label) > 60:
            raise InvalidInput("Give the telephone a name of up to 60 characters.")
        no_nul(label)
        phone = NewDeskPhone(id=new_id(), username=f"d-{secrets.token_hex(4)}", password=secrets.token_urlsafe(18))
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(_q["list_servers"], {"id": person_id}) is None:
                raise NotFound
            sealed = await self.keys.seal(tx, phone.password.encode(), f"desk-phone {phone.username}")
            values = {"id": phone.id, "person_id": person_id, "label": label, "username": phone.username}
            await tx.run(_q["insert_phone"], {**values, "password": sealed})
            await append(tx, [_happened(actor, phone.id, "created", username=phone.username)])
            await audit.record(tx, actor, Action.CREATE, "desk-phone", phone.id)
        return phone

    async def revoke_phone(self, actor: Actor, phone_id: UUID) -> None:
        """Withdraw a desk phone: no new registration, no new call; a call in progress stays up."""
        actor.require(Permission.QUEUE_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            if not await tx.run(_q["revoke_phone"], {"id": phone_id, "now": self.clock.now()}):
                raise NotFound
            await append(tx, [_happened(actor, phone_id, "revoked")])
            await audit.record(tx, actor, Action.DELETE, "desk-phone", phone_id)


def _happened(actor: Actor, phone_id: UUID, kind: str, **body: Any) -> NewEvent:
    return NewEvent(stream="desk_phone", stream_id=phone_id, kind=kind, body=body, person_id=actor.person_id)
