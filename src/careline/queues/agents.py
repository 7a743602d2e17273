"""How calls reach each agent: skills, languages, places in queues, capacity; for one or many people, and taken back.

Every change leaves an event with what was and what is now, under one batch for all the people it was made for. A batch
is taken back for exactly those who have not been changed since.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from careline.kernel.errors import Conflict, InvalidInput, NotFound
from careline.kernel.ids import new_id
from careline.platform.db import Database, Row, Tx, queries
from careline.platform.events import NewEvent, append
from careline.queues.history import differences
from careline.queues.views import AgentProfile, MemberPlace, WorkRules, check_place, check_work
from careline.security import audit
from careline.security.actor import Actor
from careline.security.audit import Action
from careline.security.permissions import Permission

_q = queries("careline.queues", "agents.sql")

_SKILL = re.compile(r"[a-z][a-z0-9-]{0,39}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")

#: What can be changed of a profile; the rest of it is who the person is.
SETTLED = ("skills", "languages", "places", "work")


class ChangedSince(Conflict):
    """These profiles were changed again since. Nothing was taken back; look at the history."""

    id = "changed-since"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """One change of a profile: the settings that differ, as (name, before, after)."""

    batch: UUID
    at: datetime
    by: str | None
    settings: tuple[tuple[str, str, str], ...]
    #: Whether it is the present state, so that it can be taken back.
    latest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes made together: for how many people."""

    id: UUID
    people: int


