"""Changing the keys at rest of a running system: what `careline keys rotate` does."""

from __future__ import annotations

from dataclasses import dataclass

from careline.platform.db import Database, queries
from careline.security import audit
from careline.security.actor import system_actor
from careline.security.audit import Action
from careline.security.keys import Keyring

_q = queries("careline.security")
#: "CareKeys" as eight ASCII bytes: one rotation at a time.
_LOCK = int.from_bytes(b"CareKeys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What was done."""

    master: str
    tenants: int
    rewrapped: int


async def rotate_all(db: Database, keyring: Keyring) -> Rotated:
    """Give the installation a new master key and each tenant a new data key; processes may go on running.

    1. Wrap everything with the newest master key there is (a rotation that was cut off is finished by this).
    2. Forget the older master keys; nothing is wrapped with them any more.
    3. Make a new one, and wrap everything with it. The one before it stays until the next rotation: another process
       may be about to use it.
    4. Give each tenant a new data key for what is written from now on. Older versions stay readable.
    """
    async with db.system() as guard:
        await guard.run("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        tenants = [row["id"] for row in await guard.all(_q["all_tenants"])]
        await _rewrap(db, keyring, tenants)
        keyring.drop_old_master_keys()
        master = keyring.add_master_key()
        rewrapped = await _rewrap(db, keyring, tenants)
        for tenant_id in tenants:
            async with db.tenant(tenant_id) as tx:
                version = await keyring.rotate_tenant_key(tx)
                actor = system_actor(tenant_id)
                await audit.record(tx, actor, Action.UPDATE, "tenant-key", str(version), detail={"master": master})
    return Rotated(master=master, tenants=len(tenants), rewrapped=rewrapped)


async def _rewrap(db: Database, keyring: Keyring, tenants: list[int]) -> int:
    done = 0
    for tenant_id in tenants:
        async with db.tenant(tenant_id) as tx:
            done += await keyring.rewrap(tx)
    return done
