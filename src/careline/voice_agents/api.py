"""The public API of voice agents: the list of them, and what an agent asks of its call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath

from careline.security.actor import Actor
from careline.voice_agents.model import VoiceAgent


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceAgentToAdd:
    """A voice agent. Its secret is sent when connecting and never read back."""

    name: str
    url: str
    secret: str | None = None
    #: A business associate agreement is signed with whoever runs it; without one it is never connected.
    baa_signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceAgentAdded:
    """The new voice agent."""

    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What an agent asks for. `token`: the one it was told at `start`, good for this conversation only."""

    token: str
    #: `next`, `person` or `hangup`.
    exit: str
    #: Values for the flow's variables, by the names the flow maps.
    values: dict[str, str | int | float | bool] = field(default_factory=dict)


class VoiceAgentsController(Controller):
    """Programs that talk with callers."""

    path = "/api/v1/voice-agents"
    tags = ["Flows"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="listVoiceAgents", summary="Every voice agent")
    async def list(self, services: Any, actor: Actor) -> list[VoiceAgent]:
        """Without their secrets."""
        agents: list[VoiceAgent] = await services.voice_agents.list(actor)
        return agents

    @post("/", operation_id="addVoiceAgent", summary="Let flows connect callers with a voice agent")
    async def add(self, services: Any, actor: Actor, data: VoiceAgentToAdd) -> VoiceAgentAdded:
        """By its name, at its address."""
        made = await services.voice_agents.add(
            actor, name=data.name, url=data.url, secret=data.secret, baa_signed=data.baa_signed
        )
        return VoiceAgentAdded(id=made)

    @delete("/{agent_id:uuid}", operation_id="retireVoiceAgent", summary="Connect a voice agent no more")
    async def retire(self, services: Any, actor: Actor, agent_id: FromPath[UUID]) -> Response[None]:
        """A flow that names it goes on by its exit for failures."""
        await services.voice_agents.retire(actor, agent_id)
        return Response(None, status_code=204)

    @post(
        "/{call_id:uuid}/next",
        operation_id="voiceAgentNext",
        summary="What a voice agent asks of its call: go on, a person, or the end",
        opt={"public": True},
        status_code=204,
    )
    async def next(self, services: Any, call_id: FromPath[UUID], data: NextStep) -> Response[None]:
        """Once in a conversation, with the token of the conversation instead of a person's."""
        await services.voice_agents.decide(data.token, call_id, data.exit, data.values)
        return Response(None, status_code=204)


handlers = [VoiceAgentsController]
