"""The roster: every agent's state and telephone. The single writer of both; every change leaves its event. Pure.

An agent's event carries what changed of the live state (`LIVE`), so that the state of every agent at any moment is the
sum of the events before it: `agent_state` is only a projection of them, and a restart loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from careline.calls.agenda import Agenda
from careline.calls.outcome import AgentEvent, Outcome
from careline.queues.model import Agent, AgentStatus, Queue, change_status

#: Statuses in which an agent has a telephone call in hand.
BUSY = frozenset({AgentStatus.OFFERED, AgentStatus.TALKING})
#: Statuses in which an agent is bound to a call or its notes.
WORKING = BUSY | {AgentStatus.WRAP_UP}
#: The live part of an agent, in JSON; the rest is configuration.
LIVE = (
    "status",
    "since",
    "reason",
    "endpoint",
    "phone_online",
    "idle_since",
    "call_id",
    "misses",
    "wrap_up_until",
    "wrap_up_forced",
    "wanted",
    "wanted_reason",
    "calls_taken",
    "talk_seconds",
    "last_inbound_end",
    "last_outbound_end",
)
#: What an agent did is counted from the first sign-on after so long away: a new day's work.
NEW_DAY = timedelta(hours=4)
#: Offers missed in a row after which an agent is taken out, where no queue says otherwise.
MISSES_ALLOWED = 1


def live(agent: Agent) -> dict[str, Any]:
    """The live part of an agent as JSON values."""
    return {name: msgspec.to_builtins(getattr(agent, name)) for name in LIVE}


def relive(agent: Agent, state: Mapping[str, Any]) -> Agent:
    """An agent with live values laid over, from JSON or from a row; what is not there stays."""
    known = {name: state[name] for name in LIVE if name in state}
    laid: Agent = msgspec.convert(msgspec.to_builtins({**msgspec.to_builtins(agent), **known}), Agent)
    return laid


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
        #: Who changed, or left, since the router was told.
        self.changed: set[UUID] = set()
        #: Live state as the events have it, and who may differ from it.
        self._told: dict[UUID, dict[str, Any]] = {}
        self._untold: set[UUID] = set()

    def put(self, agent: Agent) -> None:
        """Take an agent's new state."""
        self.agents[agent.id] = agent
        self.changed.add(agent.id)
        self._untold.add(agent.id)
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
                person = replace(person, load=known.load, **{name: getattr(known, name) for name in LIVE})
            if person != known:
                self.put(person)
        for agent in [a for a in self.agents.values() if a.id not in configured and a.status not in WORKING]:
            del self.agents[agent.id]
            self.ready.pop(agent.id, None)
            self._told.pop(agent.id, None)
            self.changed.add(agent.id)

    def lay_over(self, person_id: UUID, state: Mapping[str, Any]) -> None:
        """Give an agent the live state a predecessor left."""
        agent = self.agents.get(person_id)
        if agent is None:
            return
        self.put(relive(agent, state))
        if state["endpoint"]:
            self.by_endpoint[state["endpoint"]] = person_id
            if state["phone_online"]:
                self.online.add(state["endpoint"])

    def at(self, endpoint: str) -> Agent | None:
        """Who uses a telephone now."""
        agent_id = self.by_endpoint.get(endpoint)
        agent = self.agents.get(agent_id) if agent_id else None
        return agent if agent and agent.endpoint == endpoint else None

    # --- events -----------------------------------------------------------------------------------------------------

    def tell(self, now: datetime, out: Outcome) -> None:
        """Leave an event for every change that has none yet: a telephone, a wish, a count."""
        for agent_id in sorted(self._untold):
            if agent := self.agents.get(agent_id):
                self._tell(agent, "changed", now, out, {})
        self._untold.clear()

    def told(self) -> dict[UUID, dict[str, Any]]:
        """The live state of everybody; events after this say only what differs."""
        self._told = {agent.id: live(agent) for agent in self.agents.values()}
        self._untold.clear()
        return self._told

    def _tell(
        self,
        agent: Agent,
        kind: str,
        now: datetime,
        out: Outcome,
        body: Mapping[str, Any],
        person_id: UUID | None = None,
    ) -> None:
        before, present = self._told.get(agent.id, {}), live(agent)
        state = {name: value for name, value in present.items() if name not in before or before[name] != value}
        if not state and kind == "changed":
            return
        self._told[agent.id] = present
        self._untold.discard(agent.id)
        out.agents.add(agent.id)
        out.log.append(
            AgentEvent(
                agent_id=agent.id,
                tenant_id=agent.tenant_id,
                kind=kind,
                at=now,
                body={**body, "state": state},
                person_id=person_id,
            )
        )

    # --- statuses ---------------------------------------------------------------------------------------------------

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
        if before is AgentStatus.OFFLINE and (agent.since is None or now - agent.since >= NEW_DAY):
            changed = replace(changed, calls_taken=0, talk_seconds=0.0)
        self.put(changed)
        body = {
            "status": status.value,
            "from": before.value,
            "reason": reason,
            # Why the agent was away until now: a pause's end tells its reason, too.
            "from_reason": agent.reason,
            "call_id": str(call_id) if call_id else None,
        }
        self._tell(changed, "status_changed", now, out, body, person_id)

    def end_offer(self, agent_id: UUID, reason: str, queue: Queue | None, now: datetime, out: Outcome) -> None:
        """An offer came to nothing: what that means for the agent depends on whose doing it was."""
        agent = self.agents.get(agent_id)
        if agent is None or agent.status not in BUSY:
            return
        match reason:
            case "no-answer":
                misses, allowed = agent.misses + 1, queue.rules.misses_allowed if queue else MISSES_ALLOWED
                self.put(replace(agent, misses=misses))
                if allowed and misses >= allowed:
                    self.set_status(agent_id, AgentStatus.NOT_RESPONDING, now, out, reason="no-answer")
                else:
                    self.rest(agent_id, now, out)
            case "declined":
                self.set_status(agent_id, AgentStatus.AWAY, now, out, reason="declined")
            case "unheard":
                # Picked up and hung up before a word: as declined, and not a call taken.
                self.put(replace(agent, calls_taken=max(0, agent.calls_taken - 1)))
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

    def take(self, agent_id: UUID, call_id: UUID, now: datetime, out: Outcome) -> None:
        """The agent has a call: it counts from now."""
        agent = self.agents.get(agent_id)
        if agent:
            self.put(replace(agent, calls_taken=agent.calls_taken + 1))
            self.set_status(agent_id, AgentStatus.TALKING, now, out, call_id=call_id)

    def end_talk(self, agent_id: UUID, seconds: float, now: datetime) -> None:
        """The agent has left a caller: what longest-idle and least-talk go by."""
        agent = self.agents.get(agent_id)
        if agent:
            talked = round(agent.talk_seconds + seconds, 3)
            self.put(replace(agent, talk_seconds=talked, last_inbound_end=now))

    def begin_wrap_up(self, agent_id: UUID, call_id: UUID, queue: Queue | None, now: datetime, out: Outcome) -> None:
        """The agent finishes notes. One clock per agent: it runs once, whatever happens to the call or in other queues.

        The agent's own time counts up to the queue's, whose mode says whether the clock ends it (acd-and-ivr §7).
        """
        agent = self.agents.get(agent_id)
        if agent is None:
            return
        mode = queue.rules.wrap_up.mode if queue else "timeout"
        self.set_status(agent_id, AgentStatus.WRAP_UP, now, out, call_id=call_id)
        ceiling = queue.wrap_up_seconds if queue else 120
        seconds = ceiling if agent.wrap_up_seconds is None else min(agent.wrap_up_seconds, ceiling)
        until = None if mode == "mandatory" else now + timedelta(seconds=seconds)
        forced = mode == "forced"
        self.put(replace(self.agents[agent_id], wrap_up_until=until, wrap_up_forced=forced, call_id=call_id))
