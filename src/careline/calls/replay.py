"""A day once more: its event rows folded, and every offer decided again. It must come out the same, to the last digit.

What the router decides depends on calls, agents, configuration and time alone, and all of these are in the rows. A
difference therefore means that something was decided by what nobody wrote down. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from careline.calls.configured import Configuration
from careline.calls.dispatch import Dispatch
from careline.calls.fold import begin, evolve
from careline.calls.model import Call, Event, Kind, Phase
from careline.calls.roster import relive
from careline.queues.model import Agent, Match


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the event log."""

    stream: str
    stream_id: UUID
    kind: str
    at: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One offer: which call rings at whom, in which ring, and why (kept with the first telephone only)."""

    call_id: UUID
    agent_id: UUID
    ring: int
    why: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What was decided and what is decided now; None: nothing."""

    at: datetime
    was: Decision | None
    now: Decision | None


@dataclass(slots=True)
class Report:
    """The result of a replay."""

    offers: int = 0
    #: Offers that a person made, or that older software wrote without its reasons.
    not_decided: int = 0
    differences: list[Difference] = field(default_factory=list)


Expected: TypeAlias = deque[Decision]


class Replay:
    """Folds rows in their order and decides again whatever the router decided."""

    def __init__(self, tenant_id: int, since: datetime) -> None:
        """Offers before `since` are only folded."""
        self.report = Report()
        self._tenant_id = tenant_id
        self._since = since
        self._dispatch = Dispatch()
        self._configuration: Configuration | None = None
        self._calls: dict[UUID, Call] = {}
        self._agents: dict[UUID, Agent] = {}
        self._expected: Expected = deque()
        self._at: datetime | None = None

    def run(self, rows: Iterable[Row]) -> Report:
        """Take all rows."""
        for row in rows:
            self.take(row)
        self._end_of_moment()
        return self.report

    def take(self, row: Row) -> None:
        """One more row."""
        if row.at != self._at:
            self._end_of_moment()
            self._at = row.at
        match row.stream:
            case "floor" if row.kind == "opened":
                self._open(row)
            case "floor" if row.kind == "configured" and self._configuration is not None:
                self._configure(self._configuration, row.body)
            case "agent" if row.stream_id in self._agents and "state" in row.body:
                self._put(relive(self._agents[row.stream_id], row.body["state"]))
            case "call":
                self._call(row)
            case _:
                pass

    # --- configuration and agents -----------------------------------------------------------------------------------

    def _open(self, row: Row) -> None:
        body = row.body
        self._configuration = found = Configuration()
        found.take(body)
        self._dispatch = Dispatch()
        self._dispatch.last = {UUID(q): UUID(a) for q, a in body["last"].items()}
        self._dispatch.configure(found.read_queues(), found.read_handling())
        for call in self._calls.values():
            self._dispatch.put_call(call)
        self._agents = {
            UUID(i): relive(found.read_person(i), state) for i, state in body["agents"].items() if i in found.people
        }
        self._dispatch.rebuild(self._agents, row.at)

    def _configure(self, known: Configuration, changes: Mapping[str, Any]) -> None:
        known.take(changes)
        self._dispatch.configure(known.read_queues(), known.read_handling())
        for person_id, person in changes.get("people", {}).items():
            agent_id = UUID(person_id)
            if person is None:
                self._agents.pop(agent_id, None)
                self._dispatch.put_agent(agent_id, None)
            else:
                before = self._agents.get(agent_id)
                read = known.read_person(person_id)
                self._put(relive(read, msgspec.to_builtins(before)) if before else read)

    def _put(self, agent: Agent) -> None:
        self._agents[agent.id] = agent
        self._dispatch.put_agent(agent.id, agent)

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, row: Row) -> None:
        event = Event(call_id=row.stream_id, kind=Kind(row.kind), at=row.at, body=row.body)
        call = self._calls.get(event.call_id)
        if call is None and event.kind is not Kind.ARRIVED:
            return
        if event.kind is Kind.OFFERED:
            self._compare(event)
        elif event.kind is Kind.CALLBACK_DIALLED and self._expected and self._expected[0].call_id == event.call_id:
            # The router's choice was this callback, whose caller is rung before any agent.
            self._expected.popleft()
        call = begin(event, self._tenant_id) if call is None else evolve(call, event)
        if call.phase is Phase.ENDED and not call.wrapping:
            self._calls.pop(call.id, None)
        else:
            self._calls[call.id] = call
        self._dispatch.put_call(call)

    def _compare(self, event: Event) -> None:
        counts = event.at >= self._since and self._configuration is not None
        if "ring" not in event.body:
            self.report.not_decided += counts
            return
        if self._configuration is None:
            return
        if not self._expected:
            self._decide(event.at)
        body = event.body
        was = Decision(call_id=event.call_id, agent_id=UUID(body["agent_id"]), ring=body["ring"], why=body.get("why"))
        now = self._expected.popleft() if self._expected else None
        self.report.offers += counts
        if now != was and counts:
            self.report.differences.append(Difference(at=event.at, was=was, now=now))

    def _decide(self, at: datetime) -> None:
        for match in self._dispatch.decide(at):
            self._expected += _decisions(match)

    def _end_of_moment(self) -> None:
        """Whoever could be offered something at a moment was: nothing may be left to decide."""
        if self._at is None or self._configuration is None:
            return
        if not self._expected:
            self._decide(self._at)
        for left in self._expected:
            if self._at >= self._since:
                self.report.differences.append(Difference(at=self._at, was=None, now=left))
        self._expected.clear()


def _decisions(match: Match) -> list[Decision]:
    why = msgspec.to_builtins(dict(match.why or {}))
    return [
        Decision(call_id=match.call_id, agent_id=agent_id, ring=match.ring, why=None if n else why)
        for n, agent_id in enumerate(match.agents)
    ]
