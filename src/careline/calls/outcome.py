"""What a cause makes of the floor: events to append, commands to give, and whatever has a new state. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from careline.calls.asks import Ask
from careline.calls.model import Call, Event
from careline.calls.switch_commands import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvent:
    """One fact about an agent (stream `agent`)."""

    agent_id: UUID
    tenant_id: int
    kind: str
    at: datetime
    body: Mapping[str, Any]
    person_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorEvent:
    """One fact about a tenant's floor (stream `floor`): what it is configured to do."""

    tenant_id: int
    kind: str
    at: datetime
    body: Mapping[str, Any]


Happening: TypeAlias = Event | AgentEvent | FloorEvent


@dataclass(slots=True)
class Outcome:
    """What a cause has made of the floor."""

    #: Everything that happened, in order. It is written in this order, so that a day can be replayed from its rows.
    log: list[Happening] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    #: What is to be found out outside of the floor.
    asks: list[Ask] = field(default_factory=list)
    #: The new state of every call that moved.
    calls: dict[UUID, Call] = field(default_factory=dict)
    #: Agents that changed.
    agents: set[UUID] = field(default_factory=set)
    #: What an order has to tell whoever gave it.
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def events(self) -> list[Event]:
        """What happened to calls."""
        return [e for e in self.log if isinstance(e, Event)]

    @property
    def agent_events(self) -> list[AgentEvent]:
        """What happened to agents."""
        return [e for e in self.log if isinstance(e, AgentEvent)]

    def add(self, more: Outcome) -> None:
        """Take in what another cause has made."""
        self.log += more.log
        self.commands += more.commands
        self.asks += more.asks
        self.calls.update(more.calls)
        self.agents |= more.agents
        self.answer.update(more.answer)
