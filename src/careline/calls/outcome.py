"""What a cause makes of the floor: events to append, commands to give, and whatever has a new state. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.calls.model import Call, Event
from careline.calls.ports import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvent:
    """One fact about an agent (stream `agent`)."""

    agent_id: UUID
    tenant_id: int
    kind: str
    at: datetime
    body: Mapping[str, Any]
    person_id: UUID | None = None


@dataclass(slots=True)
class Outcome:
    """What a cause has made of the floor."""

    events: list[Event] = field(default_factory=list)
    agent_events: list[AgentEvent] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    #: The new state of every call that moved.
    calls: dict[UUID, Call] = field(default_factory=dict)
    #: Agents that changed.
    agents: set[UUID] = field(default_factory=set)

    def add(self, more: Outcome) -> None:
        """Take in what another cause has made."""
        self.events += more.events
        self.agent_events += more.agent_events
        self.commands += more.commands
        self.calls.update(more.calls)
        self.agents |= more.agents
