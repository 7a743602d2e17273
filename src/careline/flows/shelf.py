"""Published flows, ready for calls: which version a call gets, with its sub-flows bound to it. Pure but for loading.

A call is told its version by its own id, so that the same call always gets the same one, and raising a share from 10 to
50 of a hundred leaves the first ten where they were.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.flows.model import Flow, FlowPin, key_of
from careline.flows.nodes import SubFlow
from careline.flows.reading import read
from careline.platform.db import Database, Tx, queries

log = logging.getLogger(__name__)
_q = queries("careline.flows")


@dataclass(frozen=True, slots=True)
class Share:
    """One version and how many of a hundred calls get it."""

    version: UUID
    number: int
    share: int


@dataclass(slots=True)
class Shelf:
    """The flows of one tenant as released at one moment."""

    #: Flow -> the versions calls get.
    releases: Mapping[UUID, Sequence[Share]]
    #: Version -> its flow, not bound. Shared between shelves: a published version never changes.
    flows: Mapping[UUID, Flow]
    #: Number of a version of a flow -> version.
    numbers: Mapping[tuple[UUID, int], UUID] = field(default_factory=dict)
    #: Table -> key -> row.
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    _bound: dict[tuple[Any, ...], Flow] = field(default_factory=dict)

    def choose(self, flow_id: UUID, call_id: UUID) -> UUID | None:
        """The version of a flow that a call gets; None for a flow that was never released."""
        shares = self.releases.get(flow_id)
        if not shares:
            return None
        place = bucket(flow_id, call_id)
        for share in shares:
            place -= share.share * 100
            if place < 0:
                return share.version
        return shares[-1].version

    def flow_for(self, flow_id: UUID, call_id: UUID, number: int | None = None) -> tuple[Flow, FlowPin] | None:
        """The flow for a new call, and what to remember of the choice; None when there is no such released flow.
        `number`: a certain version, whatever is live."""
        version = self.choose(flow_id, call_id) if number is None else self.numbers.get((flow_id, number))
        if version is None or version not in self.flows:
            return None
        parts: dict[UUID, UUID] = {}
        flow = self._bind(version, call_id, parts, 0)
        return (flow, FlowPin(version, parts)) if flow else None

    def pinned(self, pin: FlowPin) -> Flow | None:
        """The flow of a call that began with these versions; None when they are not on this shelf."""
        return self._bind(pin.version, None, dict(pin.parts), 0)

    def bind(self, version: UUID, call_id: UUID) -> Flow | None:
        """A published version with the sub-flows a call would get."""
        return self._bind(version, call_id, {}, 0)

    def row(self, table: str, key: str) -> Mapping[str, Any] | None:
        """The row of a table for a key, as it holds now."""
        return self.tables.get(table, {}).get(key)

    def _bind(self, version: UUID, call_id: UUID | None, parts: dict[UUID, UUID], depth: int) -> Flow | None:
        flow = self.flows.get(version)
        if flow is None or depth > 8:
            return None
        library: dict[str, Flow] = {}
        for node in flow.nodes.values():
            if not isinstance(node, SubFlow) or not isinstance(node.flow, UUID):
                continue
            if node.version == "live":
                chosen = parts.get(node.flow) or (self.choose(node.flow, call_id) if call_id else None)
                if chosen:
                    parts[node.flow] = chosen
            else:
                chosen = self.numbers.get((node.flow, int(node.version)))
            inner = self._bind(chosen, call_id, parts, depth + 1) if chosen else None
            if inner is None:
                log.error("a sub-flow is missing", extra={"version": str(version)})
                return None
            library[key_of(node.flow, node.version)] = inner
        if not library:
            return flow
        key = (version, *sorted((name, id(inner)) for name, inner in library.items()))
        return self._bound.setdefault(key, replace(flow, library=library))


def bucket(flow_id: UUID, call_id: UUID) -> int:
    """A number from 0 to 9999 that belongs to a call in a flow: always the same, and even over many calls."""
    return int.from_bytes(hashlib.sha256(flow_id.bytes + call_id.bytes).digest()[:8]) % 10_000


class Shelves:
    """Reads the shelves of tenants; bodies of versions are read once."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._flows: dict[UUID, Flow] = {}
        #: Table -> the version read last, and its rows.
        self._tables: dict[UUID, tuple[int, Mapping[str, Mapping[str, Any]]]] = {}

    async def load(self, tenant_id: int, at: datetime, named: Collection[tuple[UUID, int]] = ()) -> Shelf:
        """What is released at a moment, and the versions that lines name: (flow, number)."""
        async with self.db.tenant(tenant_id) as tx:
            return await self.read(tx, at, named=named)

    async def pinned(self, tenant_id: int, pin: FlowPin, at: datetime) -> Flow | None:
        """The flow a call began with, whatever has been released since."""
        async with self.db.tenant(tenant_id) as tx:
            shelf = await self.read(tx, at, extra=[pin.version, *pin.parts.values()])
        return shelf.pinned(pin)

    async def read(
        self, tx: Tx, at: datetime, extra: Sequence[UUID] = (), named: Collection[tuple[UUID, int]] = ()
    ) -> Shelf:
        """What is released at a moment, within a transaction of the tenant."""
        releases: dict[UUID, list[Share]] = {}
        for row in await tx.all(_q["releases_at"], {"at": at}):
            releases[row["flow_id"]] = [
                Share(UUID(item["version_id"]), int(item["number"]), int(item["share"])) for item in row["shares"]
            ]
        numbers = {(row["flow_id"], row["number"]): row["id"] for row in await tx.all(_q["published_numbers"])}
        wanted = {share.version for shares in releases.values() for share in shares} | set(extra)
        wanted |= {numbers[one] for one in named if one in numbers}
        await self._need(tx, wanted)
        # Versions that sub-flows name by number need not be released any more.
        below = {
            numbers[node.flow, int(node.version)]
            for flow in list(self._flows.values())
            for node in flow.nodes.values()
            if isinstance(node, SubFlow) and isinstance(node.flow, UUID) and node.version.isdigit()
            if (node.flow, int(node.version)) in numbers
        }
        await self._need(tx, below)
        return Shelf(releases, self._flows, numbers, await self._tables_at(tx, at))

    async def _tables_at(self, tx: Tx, at: datetime) -> dict[str, Mapping[str, Mapping[str, Any]]]:
        """Every table as it holds then; the content of a version is read once."""
        tables: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        for row in await tx.all(_q["tables_at"], {"at": at}):
            version, rows = self._tables.get(row["id"], (0, {}))
            if version != row["version"]:
                content = await tx.one(_q["table_content"], {"id": row["id"], "version": row["version"]})
                assert content is not None, "versions of a table are never deleted"
                rows = rows_by_key(content["columns"], content["rows"])
                self._tables[row["id"]] = (row["version"], rows)
            tables[row["name"]] = rows
        return tables

    async def _need(self, tx: Tx, versions: set[UUID]) -> None:
        missing = [version for version in versions if version not in self._flows]
        if not missing:
            return
        for row in await tx.all(_q["bodies"], {"ids": missing}):
            reading = read(row["body"])
            if reading.problems:
                # It passed the gate when it was published: only a change of the language can do this.
                log.error("a published flow cannot be read", extra={"version": str(row["id"])})
                continue
            self._flows[row["id"]] = reading.flow


def rows_by_key(columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Any]]) -> dict[str, dict[str, Any]]:
    """A table's rows by their key, the value of the first column."""
    names = [column["name"] for column in columns]
    return {str(row[0]): dict(zip(names, row, strict=False)) for row in rows if row and row[0] is not None}
