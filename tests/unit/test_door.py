"""More callers than can be served: they ring before the door, in order, none is lost and nothing collapses."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence

import pytest

from careline.calls.door import CLOSES_AT, OPENS_AT, RINGS, Door
from careline.calls.doorkeeper import Doorkeeper
from careline.calls.model import Kind, Phase
from careline.calls.outcome import Outcome
from careline.calls.switch_commands import Answer, Command, RingBack
from careline.calls.switch_events import Arrived, SwitchEvent, SwitchUp
from careline.testing.clock import ManualClock
from careline.testing.fake_switch import FakeSwitch
from careline.testing.world import NOON, NUMBER, World

pytestmark = pytest.mark.unit

CALM, HECTIC = 0, CLOSES_AT


def arrived(channel: str) -> Arrived:
    return Arrived(channel=channel, dialled=NUMBER, caller=None, caller_name=None, source="trunk", at=NOON)


def test_the_door_stands_open_while_all_is_well():
    door = Door()
    assert not door.holds(arrived("1"), CALM, NOON)
    assert not door.holds(arrived("2"), CLOSES_AT - 1, NOON)
    assert door.next(CALM) is None


def test_who_comes_later_never_overtakes():
    door = Door()
    assert door.holds(arrived("1"), HECTIC, NOON)
    assert door.holds(arrived("2"), CALM, NOON), "calm again, but somebody stands there already"
    assert [held.arrived.channel for _ in range(2) if (held := door.next(CALM))] == ["1", "2"]
    assert door.next(CALM) is None


def test_a_door_that_closed_opens_only_when_the_rush_is_over():
    door = Door()
    door.holds(arrived("1"), HECTIC, NOON)
    door.holds(arrived("2"), HECTIC, NOON)
    assert door.next(CLOSES_AT - 1) is None
    assert door.next(OPENS_AT) is not None
    assert door.next(CLOSES_AT - 1) is not None, "open again: up to the upper bound"


class Rush:
    """A floor behind a switch that carries out so many commands a second, on virtual time."""

    def __init__(self, commands_per_second: int) -> None:
        self.clock = ManualClock(NOON)
        self.world = World(direct=True)
        self.switch = FakeSwitch(self.clock)
        self.keeper = Doorkeeper(self.world.floor, self.clock, apply=self.apply, give=self.give)
        self.waiting: deque[Command] = deque()
        self.most = 0
        self.let_in: list[str] = []
        self._each = commands_per_second / 100
        self._credit = 0.0
        self._events: AsyncIterator[SwitchEvent] = self.switch.events()

    def apply(self, outcome: Outcome) -> None:
        self.world.take(outcome)
        self.let_in += [str(e.body["channel"]) for e in outcome.events if e.kind is Kind.ARRIVED]
        self.give(outcome.commands)

    def give(self, commands: Sequence[Command]) -> None:
        self.waiting.extend(commands)
        self.keeper.under_way += sum(not isinstance(c, RingBack) for c in commands)
        self.most = max(self.most, sum(not isinstance(c, RingBack) for c in self.waiting))

    async def hear(self) -> None:
        event = await anext(self._events)
        while isinstance(event, SwitchUp):
            event = await anext(self._events)
        if not self.keeper.hear(event, self.clock.now()):
            self.apply(self.world.floor.handle(event, self.clock.now()))

    async def call(self) -> str:
        channel = self.switch.arrive(NUMBER)
        await self.hear()
        return channel

    async def pass_time(self, seconds: float, calls_per_second: int = 0) -> list[str]:
        """Hundredths of a second, one after another; the callers who came."""
        came: list[str] = []
        for n in range(round(seconds * 100)):
            due = calls_per_second * (n + 1) // 100 - calls_per_second * n // 100
            came += [await self.call() for _ in range(due)]
            self.clock.advance(seconds=0.01)
            self._credit += self._each
            while self._credit >= 1 and self.waiting:
                self._credit -= 1
                command = self.waiting.popleft()
                await self.switch.run([command])
                self.keeper.under_way -= not isinstance(command, RingBack)
            self._credit = min(self._credit, 1.0)
            self.keeper.let_in()
            self.keeper.comfort()
        return came


async def test_four_times_what_can_be_served_neither_collapses_nor_loses_anybody():
    rush = Rush(commands_per_second=100)  # two a call: fifty calls a second
    came = await rush.pass_time(5, calls_per_second=200)
    during = len(rush.let_in)
    assert rush.most <= CLOSES_AT + 2, "what is under way stays bounded"
    assert rush.keeper.report == f"Busy: {len(came) - during} callers held at the door."
    held = [rush.switch.channels[channel] for channel in came[during:]]
    assert all(not channel.up for channel in held), "nobody is answered who cannot be served yet"
    await rush.pass_time(60)
    assert rush.let_in == came, "everybody is let in, in the order of coming"
    assert len(rush.world.floor.calls) == len(came) == 1000
    assert rush.keeper.report == ""
    assert all(rush.switch.channels[channel].parked for channel in came)


async def test_those_before_the_door_hear_that_it_rings_and_are_answered_after_half_a_minute():
    rush = Rush(commands_per_second=0)
    came = await rush.pass_time(2, calls_per_second=200)
    held = list(rush.keeper.door.held)
    assert came[-len(held) :] == held
    assert {c.channel for c in rush.waiting if isinstance(c, RingBack)} == set(held)
    answered = [c for c in rush.waiting if isinstance(c, Answer)]
    await rush.pass_time(RINGS.total_seconds() - 3)
    assert len([c for c in rush.waiting if isinstance(c, Answer)]) == len(answered)
    await rush.pass_time(5)
    assert [c.channel for c in rush.waiting if isinstance(c, Answer)][len(answered) :] == held
    assert list(rush.keeper.door.held) == held, "their places are kept"


async def test_who_gives_up_before_the_door_is_on_record():
    rush = Rush(commands_per_second=0)
    came = await rush.pass_time(2, calls_per_second=200)
    rush.switch.hang_up(came[-1])
    await rush.hear()
    assert came[-1] not in rush.keeper.door.held
    (ended,) = [e for e in rush.world.events if e.kind is Kind.ENDED]
    assert ended.body["outcome"] == "abandoned"
    assert rush.world.gone(came[-1])
    assert not [c for c in rush.waiting if isinstance(c, Answer) and c.channel == came[-1]]
    assert all(call.phase is Phase.WAITING for call in rush.world.floor.calls.values())
