"""The public API of queues, agents' profiles, wrap-up codes and desk phones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from litestar import Controller, get, post, put
from litestar.params import FromPath, FromQuery

from careline.queues.ring_effect import RingResult
from careline.queues.surge import Surge
from careline.queues.views import (
    AgentProfile,
    DeskPhone,
    MemberPlace,
    NewDeskPhone,
    QueueRules,
    QueueView,
    WorkRules,
    WrapUpCode,
)
from careline.security.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The people who serve a queue."""

    people: list[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What an agent can do and which queues the agent serves."""

    #: Skill -> proficiency, 0 to 100.
    skills: dict[str, float] = field(default_factory=dict)
    languages: list[str] = field(default_factory=lambda: ["en"])
    queues: list[UUID] = field(default_factory=list)
    #: Seniority, wrap-up time, capacity; null leaves them as they are.
    work: WorkRules | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where members stand in a queue."""

    places: dict[UUID, MemberPlace]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneToAdd:
    """A desk phone for a person."""

    person_id: UUID
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeToBegin:
    """More calls than usual: in one queue or (null) in all, for some hours or (null) until it is ended."""

    queue_id: UUID | None = None
    hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeBegun:
    """The surge that is on now."""

    id: UUID


class QueuesController(Controller):
    """Queues, and who serves them."""

    path = "/api/v1/queues"
    tags = ["Queues"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listQueues", summary="Every queue")
    async def list(self, services: Any, actor: Actor) -> list[QueueView]:
        """With rules and members."""
        queues: list[QueueView] = await services.queues.list(actor)
        return queues

    @get("/{queue_id:uuid}", operation_id="getQueue", summary="One queue")
    async def one(self, services: Any, actor: Actor, queue_id: FromPath[UUID]) -> QueueView:
        """With rules and members."""
        queue: QueueView = await services.queues.get(actor, queue_id)
        return queue

    @post("/", operation_id="createQueue", summary="Make a queue")
    async def create(self, services: Any, actor: Actor, data: QueueRules) -> QueueView:
        """Without members yet."""
        queue: QueueView = await services.queues.create(actor, data)
        return queue

    @put("/{queue_id:uuid}", operation_id="updateQueue", summary="Change a queue's rules")
    async def update(self, services: Any, actor: Actor, queue_id: FromPath[UUID], data: QueueRules) -> QueueView:
        """Agents stay signed on; the next decision follows the new rules."""
        queue: QueueView = await services.queues.update(actor, queue_id, data)
        return queue

    @put("/{queue_id:uuid}/members", operation_id="setQueueMembers", summary="Say who serves a queue")
    async def members(self, services: Any, actor: Actor, queue_id: FromPath[UUID], data: Members) -> QueueView:
        """The whole list at once."""
        queue: QueueView = await services.queues.set_members(actor, queue_id, data.people)
        return queue

    @put("/{queue_id:uuid}/places", operation_id="setQueuePlaces", summary="Say where members stand in a queue")
    async def places(self, services: Any, actor: Actor, queue_id: FromPath[UUID], data: Places) -> QueueView:
        """Order, team, weight and reserve; members not named keep their places."""
        queue: QueueView = await services.queues.set_places(actor, queue_id, data.places)
        return queue

    @get("/{queue_id:uuid}/rings", operation_id="getRingEffect", summary="What a queue's rings achieve")
    async def rings(
        self, services: Any, actor: Actor, queue_id: FromPath[UUID], days: FromQuery[int] = 7
    ) -> Sequence[RingResult]:
        """How many calls came to each step, found an agent there, went on, or left."""
        results: Sequence[RingResult] = await services.queues.ring_effect(actor, queue_id, days)
        return results


class AgentsController(Controller):
    """What agents can do."""

    path = "/api/v1/agents"
    tags = ["Queues"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listAgents", summary="Everybody who can serve a queue")
    async def list(self, services: Any, actor: Actor) -> list[AgentProfile]:
        """With skills, languages and queues."""
        agents: list[AgentProfile] = await services.queues.agents(actor)
        return agents

    @put("/{person_id:uuid}", operation_id="setAgentProfile", summary="Set skills, languages and queues")
    async def save(self, services: Any, actor: Actor, person_id: FromPath[UUID], data: Profile) -> AgentProfile:
        """Replaces what there was."""
        profile: AgentProfile = await services.queues.set_profile(
            actor, person_id, skills=data.skills, languages=data.languages, queues=data.queues, work=data.work
        )
        return profile


class WrapUpCodesController(Controller):
    """Reasons to close a call with."""

    path = "/api/v1/wrap-up-codes"
    tags = ["Queues"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listWrapUpCodes", summary="Every wrap-up code")
    async def list(self, services: Any, actor: Actor) -> list[WrapUpCode]:
        """Those out of use last."""
        codes: list[WrapUpCode] = await services.queues.codes(actor)
        return codes

    @put("/", operation_id="saveWrapUpCode", summary="Add or change a wrap-up code")
    async def save(self, services: Any, actor: Actor, data: WrapUpCode) -> WrapUpCode:
        """Codes are taken out of use, never deleted: records refer to them."""
        await services.queues.save_code(actor, data)
        return data


class DeskPhonesController(Controller):
    """SIP telephones on people's desks."""

    path = "/api/v1/desk-phones"
    tags = ["Queues"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listDeskPhones", summary="Every desk phone")
    async def list(self, services: Any, actor: Actor) -> list[DeskPhone]:
        """Never with a password."""
        phones: list[DeskPhone] = await services.queues.phones(actor)
        return phones

    @post("/", operation_id="addDeskPhone", summary="Give a person a desk phone")
    async def add(self, services: Any, actor: Actor, data: PhoneToAdd) -> NewDeskPhone:
        """The answer holds its password, this once."""
        phone: NewDeskPhone = await services.queues.add_phone(actor, data.person_id, data.label)
        return phone

    @post("/{phone_id:uuid}/revoke", operation_id="revokeDeskPhone", summary="Withdraw a desk phone", status_code=204)
    async def revoke(self, services: Any, actor: Actor, phone_id: FromPath[UUID]) -> None:
        """No new registration and no new call; a call in progress stays up."""
        await services.queues.revoke_phone(actor, phone_id)


class SurgesController(Controller):
    """The surge switch."""

    path = "/api/v1/surges"
    tags = ["Queues"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listSurges", summary="The surges that are on")
    async def list(self, services: Any, actor: Actor) -> list[Surge]:
        """The oldest first."""
        surges: list[Surge] = await services.queues.surges(actor)
        return surges

    @post("/", operation_id="beginSurge", summary="Throw the surge switch")
    async def begin(self, services: Any, actor: Actor, data: SurgeToBegin) -> SurgeBegun:
        """For one queue or all: the reserve helps, callbacks are offered, callers hear why they wait."""
        return SurgeBegun(id=await services.queues.begin_surge(actor, queue_id=data.queue_id, hours=data.hours))

    @post("/{surge_id:uuid}/end", operation_id="endSurge", summary="Back to the ordinary rules", status_code=204)
    async def end(self, services: Any, actor: Actor, surge_id: FromPath[UUID]) -> None:
        """Ending it twice is harmless."""
        await services.queues.end_surge(actor, surge_id)


handlers: list[Any] = [
    SurgesController, QueuesController, AgentsController, WrapUpCodesController, DeskPhonesController,
]  # fmt: skip
