"""Queues, who serves them and with what skills, wrap-up codes, and desk phones. Call control follows the events."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.kernel.clock import Clock
from careline.kernel.errors import Conflict, InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.platform.db import Database, Row, Tx, queries
from careline.platform.events import NewEvent, append
from careline.queues.agents import AgentProfiles, check_skills
from careline.queues.desk_phones import DeskPhones, Sealer
from careline.queues.history import QueueHistory
from careline.queues.ring_effect import RingEffects
from careline.queues.rules import from_body, queues_named, to_body
from careline.queues.surge import SurgeSwitch
from careline.queues.views import (
    MemberPlace,
    QueueRules,
    QueueView,
    WrapUpCode,
    check_place,
    no_nul,
)
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission

_q = queries("careline.queues")

_CODE = re.compile(r"[a-z][a-z0-9-]{0,39}")

#: Field -> least and greatest value; the schema's own limits where it has any.
LIMITS: Mapping[str, tuple[int, int]] = {
    "priority": (-100, 100),
    "ring_seconds": (3, 120),
    "wrap_up_seconds": (0, 3600),
    "announce_seconds": (10, 600),
    "service_level_seconds": (1, 3600),
    "expected_handle_seconds": (1, 7200),
}


class QueueInUse(Conflict):
    """Callers are waiting in this queue; move them first or wait until it is empty. Nothing was changed."""

    id = "queue-in-use"


class NameTaken(Conflict):
    """Another queue has this name. Nothing was changed."""

    id = "name-taken"


class QueueService(AgentProfiles, SurgeSwitch, QueueHistory, DeskPhones, RingEffects):
    """Use cases of the people who arrange the floor."""

    def __init__(self, db: Database, clock: Clock, keys: Sealer) -> None:
        self.db = db
        self.clock = clock
        self.keys = keys

    # --- queues ---

    async def list(self, actor: Actor) -> Sequence[QueueView]:
        """Every queue, the ones out of service last."""
        actor.require(Permission.QUEUE_MANAGE, Permission.BOARD_READ, Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [_queue(row) for row in await tx.all(_q["list_queues"], {"id": None})]

    async def get(self, actor: Actor, queue_id: UUID) -> QueueView:
        """One queue."""
        actor.require(Permission.QUEUE_MANAGE, Permission.BOARD_READ, Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return await _read(tx, queue_id)

    async def create(self, actor: Actor, rules: QueueRules) -> QueueView:
        """A new queue without members."""
        actor.require(Permission.QUEUE_MANAGE)
        queue_id = new_id()
        params = {**_checked(rules), "id": queue_id}
        async with self.db.tenant(actor.tenant_id) as tx:
            if await tx.one(_q["name_taken"], params) is not None:
                raise NameTaken
            await _check_queues(tx, queues_named(from_body(rules.routing or {})))
            await tx.run(_q["insert_queue"], params)
            await self._changed(tx, actor, "queue", queue_id, "created", rules=asdict(rules))
            made = await _read(tx, queue_id)
            await audit.record(tx, actor, Action.CREATE, "queue", queue_id)
        return made

    async def update(self, actor: Actor, queue_id: UUID, rules: QueueRules) -> QueueView:
        """Change a queue's rules; agents stay signed on, and the ids stay. Takes effect for the next decision."""
        actor.require(Permission.QUEUE_MANAGE)
        params = {**_checked(rules), "id": queue_id}
        async with self.db.tenant(actor.tenant_id) as tx:
            before = await _read(tx, queue_id)
            if await tx.one(_q["name_taken"], params) is not None:
                raise NameTaken
            await _check_queues(tx, queues_named(from_body(rules.routing or {})))
            if not rules.active:
                waiting = await tx.one(_q["count_waiting"], params)
                if waiting and waiting["n"]:
                    raise QueueInUse(waiting=waiting["n"])
            await tx.run(_q["update_queue"], params)
            made = await _read(tx, queue_id)
            was, now = asdict(before.rules), asdict(made.rules)
            await self._changed(tx, actor, "queue", queue_id, "changed", was=was, rules=now)
            await audit.record(tx, actor, Action.UPDATE, "queue", queue_id)
        return made

    async def set_members(self, actor: Actor, queue_id: UUID, people: Sequence[UUID]) -> QueueView:
        """Say who serves the queue."""
        actor.require(Permission.QUEUE_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            await _read(tx, queue_id)
            known = {row["id"] for row in await tx.all(_q["list_servers"], {"id": None})}
            if unknown := set(people) - known:
                raise InvalidInput("Only agents and supervisors can serve a queue.", people=[str(p) for p in unknown])
            await tx.run(_q["remove_members"], {"id": queue_id, "people": list(people)})
            await tx.run(_q["add_members"], {"id": queue_id, "people": list(people)})
            await self._changed(tx, actor, "queue", queue_id, "members_changed")
            made = await _read(tx, queue_id)
            await audit.record(tx, actor, Action.UPDATE, "queue", queue_id, fields=["members"])
        return made

    async def set_places(self, actor: Actor, queue_id: UUID, places: Mapping[UUID, MemberPlace]) -> QueueView:
        """Say where members stand in a queue: order, team, weight, reserve; members not named keep their places."""
        actor.require(Permission.QUEUE_MANAGE)
        for place in places.values():
            check_place(place)
        async with self.db.tenant(actor.tenant_id) as tx:
            await _read(tx, queue_id)
            for person_id, place in places.items():
                values = {"id": queue_id, "person_id": person_id, **asdict(place)}
                if not await tx.run(_q["place_member"], values):
                    raise InvalidInput("Only somebody who serves the queue has a place in it.", person=str(person_id))
            await self._changed(tx, actor, "queue", queue_id, "places_changed")
            made = await _read(tx, queue_id)
            await audit.record(tx, actor, Action.UPDATE, "queue", queue_id, fields=["places"])
        return made

    # --- wrap-up codes ---

    async def codes(self, actor: Actor) -> Sequence[WrapUpCode]:
        """Every wrap-up code, the ones out of use last."""
        actor.require(Permission.QUEUE_MANAGE, Permission.CALL_HANDLE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [WrapUpCode(**row) for row in await tx.all(_q["list_codes"])]

    async def save_code(self, actor: Actor, code: WrapUpCode) -> None:
        """Add a code or change its words, place or use. Codes are never deleted: records refer to them."""
        actor.require(Permission.QUEUE_MANAGE)
        if not _CODE.fullmatch(code.code):
            raise InvalidInput("A code is small letters, digits and hyphens, for example refill-request.")
        if not (code.label_en.strip() and code.label_es.strip()):
            raise InvalidInput("A code needs its words in English and in Spanish.")
        no_nul(code.label_en, code.label_es)
        if not -1000 <= code.position <= 1000:
            raise InvalidInput("The position goes from -1000 to 1000.")
        async with self.db.tenant(actor.tenant_id) as tx:
            await tx.run(
                _q["save_code"],
                {
                    "code": code.code,
                    "label_en": code.label_en.strip()[:80],
                    "label_es": code.label_es.strip()[:80],
                    "position": code.position,
                    "active": code.active,
                },
            )
            await audit.record(tx, actor, Action.UPDATE, "wrap-up-code", code.code)

    async def _changed(self, tx: Tx, actor: Actor, stream: str, which: UUID, kind: str, **body: Any) -> None:
        await append(
            tx, [NewEvent(stream=stream, stream_id=which, kind=kind, body=dict(body), person_id=actor.person_id)]
        )


async def _read(tx: Tx, queue_id: UUID) -> QueueView:
    row = await tx.one(_q["list_queues"], {"id": queue_id})
    if row is None:
        raise NotFound
    return _queue(row)


def _queue(row: Row) -> QueueView:
    values: dict[str, Any] = {name: row[name] for name in QueueRules.__dataclass_fields__ if name != "routing"}
    values["routing"] = row["rules"]
    values["skills"] = dict(sorted(row["skills"].items()))
    values["service_level_target"] = float(row["service_level_target"])
    places = {UUID(person): MemberPlace(**place) for person, place in row["places"].items()}
    return QueueView(id=row["id"], rules=QueueRules(**values), members=row["members"], places=places)


async def _check_queues(tx: Tx, queues: Collection[UUID]) -> None:
    row = await tx.one(_q["count_queues"], {"queues": list(queues)})
    if row is None or row["n"] != len(set(queues)):
        raise InvalidInput("There is no such queue.")


def _checked(rules: QueueRules) -> dict[str, Any]:
    name = rules.name.strip()
    if not name or len(name) > 80:
        raise InvalidInput("A queue needs a name of up to 80 characters.")
    no_nul(name)
    for field, (least, most) in LIMITS.items():
        if not least <= getattr(rules, field) <= most:
            raise InvalidInput(f"{field} goes from {least} to {most}.", field=field)
    if not 0 < rules.service_level_target <= 1:
        raise InvalidInput("The target is more than 0 and at most 1.", field="service_level_target")
    check_skills(rules.skills)
    return {
        **{field: getattr(rules, field) for field in LIMITS},
        "name": name,
        "skills": Jsonb(dict(rules.skills)),
        "match_language": rules.match_language,
        "service_level_target": rules.service_level_target,
        "active": rules.active,
        "rules": None if rules.routing is None else Jsonb(to_body(from_body(rules.routing))),
    }
