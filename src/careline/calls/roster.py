"""The roster: every agent's state and telephone. The single writer of both; every change leaves its event. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from careline.calls.agenda import Agenda
from careline.calls.outcome import AgentEvent, Outcome
from careline.queues.model import Agent, AgentStatus, Queue, change_status

#: Statuses in which an agent has a telephone call in hand.
BUSY = frozenset({AgentStatus.OFFERED, AgentStatus.TALKING})
#: Statuses in which an agent is bound to a call or its notes.
WORKING = BUSY | {AgentStatus.WRAP_UP}


class Roster:
    """Agents by id, with what is asked of them at every event kept at hand."""

    def __init__(self) -> None:
        self.agents: dict[UUID, Agent] = {}
        #: Agents to whom a call can be offered now.
        self.ready: dict[UUID, Agent] = {}
        #: Ends of wrap-ups.
        self.agenda = Agenda()
        self.by_endpoint: dict[str, UUID] = {}
        #: Every telephone that can be reached, whoever uses it.
        self.online: set[str] = set()

    def put(self, agent: Agent) -> None:
        """Take an agent's new state."""
        self.agents[agent.id] = agent
        self.agenda.put(agent.id, agent.wrap_up_until)
        if agent.ready:
            self.ready[agent.id] = agent
        else:
            self.ready.pop(agent.id, None)

    def configure(self, people: Iterable[Agent]) -> None:
        """Names, skills and languages as configured now; live state is kept. Who left goes when the work is done."""
        configured = {person.id: person for person in people}
        for person in configured.values():
            known = self.agents.get(person.id)
            if known:
                person = replace(known, name=person.name, languages=person.languages, skills=person.skills)
            self.put(person)
        for agent in [a for a in self.agents.values() if a.id not in configured and a.status not in WORKING]:
            del self.agents[agent.id]
            self.ready.pop(agent.id, None)

    def lay_over(self, person_id: UUID, state: Mapping[str, Any]) -> None:
        """Give an agent the live state a predecessor left."""
        agent = self.agents.get(person_id)
        if agent is None:
            return
        self.put(replace(agent, **state))
        if state["endpoint"]:
            self.by_endpoint[state["endpoint"]] = person_id
            if state["phone_online"]:
                self.online.add(state["endpoint"])

    def at(self, endpoint: str) -> Agent | None:
        """Who uses a telephone now."""
        agent_id = self.by_endpoint.get(endpoint)
        agent = self.agents.get(agent_id) if agent_id else None
        return agent if agent and agent.endpoint == endpoint else None

    def set_status(
        self,
        agent_id: UUID,
        status: AgentStatus,
        now: datetime,
        out: Outcome,
        *,
        reason: str | None = None,
        call_id: UUID | None = None,
        person_id: UUID | None = None,
    ) -> None:
        """Change an agent's status and note it. An agent unknown to this floor is passed over."""
        agent = self.agents.get(agent_id)
        if agent is None or (agent.status is status and agent.reason == reason):
            return
        before = agent.status
        if before is status:
            changed = replace(agent, reason=reason)
        else:
            changed = change_status(agent, status, now, reason=reason, call_id=call_id)
        self.put(changed)
        out.agents.add(agent_id)
        out.agent_events.append(
            AgentEvent(
                agent_id=agent_id,
                tenant_id=agent.tenant_id,
                kind="status_changed",
                at=now,
                body={
                    "status": status.value,
                    "from": before.value,
                    "reason": reason,
                    "call_id": str(call_id) if call_id else None,
                },
                person_id=person_id,
            )
        )

    def end_offer(self, agent_id: UUID, reason: str, now: datetime, out: Outcome) -> None:
        """An offer came to nothing: what that means for the agent depends on whose doing it was."""
        agent = self.agents.get(agent_id)
        if agent is None or agent.status not in BUSY:
            return
        match reason:
            case "no-answer":
                self.put(replace(agent, misses=agent.misses + 1))
                self.set_status(agent_id, AgentStatus.NOT_RESPONDING, now, out, reason="no-answer")
            case "declined":
                self.set_status(agent_id, AgentStatus.AWAY, now, out, reason="declined")
            case "unreachable" | "failed":
                self.set_status(agent_id, AgentStatus.AWAY, now, out, reason="phone-failed")
            case _:
                # The caller hung up or the offer was withdrawn: not the agent's doing, the idle clock goes on.
                self.rest(agent_id, now, out)

    def rest(self, agent_id: UUID, now: datetime, out: Outcome) -> None:
        """Work in hand is over: what the agent asked for meanwhile, else available."""
        agent = self.agents[agent_id]
        if agent.wanted:
            self.set_status(agent_id, agent.wanted, now, out, reason=agent.wanted_reason)
        elif agent.phone_online:
            self.set_status(agent_id, AgentStatus.AVAILABLE, now, out)
        else:
            self.set_status(agent_id, AgentStatus.AWAY, now, out, reason="phone-offline")

    def begin_wrap_up(self, agent_id: UUID, call_id: UUID, queue: Queue | None, now: datetime, out: Outcome) -> None:
        """The agent finishes notes; the clock belongs to the agent, not to the queue."""
        self.set_status(agent_id, AgentStatus.WRAP_UP, now, out, call_id=call_id)
        agent = self.agents.get(agent_id)
        if agent:
            seconds = queue.wrap_up_seconds if queue else 120
            self.put(replace(agent, wrap_up_until=now + timedelta(seconds=seconds), call_id=call_id))
