"""What the use cases of flows share: finding, locking, judging, releasing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.flows import gate, shape, store, text, trials
from careline.flows.judge import Context
from careline.flows.model import Flow, FlowError, Problem
from careline.flows.nodes import SubFlow
from careline.flows.patch import patched
from careline.flows.reading import Reading, read, read_text
from careline.flows.shelf import Shelf, Shelves
from careline.flows.store import Names, q
from careline.flows.views import CheckView, FlowView, NamedId, NotPublishable, ShareView, UseView
from careline.kernel.clock import Clock
from careline.kernel.errors import InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.platform.db import Database, Row, Tx
from careline.platform.events import NewEvent, append
from careline.security.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A flow, its problems, and the surroundings it was judged in."""

    flow: Flow
    problems: list[Problem]
    names: Names
    shelf: Shelf


class FlowDesk:
    """The common ground of `FlowService`."""

    def __init__(self, db: Database, clock: Clock, prompts: Mapping[str, frozenset[str]] | None = None) -> None:
        """`prompts`: the catalogue, each prompt with the languages it is spoken in."""
        self.db = db
        self.clock = clock
        self.prompts = prompts
        self._shelves = Shelves(db)

    async def _view(self, tx: Tx, flow_id: UUID) -> FlowView:
        row = await tx.one(q["list_flows"], {"at": self.clock.now(), "id": flow_id})
        if row is None:
            raise NotFound()
        return store.flow_view(row)

    async def _lock(self, tx: Tx, flow_id: UUID) -> Row:
        row = await tx.one(q["lock_flow"], {"id": flow_id})
        if row is None:
            raise NotFound()
        return row

    async def _version(self, tx: Tx, flow_id: UUID, number: int) -> Row:
        row = await tx.one(q["get_version"], {"flow_id": flow_id, "number": number})
        if row is None:
            raise NotFound()
        return row

    async def _draft_row(self, tx: Tx, flow_id: UUID) -> Row:
        row = await tx.one(q["get_draft"], {"flow_id": flow_id})
        if row is None:
            raise InvalidInput("There is nothing new to publish.")
        return row

    async def _begin_draft(self, tx: Tx, actor: Actor, flow_id: UUID, written: str) -> None:
        params = {"id": new_id(), "flow_id": flow_id, "text": written, "by": actor.person_id, "note": ""}
        await tx.one(q["insert_version"], params)

    async def _release(self, tx: Tx, actor: Actor, flow_id: UUID, shares: list[ShareView], note: str) -> None:
        body = [{"version_id": str(s.version_id), "number": s.number, "share": s.share} for s in shares]
        await tx.one(
            q["insert_release"],
            {"flow_id": flow_id, "shares": Jsonb(body), "at": self.clock.now(), "by": actor.person_id, "note": note},
        )
        await tx.run(q["settle_states"], {"flow_id": flow_id, "live": [s.version_id for s in shares]})

    async def _changed(self, tx: Tx, actor: Actor, flow_id: UUID, kind: str, **body: Any) -> None:
        event = NewEvent(stream="flow", stream_id=flow_id, kind=kind, body=body, person_id=actor.person_id)
        await append(tx, [event])

    async def _use(self, tx: Tx, flow_id: UUID) -> UseView:
        lines = await tx.all(q["lines_using"], {"flow_id": flow_id, "at": self.clock.now()})
        flows = await tx.all(q["flows_using"], {"flow_id": flow_id})
        return UseView(
            lines=[NamedId(id=row["id"], name=row["label"]) for row in lines],
            flows=[NamedId(id=row["id"], name=row["name"]) for row in flows],
        )

    async def _judge(self, tx: Tx, flow_id: UUID | None, content: str | Mapping[str, Any]) -> Judged:
        """Read and judge with ids in place of names, and with the sub-flows that calls would get now."""
        now = self.clock.now()
        known, shelf = await store.names(tx, now), await self._shelves.read(tx, now)
        keys = {"*"}
        if flow_id is not None:
            lines = await tx.all(q["lines_using"], {"flow_id": flow_id, "at": now})
            keys = {str(row["body"].get("emergency_key", "*")) for row in lines} or keys
        data = content if isinstance(content, Mapping) else data_of(content)
        if data is None:
            assert isinstance(content, str)
            reading = read_text(content)
            return Judged(flow=reading.flow, problems=list(reading.problems), names=known, shelf=shelf)
        reading = read(store.with_ids(data, known))
        flow = store.with_library(reading.flow, shelf, _TRY)
        nodes = frozenset(str(name) for name in data["nodes"]) if isinstance(data.get("nodes"), Mapping) else None
        context = known.context(self.prompts, frozenset(keys))
        problems = _judged(reading, flow, context, nodes)
        problems += [
            Problem(name, "flow", "subflow-circle", "This flow would lie in itself.")
            for name, node in flow.nodes.items()
            if isinstance(node, SubFlow) and flow_id in shape.inside(flow, node)
        ]
        return Judged(flow=flow, problems=problems, names=known, shelf=shelf)

    async def _check(self, tx: Tx, flow_id: UUID | None, content: str | Mapping[str, Any], *, tests: bool) -> CheckView:
        judged = await self._judge(tx, flow_id, content)
        found: list[trials.Trial] = []
        if tests and not any(p.code in gate.BLOCKING for p in judged.problems):
            data = content if isinstance(content, Mapping) else data_of(content)
            shown = judged.names.shown()
            found = trials.run(judged.flow, (data or {}).get("tests"), names=shown, rows=judged.shelf.row)
        return CheckView(problems=judged.problems, tests=found)


