"""Rows of flows, to and from what the services work with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.flows import shape
from careline.flows.judge import Context
from careline.flows.model import Flow, key_of
from careline.flows.nodes import SubFlow
from careline.flows.shelf import Shelf
from careline.flows.views import FlowView, NamedId, ShareView
from careline.platform.db import Row, Tx, queries

q = queries("careline.flows")

#: Which kind of name each field of a node holds.
_NAMED = {"queue": "queue", "person": "person", "department": "department", "calendar": "calendar", "flow": "flow"}


class Names:
    """What a flow of a tenant may name."""

    def __init__(
        self, rows: list[Row], tables: list[Row], endpoints: list[str], recordings: list[str], skills: list[str]
    ) -> None:
        self.by_kind: dict[str, dict[UUID, str]] = {kind: {} for kind in _NAMED}
        for row in rows:
            self.by_kind[row["kind"]][row["id"]] = row["name"]
        self.tables = {row["name"]: tuple(c["name"] for c in row["columns"]) for row in tables}
        self.endpoints = endpoints
        self.recordings = recordings
        self.skills = skills

    def resolve(self, kind: str, value: str) -> str:
        """The id a name stands for; what is no known name stays. A queue may be a person's own."""
        found = [id_ for id_, name in self.by_kind[kind].items() if name == value]
        if kind == "queue" and not found:
            return self.resolve("person", value)
        return str(found[0]) if len(found) == 1 else value

    def shown(self) -> dict[str, str]:
        """Id -> name, of everything."""
        return {str(id_): name for names in self.by_kind.values() for id_, name in names.items()}

    def named(self, kind: str) -> list[NamedId]:
        """As a list to choose from."""
        return [NamedId(id=id_, name=name) for id_, name in self.by_kind[kind].items()]

    def context(self, prompts: Mapping[str, frozenset[str]] | None, emergency_keys: frozenset[str]) -> Context:
        """For the gate."""
        return Context(
            queues=self.by_kind["queue"],
            people=self.by_kind["person"],
            skills=frozenset(self.skills),
            departments=self.by_kind["department"],
            calendars=self.by_kind["calendar"],
            flows=self.by_kind["flow"],
            tables=self.tables,
            endpoints=frozenset(self.endpoints),
            prompts=prompts,
            recordings=frozenset(self.recordings),
            emergency_keys=emergency_keys,
        )


async def names(tx: Tx, at: datetime) -> Names:
    """What a flow may name now."""
    return Names(
        await tx.all(q["names"]),
        await tx.all(q["list_tables"], {"at": at, "id": None, "name": None}),
        [row["name"] for row in await tx.all(q["endpoints"])],
        [row["name"] for row in await tx.all(q["recordings"])],
        [row["skill"] for row in await tx.all(q["skills"])],
    )


def with_ids(data: Mapping[str, Any], known: Names) -> dict[str, Any]:
    """A flow's data with ids in place of names: what calls run, whatever is renamed later."""
    nodes: dict[str, Any] = {}
    for name, body in dict(data.get("nodes") or {}).items():
        if isinstance(body, Mapping):
            body = {
                field: known.resolve(_NAMED[field], value) if field in _NAMED and isinstance(value, str) else value
                for field, value in body.items()
            }
        nodes[str(name)] = body
    return {**{k: v for k, v in data.items() if k != "tests"}, "nodes": nodes}


def with_library(flow: Flow, shelf: Shelf, call_id: UUID) -> Flow:
    """A flow that is not published itself, with the sub-flows a call would get."""
    library: dict[str, Flow] = {}
    for node in flow.nodes.values():
        if isinstance(node, SubFlow) and isinstance(node.flow, UUID):
            version = (
                shelf.choose(node.flow, call_id)
                if node.version == "live"
                else shelf.numbers.get((node.flow, int(node.version) if node.version.isdigit() else -1))
            )
            if version and (inner := shelf.bind(version, call_id)):
                library[key_of(node.flow, node.version)] = inner
    return shape.with_library(flow, library)


def flow_view(row: Row) -> FlowView:
    """A flow in the list."""
    return FlowView(
        id=row["id"],
        name=row["name"],
        archived=row["archived_at"] is not None,
        live=shares(row["shares"]),
        released_at=row["released_at"],
        draft=row["draft"],
        draft_state=row["draft_state"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
        lines=[NamedId(id=UUID(line["id"]), name=line["label"]) for line in row["lines"]],
    )


def shares(items: list[dict[str, Any]] | None) -> list[ShareView]:
    """The shares of a release."""
    return [
        ShareView(number=item["number"], share=item["share"], version_id=UUID(item["version_id"]))
        for item in items or []
    ]
