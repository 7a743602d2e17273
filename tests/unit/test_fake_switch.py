"""The fake switch keeps the contract of switches, and tells what tests ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from careline.calls.switch_commands import Park
from careline.calls.switch_events import HangupCause, SwitchDown, SwitchUp
from careline.kernel.errors import Unavailable
from careline.testing.fake_switch import FakeSwitch
from careline.testing.switch import Listener
from careline.testing.switch_contract import Caller, Desk, ListeningContract, Rig, SwitchContract

pytestmark = pytest.mark.unit


class HandClock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 8, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class FakeCaller(Caller):
    def __init__(self, switch: FakeSwitch, channel: str) -> None:
        self.switch, self.channel = switch, channel

    async def press(self, digits: str) -> None:
        self.switch.press(self.channel, digits)

    async def say(self, words: str) -> None:
        flag = words if words == "chest-pain" else None
        self.switch.say(self.channel, phrase=None if flag else words, red_flag=flag)

    async def hang_up(self) -> None:
        self.switch.hang_up(self.channel)

    async def refused(self) -> str:
        assert self.channel not in self.switch.channels
        return self.switch.log[-1].cause.value


class FakeDesk(Desk):
    def __init__(self, switch: FakeSwitch, name: str) -> None:
        self.switch, self.name = switch, name

    def leg(self) -> str:
        (leg,) = [channel.id for channel in self.switch.channels.values() if channel.endpoint == self.name]
        return leg

    async def answer(self) -> None:
        self.switch.answer_leg(self.leg())

    async def refuse(self) -> None:
        self.switch.hang_up(self.leg(), HangupCause.BUSY)

    async def hang_up(self) -> None:
        self.switch.hang_up(self.leg())

    async def leave(self) -> None:
        self.switch.unregister(self.name)


class FakeRig(Rig):
    long = Path("/prompts/long")
    short = Path("/prompts/short")
    no_such_number = HangupCause.UNALLOCATED.value

    def __init__(self) -> None:
        self.clock = HandClock()
        self.switch: FakeSwitch = FakeSwitch(self.clock, outbound=False)

    async def call(self, number: str, caller: str | None) -> Caller:
        return FakeCaller(self.switch, self.switch.arrive(number, caller))

    async def desk(self, name: str) -> Desk:
        await self.switch.grant_softphone(name, "secret", kind="desk")
        assert self.switch.register(name)
        return FakeDesk(self.switch, name)

    async def pass_time(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)
        self.switch.tick()

    async def listened_to(self) -> None:
        """At once."""

    async def playback_over(self, playback: str) -> None:
        self.switch.finish_play(playback)


@pytest.fixture
async def rig() -> FakeRig:
    return FakeRig()


class TestFakeSwitch(SwitchContract):
    """Every test of the contract."""


class TestFakeListening(ListeningContract):
    """Every test of listening."""


async def test_what_happens_while_nobody_is_connected_is_never_told(rig: FakeRig):
    channel = rig.switch.arrive("+15555550100")
    async with Listener(rig.switch) as listener:
        rig.switch.go_down()
        rig.switch.hang_up(channel)
        with pytest.raises(Unavailable):
            await rig.switch.run([Park(channel=channel)])
        with pytest.raises(Unavailable):
            await rig.switch.snapshot()
        rig.switch.come_up()
        await listener.next(SwitchUp)
        assert [type(event) for event in listener.heard[2:]] == [SwitchDown, SwitchUp]
        assert not (await rig.switch.snapshot()).channels


async def test_an_unknown_telephone_cannot_register(rig: FakeRig):
    assert not rig.switch.register("s-stranger")
