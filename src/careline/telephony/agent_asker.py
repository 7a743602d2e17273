"""Carries out a flow's `agent` node: connects the caller with a voice agent and says how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID

from careline.calls.asks import Answer, Ask
from careline.kernel.errors import Unavailable
from careline.security.actor import Actor, system_actor
from careline.telephony.voice_agent import AgentCall, AgentOutcome
from careline.voice_agents.model import Decision, Why
from careline.voice_agents.service import VoiceAgentService

log = logging.getLogger(__name__)

#: How often it is asked whether the agent wants the next step: what a caller waits at most after its last word.
_LOOK_EVERY: Final = 0.25


class Connects(Protocol):
    """The switch, as far as it is needed here."""

    async def converse(self, channel: str, stream: str, call: AgentCall) -> AgentOutcome:
        """Let a caller talk with a voice agent until it is over; cancel to end it. Raises `Unavailable`."""
        ...


class AgentAsker:
    """Carries out asks of the kind `agent`; cancelled when the caller leaves or raises an emergency."""

    def __init__(self, agents: VoiceAgentService, switch: Connects, url: str, inside: Sequence[str] = ()) -> None:
        """`url`: where agents reach our API; `inside`: hosts of our own network that may be agents."""
        self._agents = agents
        self._switch = switch
        self._url = url
        self._inside = tuple(host.lower() for host in inside)

    async def __call__(self, ask: Ask) -> Answer:
        """`next` or `person` as the agent asked, `hangup` too; `failed` when it was not there or broke off."""
        actor = system_actor(ask.tenant_id)
        found = await self._agents.find(actor, str(ask.body["endpoint"]))
        if found is None or found[0].problem:
            # No sound leaves us without a signed agreement, or to a host that nobody allowed.
            if found is not None and found[0].problem:
                await self._failed(actor, found[0].id, ask, found[0].problem)
            log.warning("a voice agent is not connected", extra={"call_id": str(ask.call_id)})
            return Answer(exit="failed")
        agent, secret = found
        token = await self._agents.begin(actor, ask.id, ask.call_id, ask.until)
        told = {str(k): str(v) for k, v in dict(ask.body.get("tells") or {}).items()}
        call = AgentCall(
            url=agent.url,
            call_id=str(ask.call_id),
            stream_id=ask.id,
            secret=secret,
            inside=self._inside,
            parameters={
                **told,
                "language": ask.language,
                "token": token,
                "next": f"{self._url}/api/v1/voice-agents/{ask.call_id}/next",
            },
        )
        talking = asyncio.create_task(self._switch.converse(ask.channel, f"agent.{ask.id}", call))
        deciding = asyncio.create_task(self._decision(actor, ask.id))
        try:
            await asyncio.wait({talking, deciding}, return_when=asyncio.FIRST_COMPLETED)
            decision = deciding.result() if deciding.done() else await self._agents.decision(actor, ask.id)
            if decision is not None:
                return _answer(ask, decision)
            why = talking.result().why
            if why == "failed":
                await self._failed(actor, agent.id, ask, "broke-off")
            return Answer(exit="next" if why == "next" else "failed")
        except Unavailable:
            await self._failed(actor, agent.id, ask, "unreachable")
            raise
        finally:
            for task in (talking, deciding):
                task.cancel()
            await asyncio.gather(talking, deciding, return_exceptions=True)
            with contextlib.suppress(Exception):
                await self._agents.end(actor, ask.id)

    async def _failed(self, actor: Actor, agent_id: UUID, ask: Ask, why: Why) -> None:
        """Keep it for the page. The caller does not wait for a database that stands still."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await self._agents.failed(actor, agent_id, ask.call_id, why)

    async def _decision(self, actor: Actor, ask_id: str) -> Decision:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if (decision := await self._agents.decision(actor, ask_id)) is not None:
                return decision


def _answer(ask: Ask, decision: Decision) -> Answer:
    into = dict(ask.body.get("into") or {})
    values = {variable: decision.values[name] for variable, name in into.items() if name in decision.values}
    return Answer(exit=decision.exit, values=values)
