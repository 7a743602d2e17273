"""The audit log's proof: the hash chain checked in one query, and signed anchors outside the database.

The chain shows every change inside it. Rows cut off its end, or a chain computed anew by somebody who owns the
database, show only against an anchor: the head's number and hash, signed and written to a file now and then. Copy that
file to another machine; whoever can change both the database and every copy of the anchors can hide anything.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from careline.kernel.clock import Clock
from careline.platform.db import Database, queries
from careline.security.keys import Keyring

_q = queries("careline.security")
_UNREADABLE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """What a check of one tenant's chain found."""

    tenant_id: int
    rows: int
    #: The first row that is wrong; None when the chain is whole.
    bad_seq: int | None
    #: A sentence for people; None when the chain is whole.
    reason: str | None
    #: How many anchors were compared.
    anchors: int

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed, inserted or cut off."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The head of a chain at one moment, signed."""

    tenant_id: int
    seq: int
    hash: bytes
    at: str
    key: str
    signature: bytes

    def signed_text(self) -> bytes:
        """What the signature covers."""
        return f"careline audit {self.tenant_id} {self.seq} {self.hash.hex()} {self.at}".encode()


def anchors_file(home: Path) -> Path:
    """Where anchors are kept under the state directory."""
    return home / "audit" / "anchors.jsonl"


async def verify_chain(db: Database, tenant_id: int, keyring: Keyring, anchors: Path) -> ChainState:
    """Check one tenant's chain against itself, its head row and the anchors."""
    # Read before the chain: an anchor made meanwhile would name a row this check has not seen.
    every = read_anchors(anchors)
    known = [a for a in every if a.tenant_id == tenant_id]
    async with db.tenant(tenant_id) as tx:
        # One query, so one snapshot: rows appended meanwhile stay outside.
        row = await tx.one(_q["verify_audit"]) or {}
        found = await tx.all(_q["hashes_at"], {"seqs": [anchor.seq for anchor in known]})
    hashes = {r["seq"]: bytes(r["hash"]) for r in found}

    def state(bad_seq: int | None, reason: str | None) -> ChainState:
        return ChainState(tenant_id=tenant_id, rows=row["rows"], bad_seq=bad_seq, reason=reason, anchors=len(known))

    if row["bad_seq"] is not None:
        return state(row["bad_seq"], f"Row {row['bad_seq']}: {row['reason']}.")
    if row["head_seq"] != row["last_seq"] or (row["rows"] and row["head_hash"] != row["last_hash"]):
        seq = min(row["head_seq"], row["last_seq"]) + 1
        return state(seq, f"The log ends at row {row['last_seq']}, but its head says {row['head_seq']}.")
    if any(anchor.tenant_id == _UNREADABLE for anchor in every):
        return state(None, "The file of anchors has a line that cannot be read, so an anchor may be missing.")
    for anchor in sorted(known, key=lambda a: a.seq):
        if not keyring.signed(anchor.key, anchor.signature, anchor.signed_text()):
            return state(anchor.seq, f"The anchor of {anchor.at} (row {anchor.seq}) is not signed by this system.")
        if anchor.seq not in hashes:
            return state(
                row["last_seq"] + 1, f"The log ends at row {row['last_seq']}; on {anchor.at} it reached {anchor.seq}."
            )
        if hashes[anchor.seq] != anchor.hash:
            return state(anchor.seq, f"Row {anchor.seq} is not the one that was anchored on {anchor.at}.")
    return state(None, None)


async def verify_all(db: Database, keyring: Keyring, anchors: Path) -> list[ChainState]:
    """Check every tenant's chain: what `careline audit verify` does."""
    return [await verify_chain(db, tenant_id, keyring, anchors) for tenant_id in await _tenants(db)]


async def anchor_all(db: Database, clock: Clock, keyring: Keyring, anchors: Path) -> int:
    """Sign each chain's head and append it to the file, unless it is there already; returns how many were added."""
    last = {anchor.tenant_id: anchor.seq for anchor in read_anchors(anchors)}
    lines = []
    for tenant_id in await _tenants(db):
        async with db.tenant(tenant_id) as tx:
            head = await tx.one(_q["read_head"])
        # Never below an anchor already written: a cut log must not get a fresh anchor as its alibi.
        if head is not None and head["seq"] > last.get(tenant_id, 0):
            lines.append(_sign(tenant_id, head["seq"], bytes(head["hash"]), clock.now(), keyring))
    if lines:
        anchors.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(anchors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as out:
            out.write("".join(lines))
            out.flush()
            os.fsync(out.fileno())
    return len(lines)


def read_anchors(anchors: Path) -> list[Anchor]:
    """Every anchor of the file; a line that cannot be read stands as an anchor of no tenant."""
    if not anchors.exists():
        return []
    found = []
    for line in anchors.read_text("utf-8").splitlines():
        try:
            raw = json.loads(line)
            found.append(
                Anchor(
                    tenant_id=int(raw["tenant"]),
                    seq=int(raw["seq"]),
                    hash=bytes.fromhex(raw["hash"]),
                    at=str(raw["at"]),
                    key=str(raw["key"]),
                    signature=base64.b64decode(raw["signature"]),
                )
            )
        except (ValueError, KeyError, TypeError):
            found.append(Anchor(tenant_id=_UNREADABLE, seq=0, hash=b"", at="?", key="?", signature=b""))
    return found


async def export_chain(db: Database, tenant_id: int) -> AsyncIterator[dict[str, Any]]:
    """Every row of a tenant's log in order, with its hashes: what an auditor needs to check it without us."""
    after = 0
    while True:
        async with db.tenant(tenant_id) as tx:
            rows = await tx.all(_q["export_audit"], {"after": after})
        if not rows:
            return
        for row in rows:
            yield row
        after = rows[-1]["seq"]


async def export_all(db: Database, out: TextIO) -> int:
    """Write every tenant's log as JSON lines; returns how many rows. What `careline audit export` does."""
    written = 0
    for tenant_id in await _tenants(db):
        async for row in export_chain(db, tenant_id):
            out.write(json.dumps({"tenant": tenant_id, **row}, default=_plain, sort_keys=True) + "\n")
            written += 1
    return written


async def _tenants(db: Database) -> list[int]:
    async with db.system() as tx:
        return [row["id"] for row in await tx.all(_q["all_tenants"])]


def _sign(tenant_id: int, seq: int, head: bytes, at: datetime, keyring: Keyring) -> str:
    anchor = Anchor(tenant_id=tenant_id, seq=seq, hash=head, at=at.isoformat(), key=keyring.newest, signature=b"")
    signature = keyring.sign(anchor.signed_text())
    line = {
        "tenant": tenant_id,
        "seq": seq,
        "hash": head.hex(),
        "at": anchor.at,
        "key": anchor.key,
        "signature": base64.b64encode(signature).decode(),
    }
    return json.dumps(line) + "\n"


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