#: The call id by which a rehearsal chooses among staged sub-flows.
_TRY = UUID(int=0)


def _judged(reading: Reading, flow: Flow, context: Context, nodes: frozenset[str] | None) -> list[Problem]:
    if any(p.code == "nodes-missing" for p in reading.problems):
        return list(reading.problems)
    return [*reading.problems, *gate.problems(flow, context, names=nodes)]


def data_of(written: str) -> dict[str, Any] | None:
    """The data of a text; None while it cannot be read."""
    try:
        return text.load(written)
    except FlowError:
        return None


def written(content: str | Mapping[str, Any], base: str | None = None) -> str:
    """What is stored: a text as it is, data as YAML; laid into `base`, the text it was drawn from, so that comments and
    layout stay. Raises `InvalidInput` for what is too long or has NUL."""
    if isinstance(content, str):
        made = content
    else:
        made = text.dump(content) if base is None else patched(base, content)
    if len(made) > text.LONGEST:
        raise InvalidInput(f"A flow has at most {text.LONGEST} characters.", field="text")
    if "\x00" in made:
        raise InvalidInput("Text may not contain the character NUL.", field="text")
    return made


def green(found: CheckView) -> bool:
    """Whether a flow may be published: no errors, and every test passes."""
    return not any(p.severity == "error" for p in found.problems) and all(test.ok for test in found.tests)


def refusal(found: CheckView) -> NotPublishable:
    """Why a flow may not be published."""
    errors = [p for p in found.problems if p.severity == "error"]
    failed = [test for test in found.tests if not test.ok]
    told = [f"{p.node}: {p.text}" if p.node else p.text for p in errors[:3]]
    told += [f"Test “{test.name}”: {test.said}" for test in failed[:3]]
    return NotPublishable(
        "Not published. " + " ".join(told),
        problems=[{"node": p.node, "field": p.field, "code": p.code, "text": p.text} for p in errors],
        tests=[{"name": test.name, "said": test.said} for test in failed],
    )


def percent(share: int) -> None:
    """Refuse a share that is none."""
    if not 1 <= share <= 100:
        raise InvalidInput("A share is a whole number from 1 to 100.", field="share")


def beside(new: ShareView, before: list[ShareView]) -> list[ShareView]:
    """The new version with its share, and the others with the rest: in the proportion they had, the biggest taking
    what is left over."""
    rest = 100 - new.share
    others = [s for s in before if s.number != new.number]
    total = sum(s.share for s in others)
    if rest == 0 or total == 0:
        return [new]
    scaled = [ShareView(number=s.number, share=s.share * rest // total, version_id=s.version_id) for s in others]
    biggest = max(range(len(scaled)), key=lambda i: (scaled[i].share, scaled[i].number))
    more = rest - sum(s.share for s in scaled)
    top = scaled[biggest]
    scaled[biggest] = ShareView(number=top.number, share=top.share + more, version_id=top.version_id)
    return [new, *(s for s in scaled if s.share)]


def previous(releases: list[Row]) -> Row | None:
    """The release before the present one that gave calls something else."""
    return next((row for row in releases[1:] if row["shares"] != releases[0]["shares"]), None)