class AgentProfiles:
    """Reading and changing profiles. Part of the queue service."""

    db: Database

    async def agents(self, actor: Actor) -> Sequence[AgentProfile]:
        """Everybody who can serve a queue, with skills, languages and places."""
        actor.require(Permission.QUEUE_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return [_profile(row) for row in await tx.all(_q["list_people"], {"ids": None})]

    async def agent(self, actor: Actor, person_id: UUID) -> AgentProfile:
        """One of them."""
        actor.require(Permission.QUEUE_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            return (await _read(tx, [person_id]))[0]

    async def set_profile(
        self,
        actor: Actor,
        person_id: UUID,
        *,
        skills: Mapping[str, float],
        languages: Sequence[str],
        queues: Collection[UUID],
        work: WorkRules | None = None,
        places: Mapping[UUID, MemberPlace] | None = None,
    ) -> AgentProfile:
        """Say what an agent can do and which queues the agent serves; without `work` or `places` those stay."""
        _check_languages(languages)

        def change(before: AgentProfile) -> AgentProfile:
            kept = {**before.places, **(places or {})}
            return replace(
                before,
                skills=dict(skills),
                languages=list(dict.fromkeys(languages)),
                places={queue: kept.get(queue, MemberPlace()) for queue in queues},
                work=work or before.work,
            )

        await self.change_agents(actor, [person_id], change)
        return await self.agent(actor, person_id)

    async def change_agents(
        self, actor: Actor, people: Sequence[UUID], change: Callable[[AgentProfile], AgentProfile]
    ) -> Batch:
        """Change several people's profiles together: all or none. Calls that wait keep their places."""
        actor.require(Permission.QUEUE_MANAGE)
        if not people:
            raise InvalidInput("Tick the people to change.", field="people")
        batch = new_id()
        async with self.db.tenant(actor.tenant_id) as tx:
            await tx.run(_q["lock_profiles"])
            pairs = [(before, change(before)) for before in await _read(tx, people)]
            for was, now in pairs:
                # Of whom no language is said counts as speaking English: no reason to refuse other changes.
                if sorted(was.languages) != sorted(now.languages):
                    _check_languages(now.languages)
            changed = await _settle(tx, actor, pairs, batch)
        return Batch(id=batch, people=changed)

    async def undo_agents(self, actor: Actor, batch: UUID) -> Batch:
        """Take a change back, for everybody it was made for. Itself a change, which can be taken back.

        Raises `NotFound` for a batch that is unknown, `ChangedSince` when somebody's profile is another by now.
        """
        actor.require(Permission.QUEUE_MANAGE)
        back = new_id()
        async with self.db.tenant(actor.tenant_id) as tx:
            await tx.run(_q["lock_profiles"])
            made = {row["stream_id"]: row["body"] for row in await tx.all(_q["list_batch"], {"batch": str(batch)})}
            if not made:
                raise NotFound
            present = await _read(tx, sorted(made))
            if any(_plain(profile) != made[profile.id]["now"] for profile in present):
                raise ChangedSince
            pairs = [(profile, _laid(profile, made[profile.id]["was"])) for profile in present]
            changed = await _settle(tx, actor, pairs, back)
        return Batch(id=back, people=changed)

    async def agent_history(self, actor: Actor, person_id: UUID) -> list[ProfileChange]:
        """The last fifty changes of a profile, the newest first; queues by their present names."""
        actor.require(Permission.QUEUE_MANAGE)
        async with self.db.tenant(actor.tenant_id) as tx:
            present = _plain((await _read(tx, [person_id]))[0])
            rows = await tx.all(_q["list_changes"], {"id": person_id})
            names = {str(row["id"]): row["name"] for row in await tx.all(_q["list_queue_names"])}
        return [
            ProfileChange(
                batch=UUID(row["body"]["batch"]),
                at=row["at"],
                by=row["by"],
                settings=tuple(differences(_named(row["body"]["was"], names), _named(row["body"]["now"], names))),
                latest=n == 0 and row["body"]["now"] == present,
            )
            for n, row in enumerate(rows)
        ]


async def _read(tx: Tx, people: Sequence[UUID]) -> list[AgentProfile]:
    found = [_profile(row) for row in await tx.all(_q["list_people"], {"ids": list(people)})]
    if len(found) != len(set(people)):
        raise NotFound
    return found


async def _settle(tx: Tx, actor: Actor, pairs: Iterable[tuple[AgentProfile, AgentProfile]], batch: UUID) -> int:
    """Write what differs, with an event and an entry in the audit log for each person; how many there were."""
    changed = 0
    for before, after in pairs:
        was, now = _plain(before), _plain(after)
        if was == now:
            continue
        await _check(tx, after)
        changed += 1
        key: dict[str, Any] = {"id": after.id}
        if was["skills"] != now["skills"]:
            await tx.run(_q["set_skills"], {**key, "skills": Jsonb(now["skills"])})
        if was["languages"] != now["languages"]:
            await tx.run(_q["set_languages"], {**key, "languages": list(after.languages)})
        if was["places"] != now["places"]:
            rows = [{"queue_id": queue, **place} for queue, place in now["places"].items()]
            await tx.run(_q["leave_queues"], {**key, "queues": list(after.places)})
            await tx.run(_q["set_places"], {**key, "rows": Jsonb(rows)})
        if was["work"] != now["work"]:
            work = now["work"]
            values = {**work, "capacity": Jsonb(work["capacity"]), "interrupts": Jsonb(work["interrupts"])}
            await tx.run(_q["save_setting"], {**key, **values})
        body = {"batch": str(batch), "was": was, "now": now}
        await append(tx, [NewEvent(stream="agent", stream_id=after.id, kind="profile_changed", body=body,
                                   person_id=actor.person_id)])  # fmt: skip
        fields = [name for name in SETTLED if was[name] != now[name]]
        await audit.record(tx, actor, Action.UPDATE, "agent-profile", after.id, fields=fields)
    return changed


async def _check(tx: Tx, profile: AgentProfile) -> None:
    check_skills(profile.skills)
    check_work(profile.work)
    for place in profile.places.values():
        check_place(place)
    row = await tx.one(_q["count_queues"], {"queues": list(profile.places)})
    if row is None or row["n"] != len(profile.places):
        raise InvalidInput("There is no such queue.")


def _check_languages(languages: Sequence[str]) -> None:
    if not languages:
        raise InvalidInput("An agent speaks at least one language.")
    if not all(_LANGUAGE.fullmatch(language) for language in languages):
        raise InvalidInput("A language is written as two or three small letters, for example en or es.")


def check_skills(skills: Mapping[str, float]) -> None:
    """Refuse what is no skill, or no proficiency. Raises `InvalidInput`."""
    for skill, proficiency in skills.items():
        if not _SKILL.fullmatch(skill):
            raise InvalidInput("A skill is small letters, digits and hyphens, for example scheduling.", field="skills")
        if not 0 <= proficiency <= 100:
            raise InvalidInput("Proficiency goes from 0 to 100.", field="skills")


def _profile(row: Row) -> AgentProfile:
    work = WorkRules(**{name: row[name] for name in WorkRules.__dataclass_fields__})
    places = {UUID(queue): MemberPlace(**place) for queue, place in row["places"].items()}
    return AgentProfile(
        id=row["id"],
        name=row["name"],
        languages=row["languages"],
        skills={skill: float(level) for skill, level in sorted(row["skills"].items())},
        queues=list(places),
        places=places,
        work=work,
    )


def _plain(profile: AgentProfile) -> dict[str, Any]:
    """What can be changed, as JSON values that can be compared."""
    return {
        "skills": {skill: float(level) for skill, level in sorted(profile.skills.items())},
        "languages": sorted(profile.languages),
        "places": {str(q): {**asdict(p), "weight": float(p.weight)} for q, p in sorted(profile.places.items())},
        "work": {**asdict(profile.work), "interrupts": {c: sorted(o) for c, o in profile.work.interrupts.items()}},
    }


def _laid(profile: AgentProfile, plain: Mapping[str, Any]) -> AgentProfile:
    """The profile as it was. A queue that is no more is left out by nobody: queues are never deleted."""
    return replace(
        profile,
        skills=plain["skills"],
        languages=plain["languages"],
        places={UUID(queue): MemberPlace(**place) for queue, place in plain["places"].items()},
        work=WorkRules(**plain["work"]),
    )


def _named(plain: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """With queues by name, and of ordinary places only that they are there."""
    ordinary = asdict(MemberPlace())
    places = {}
    for queue, place in plain["places"].items():
        said = {name: value for name, value in place.items() if value != ordinary[name]}
        places[names.get(queue, queue)] = ", ".join(f"{name} {value:g}" for name, value in said.items()) or "✓"
    return {"skills": plain["skills"], "languages": plain["languages"], "queues": places, **plain["work"]}
