"""A small floor on virtual time, for tests: two agents, two queues, one line, and short words for what can happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid5

import msgspec

from careline.calls.floor import Floor
from careline.calls.model import Call, Event
from careline.calls.order_model import Order
from careline.calls.orders import obey
from careline.calls.outcome import AgentEvent, FloorEvent, Happening, Outcome
from careline.calls.plan import FloorPlan
from careline.calls.replay import Replay, Report, Row
from careline.calls.step import LineSetup
from careline.calls.store import encoded
from careline.calls.switch_commands import Command
from careline.calls.switch_events import Arrived, Digit, EndpointChanged, LegAnswered, PlaybackEnded, SwitchEvent
from careline.flows.reading import parse
from careline.flows.standard import MenuChoice, Standard, standard
from careline.queues.model import Agent, AgentStatus, Queue
from careline.queues.rules import Rules

T = TypeVar("T")

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
SPACE = UUID(int=7)
ORPHAN = "a.00000000-0000-0000-0000-000000000001.1"
QUEUE, OTHER = uuid5(SPACE, "queue"), uuid5(SPACE, "other")
ANA, BEN = uuid5(SPACE, "ana"), uuid5(SPACE, "ben")
NUMBER = "+15555550100"


def speak(tenant_id: int, language: str, key: str, **params: Any) -> tuple[str, ...]:  # noqa: ARG001
    """Prompts as readable paths instead of sound."""
    return (f"/{language}/{key}" + "".join(f".{v}" for v in params.values()),)


def rows(log: Sequence[Happening]) -> list[Row]:
    """What happened, as the event log has it: JSON values, in order."""
    found = []
    for one in log:
        body = msgspec.json.decode(encoded(one.body))
        match one:
            case Event():
                found.append(Row(stream="call", stream_id=one.call_id, kind=one.kind.value, at=one.at, body=body))
            case AgentEvent():
                found.append(Row(stream="agent", stream_id=one.agent_id, kind=one.kind, at=one.at, body=body))
            case FloorEvent():
                found.append(Row(stream="floor", stream_id=SPACE, kind=one.kind, at=one.at, body=body))
    return found


def replayed(log: Sequence[Happening]) -> Report:
    """Everything that happened, decided again from its rows alone."""
    return Replay(1, NOON).run(rows(log))


class World:
    """A floor with two agents, a clock and short words for what can happen."""

    def __init__(
        self,
        *,
        door: Literal["open", "closed", "closure"] = "open",
        direct: bool = False,
        languages: tuple[str, ...] = ("en", "es"),
    ) -> None:
        self.now = NOON
        self.serial = 0
        self.floor = Floor(speak, self._id)
        self.events: list[Event] = []
        self.agent_events: list[AgentEvent] = []
        #: What the last cause had the switch do.
        self.commands: Sequence[Command] = []
        self.door: Literal["open", "closed", "closure"] = door
        flow = parse(
            standard(
                Standard(
                    line_name="Lakeshore",
                    languages=languages,
                    choices=(MenuChoice(digit="1", reason="appointments", queue=QUEUE),),
                    fallback_queue=QUEUE,
                    department=uuid5(SPACE, "front desk"),
                    direct=direct,
                )
            )
        )
        self.floor.lines[NUMBER] = LineSetup(
            id=uuid5(SPACE, "line"),
            tenant_id=1,
            number=NUMBER,
            name="Lakeshore",
            version=1,
            language="en",
            flow=flow,
            hours=lambda _: self.door,
            fallback_queue=QUEUE,
        )
        for queue in (QUEUE, OTHER):
            self.floor.queues[queue] = Queue(
                id=queue, tenant_id=1, name=str(queue)[:4], members=frozenset({ANA, BEN}), wrap_up_seconds=60
            )
        for person, name in ((ANA, "Ana"), (BEN, "Ben")):
            self.floor.roster.put(Agent(id=person, tenant_id=1, name=name, languages=frozenset({"en", "es"})))
        self.floor.codes[1] = frozenset({"scheduled"})
        self.floor.dispatch.configure(self.floor.queues, {})
        #: Everything that happened, in order, as it is written.
        self.log: list[Happening] = []

    def _id(self) -> UUID:
        self.serial += 1
        return uuid5(SPACE, f"call {self.serial}")

    def take(self, out: Outcome) -> Outcome:
        """Note what has happened."""
        self.log += out.log
        self.events += out.events
        self.agent_events += out.agent_events
        self.commands = out.commands
        return out

    def reconfigure(self, queue_id: UUID = QUEUE, *, rules: Rules | None = None, **changes: Any) -> None:
        """A queue is configured anew, as by a page: its rules, or any of its fields."""
        before = self.floor.queues[queue_id]
        queue = replace(before, rules=rules or before.rules, **changes)
        queues = [queue if q.id == queue_id else q for q in self.floor.queues.values()]
        self.plan(queues, list(self.floor.agents.values()))

    def plan(self, queues: Sequence[Queue], people: Sequence[Agent]) -> None:
        """The whole configuration as it is now."""
        plan = FloorPlan(queues=queues, people=people, codes=self.floor.codes[1], handling={})
        self.take(self.floor.configure({1: plan}, self.floor.lines, self.now))

    def see(self, event: SwitchEvent) -> Outcome:
        """The switch says something."""
        return self.take(self.floor.handle(event, self.now))

    def order(self, person: UUID, kind: str, manage: bool = False, **body: Any) -> Outcome:
        """A person orders something. Raises the refusal."""
        return self.take(
            obey(self.floor, Order(tenant_id=1, person_id=person, kind=kind, body=body, manage=manage), self.now)
        )

    def later(self, seconds: float) -> None:
        """Let time pass, doing everything at the moment it is due."""
        end = self.now + timedelta(seconds=seconds)
        self.commands = []
        given: list[Command] = []
        while (due := self.floor.next_due()) and due <= end:
            self.now = max(due, self.now)
            self.take(self.floor.tick(self.now))
            given += self.commands
        self.now = end
        self.commands = given

    def arrive(self, channel: str = "c1", *, caller: str = "+15555550123") -> Call:
        """A call comes in."""
        self.see(Arrived(channel=channel, dialled=NUMBER, caller=caller, caller_name=None, source="trunk", at=self.now))
        return self.call(channel)

    def call(self, channel: str = "c1") -> Call:
        """The live call of a channel. Raises `StopIteration` when there is none."""
        return next(c for c in self.floor.calls.values() if c.channel == channel)

    def gone(self, channel: str = "c1") -> bool:
        """Whether nothing is left of a call."""
        return all(c.channel != channel for c in self.floor.calls.values())

    def sign_on(self, *people: UUID) -> None:
        """Telephones are reachable and their people available."""
        for person in people or (ANA,):
            endpoint = f"s-{self.floor.agents[person].name}"
            self.order(person, "agent.phone", endpoint=endpoint)
            self.see(EndpointChanged(endpoint=endpoint, online=True, at=self.now))
            self.order(person, "agent.status", status="available")
            self.now += timedelta(seconds=1)

    def heard(self, channel: str = "c1") -> None:
        """The present prompt ends."""
        playback = self.call(channel).playback
        assert playback is not None
        self.see(PlaybackEnded(channel=channel, playback=playback, ok=True, at=self.now))

    def press(self, digit: str, channel: str = "c1") -> None:
        """The caller presses a key."""
        self.see(Digit(channel=channel, digit=digit, at=self.now))

    def into_queue(self, channel: str = "c1", language: str = "1", *, caller: str = "+15555550123") -> Call:
        """A call through greeting and menu into the queue."""
        self.now += timedelta(seconds=1)
        self.arrive(channel, caller=caller)
        self.heard(channel)
        self.press(language, channel)
        self.press("1", channel)
        return self.call(channel)

    def talking(self) -> Call:
        """A call connected with Ana."""
        self.sign_on(ANA)
        call = self.into_queue()
        assert call.offer is not None
        self.see(LegAnswered(channel=call.offer.leg, at=self.now))
        return self.call()

    def did(self, kind: type[T]) -> list[T]:
        """Commands of one kind."""
        return [c for c in self.commands if isinstance(c, kind)]

    def kinds(self) -> list[str]:
        """What has happened to all calls, in order."""
        return [e.kind.value for e in self.events]

    def status(self, person: UUID) -> AgentStatus:
        """What a person is doing."""
        return self.floor.agents[person].status
