"""The contract that every switch behind `careline.calls.ports.Switch` keeps, as tests to inherit.

A test module makes a subclass of `SwitchContract` and a fixture `rig`: the switch, and the outside world around it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path

from careline.calls.ports import Switch
from careline.calls.switch_commands import (
    Answer,
    Bridge,
    DropBridge,
    Hangup,
    Mute,
    Park,
    Play,
    Ring,
    SendDigits,
    StartListening,
    StopListening,
    StopPlay,
    Unbridge,
    Unpark,
)
from careline.calls.switch_events import (
    Arrived,
    Digit,
    EndpointChanged,
    HangupCause,
    Heard,
    LegAnswered,
    LegEnded,
    LegRinging,
    PlaybackEnded,
    SwitchUp,
)
from careline.kernel.ids import new_id
from careline.testing.callcenter import until
from careline.testing.switch import Listener

CALLER = "+15555550123"
NUMBER = "+15555550100"


class Caller(ABC):
    """Somebody who calls from outside."""

    @abstractmethod
    async def press(self, digits: str) -> None:
        """Press keys."""

    @abstractmethod
    async def hang_up(self) -> None:
        """End the call, or give it up before it was answered."""

    async def say(self, words: str) -> None:
        """Speak: `appointments` or `billing`, or `chest-pain`, a sentence with a red flag of that rule."""
        raise NotImplementedError

    @abstractmethod
    async def refused(self) -> str:
        """Wait until the call was refused; how, in the rig's own words."""


class Desk(ABC):
    """A telephone that registers and is rung."""

    @abstractmethod
    async def answer(self) -> None:
        """Pick up the call that rings."""

    @abstractmethod
    async def refuse(self) -> None:
        """Refuse the call that rings: busy."""

    @abstractmethod
    async def hang_up(self) -> None:
        """End the call that was picked up."""

    @abstractmethod
    async def leave(self) -> None:
        """Sign off."""


class Rig(ABC):
    """A switch and the world around it."""

    switch: Switch
    #: Media that lasts some seconds, and media that lasts a moment.
    long: Path
    short: Path
    #: How the network says "there is no such number".
    no_such_number: str

    @abstractmethod
    async def call(self, number: str, caller: str | None) -> Caller:
        """A call from the telephone network."""

    @abstractmethod
    async def desk(self, name: str) -> Desk:
        """A telephone that was granted, registered."""

    @abstractmethod
    async def pass_time(self, seconds: float) -> None:
        """Let time pass, on the switch's clock."""

    @abstractmethod
    async def listened_to(self) -> None:
        """Wait until what callers say reaches whoever listens."""

    @abstractmethod
    async def playback_over(self, playback: str) -> None:
        """Let a short playback come to its end."""


def _ring(channel: str, endpoint: str, *, seconds: int = 20, bridge: str | None = None) -> Ring:
    return Ring(
        channel=channel,
        endpoint=endpoint,
        caller_id=CALLER,
        caller_name="Caller",
        seconds=seconds,
        call=str(new_id()),
        bridge=bridge,
    )


def _fresh(kind: str) -> str:
    return f"{kind}-{new_id()}"


class SwitchContract:
    """What call control relies on."""

    async def arrival(self, rig: Rig, listener: Listener, caller: str | None = CALLER) -> tuple[Caller, str]:
        """A call that stands at the door, and its channel."""
        outside = await rig.call(NUMBER, caller)
        return outside, (await listener.next(Arrived)).channel

    async def test_it_begins_with_switch_up_and_an_empty_snapshot(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            assert listener.all(SwitchUp)[0] is listener.heard[0]
            assert not listener.all(SwitchUp)[0].fresh
            seen = await rig.switch.snapshot()
            assert (dict(seen.channels), dict(seen.bridges)) == ({}, {})

    async def test_a_call_arrives_unanswered_with_its_numbers(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            outside = await rig.call(NUMBER, CALLER)
            arrived = await listener.next(Arrived)
            assert (arrived.dialled, arrived.caller, arrived.source) == (NUMBER, CALLER, "trunk")
            assert arrived.endpoint is None
            seen = (await rig.switch.snapshot()).channels[arrived.channel]
            assert (seen.ours, seen.up, seen.inbound, seen.dialled, seen.caller) == (True, False, True, NUMBER, CALLER)
            await rig.switch.run([Answer(channel=arrived.channel)])
            seen = (await rig.switch.snapshot()).channels[arrived.channel]
            assert seen.up
            await outside.hang_up()
            await listener.next(LegEnded)

    async def test_a_withheld_number_is_none(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            outside = await rig.call(NUMBER, None)
            assert (await listener.next(Arrived)).caller is None
            await outside.hang_up()
            await listener.next(LegEnded)

    async def test_a_hang_up_is_told_once_and_later_commands_are_harmless(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            outside, channel = await self.arrival(rig, listener)
            await rig.switch.run([Answer(channel=channel)])
            await outside.hang_up()
            ended = await listener.next(LegEnded, channel=channel)
            assert ended.cause is HangupCause.NORMAL
            bridge = _fresh("bridge")
            await rig.switch.run(
                [
                    Answer(channel=channel),
                    Park(channel=channel),
                    Unpark(channel=channel),
                    Mute(channel=channel, on=True),
                    SendDigits(channel=channel, digits="1"),
                    Bridge(bridge=bridge, channels=(channel,)),
                    Unbridge(bridge=bridge, channels=(channel,)),
                    DropBridge(bridge=bridge),
                    DropBridge(bridge=bridge),
                    StopPlay(playback=_fresh("playback")),
                    Hangup(channel=channel),
                ]
            )
            playback = _fresh("playback")
            await rig.switch.run([Play(channel=channel, playback=playback, media=(str(rig.short),))])
            assert not (await listener.next(PlaybackEnded, playback=playback)).ok
            assert len(listener.all(LegEnded, channel=channel)) == 1
            assert channel not in (await rig.switch.snapshot()).channels

    async def test_a_caller_may_give_up_before_the_answer(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            outside, channel = await self.arrival(rig, listener)
            await outside.hang_up()
            assert (await listener.next(LegEnded, channel=channel)).cause is HangupCause.NORMAL

    async def test_an_unknown_number_is_refused_as_such(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            outside, channel = await self.arrival(rig, listener)
            await rig.switch.run([Hangup(channel=channel, cause=HangupCause.UNALLOCATED)])
            assert (await listener.next(LegEnded, channel=channel)).cause is HangupCause.UNALLOCATED
            assert await outside.refused() == rig.no_such_number

    async def test_keys_are_heard_in_order(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            outside, channel = await self.arrival(rig, listener)
            await rig.switch.run([Answer(channel=channel)])
            await outside.press("42#")
            for digit in "42#":
                assert (await listener.next(Digit, channel=channel)).digit == digit
            await outside.hang_up()
            await listener.next(LegEnded)

    async def test_playback_ends_by_itself_or_when_stopped(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            outside, channel = await self.arrival(rig, listener)
            await rig.switch.run([Answer(channel=channel)])
            first, second = _fresh("playback"), _fresh("playback")
            media = (str(rig.short), str(rig.short))
            await rig.switch.run([Play(channel=channel, playback=first, media=media)])
            await rig.playback_over(first)
            ended = await listener.next(PlaybackEnded, playback=first)
            assert (ended.channel, ended.ok) == (channel, True)
            await rig.switch.run([Play(channel=channel, playback=second, media=(str(rig.long),))])
            await rig.switch.run([StopPlay(playback=second)])
            assert (await listener.next(PlaybackEnded, playback=second)).channel == channel
            assert len(listener.all(PlaybackEnded)) == 2
            await outside.hang_up()
            await listener.next(LegEnded)

    async def test_a_telephone_is_rung_answers_and_is_bridged(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            desk = await rig.desk("d-anna")
            outside, channel = await self.arrival(rig, listener)
            leg, bridge = _fresh("leg"), _fresh("bridge")
            await rig.switch.run([Answer(channel=channel), Park(channel=channel)])
            await rig.switch.run([_ring(leg, "d-anna", bridge=bridge)])
            await listener.next(LegRinging, channel=leg)
            await desk.answer()
            await listener.next(LegAnswered, channel=leg)
            await rig.switch.run([Bridge(bridge=bridge, channels=(channel, leg))])
            seen = await rig.switch.snapshot()
            assert set(seen.bridges[bridge]) == {channel, leg}
            assert (seen.channels[leg].inbound, seen.channels[leg].up) == (False, True)
            await rig.switch.run([Unbridge(bridge=bridge, channels=(channel,))])
            assert set((await rig.switch.snapshot()).bridges[bridge]) == {leg}
            other = _fresh("bridge")
            await rig.switch.run([Bridge(bridge=other, channels=(channel, leg))])
            seen = await rig.switch.snapshot()
            assert set(seen.bridges[other]) == {channel, leg}
            await rig.switch.run([DropBridge(bridge=other)])
            assert {channel, leg} <= set((await rig.switch.snapshot()).channels)
            await desk.hang_up()
            assert (await listener.next(LegEnded, channel=leg)).cause is HangupCause.NORMAL
            assert channel in (await rig.switch.snapshot()).channels
            await rig.switch.run([Hangup(channel=channel), DropBridge(bridge=bridge)])
            await listener.next(LegEnded, channel=channel)
            assert len(listener.all(LegEnded)) == 2
            assert len(listener.all(LegRinging)) == len(listener.all(LegAnswered)) == 1
            del outside

    async def test_a_leg_with_a_bridge_is_in_it_when_it_has_answered(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            desk = await rig.desk("d-gina")
            outside, channel = await self.arrival(rig, listener)
            bridge = _fresh("bridge")
            await rig.switch.run([Answer(channel=channel), Bridge(bridge=bridge, channels=(channel,))])
            leg = _fresh("leg")
            await rig.switch.run([_ring(leg, "d-gina", bridge=bridge)])
            await desk.answer()
            await listener.next(LegAnswered, channel=leg)

            async def together() -> bool:
                return set((await rig.switch.snapshot()).bridges[bridge]) == {channel, leg}

            await until(together)
            await outside.hang_up()
            await listener.next(LegEnded, channel=channel)
            await rig.switch.run([Hangup(channel=leg), DropBridge(bridge=bridge)])
            await listener.next(LegEnded, channel=leg)

    async def test_a_busy_telephone_says_so(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            desk = await rig.desk("d-bea")
            leg = _fresh("leg")
            await rig.switch.run([_ring(leg, "d-bea")])
            await desk.refuse()
            assert (await listener.next(LegEnded, channel=leg)).cause is HangupCause.BUSY
            assert not listener.all(LegAnswered)

    async def test_ringing_ends_after_its_time(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            await rig.desk("d-carl")
            leg = _fresh("leg")
            await rig.switch.run([_ring(leg, "d-carl", seconds=2)])
            await listener.next(LegRinging, channel=leg)
            await rig.pass_time(2)
            assert (await listener.next(LegEnded, channel=leg)).cause is HangupCause.NO_ANSWER

    async def test_ringing_can_be_taken_back(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            await rig.desk("d-dora")
            leg, bridge = _fresh("leg"), _fresh("bridge")
            await rig.switch.run([_ring(leg, "d-dora", bridge=bridge)])
            await listener.next(LegRinging, channel=leg)
            await rig.switch.run([Hangup(channel=leg)])
            assert (await listener.next(LegEnded, channel=leg)).cause is HangupCause.NORMAL
            await rig.switch.run([DropBridge(bridge=bridge)])
            await asyncio.sleep(0.05)
            assert len(listener.all(LegEnded)) == 1

    async def test_a_telephone_that_is_not_there_is_unreachable(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            await rig.switch.grant_softphone("d-gone", "secret-gone", kind="desk")
            for endpoint in ("d-gone", "d-never-granted"):
                leg = _fresh("leg")
                await rig.switch.run([_ring(leg, endpoint)])
                assert (await listener.next(LegEnded, channel=leg)).cause is HangupCause.UNREACHABLE
                assert len(listener.all(LegEnded, channel=leg)) == 1

    async def test_telephones_come_and_go(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            desk = await rig.desk("d-edgar")
            assert (await listener.next(EndpointChanged, endpoint="d-edgar")).online
            assert "d-edgar" in (await rig.switch.snapshot()).endpoints_online
            await desk.leave()
            assert not (await listener.next(EndpointChanged, endpoint="d-edgar")).online
            assert "d-edgar" not in (await rig.switch.snapshot()).endpoints_online

    async def test_a_revoked_telephone_keeps_its_call_and_gets_no_new_one(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            desk = await rig.desk("d-finn")
            leg = _fresh("leg")
            await rig.switch.run([_ring(leg, "d-finn")])
            await desk.answer()
            await listener.next(LegAnswered, channel=leg)
            await rig.switch.revoke_softphone("d-finn")
            assert leg in (await rig.switch.snapshot()).channels
            second = _fresh("leg")
            await rig.switch.run([_ring(second, "d-finn")])
            assert (await listener.next(LegEnded, channel=second)).cause is HangupCause.UNREACHABLE
            await rig.switch.run([Hangup(channel=leg)])
            await listener.next(LegEnded, channel=leg)

    async def test_an_outside_number_needs_somewhere_to_go(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            for endpoint in (f"tel:{NUMBER}", "tel:none"):
                leg = _fresh("leg")
                await rig.switch.run([_ring(leg, endpoint)])
                assert (await listener.next(LegEnded, channel=leg)).cause is HangupCause.UNREACHABLE


class ListeningContract:
    """What call control relies on where callers are listened to."""

    async def listening(self, rig: Rig, listener: Listener, *, phrases: tuple[str, ...], red_flags: bool) -> Caller:
        """An answered call that is listened to, by the name of its channel with `e.` before it."""
        outside = await rig.call(NUMBER, CALLER)
        channel = (await listener.next(Arrived)).channel
        await rig.switch.run([Answer(channel=channel), _listen(channel, phrases, red_flags)])
        await rig.listened_to()
        return outside

    async def test_v5_an_awaited_phrase_is_heard_and_red_flags_only_where_they_are_asked_for(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            outside = await self.listening(rig, listener, phrases=("appointments", "billing"), red_flags=False)
            await outside.say("chest-pain")
            await outside.say("appointments")
            heard = await listener.next(Heard, phrase="appointments")
            # A recogniser may take one word for another; a red flag that nobody asked for it may not tell.
            assert not any(event.red_flag for event in listener.all(Heard))
            assert heard.stream == f"e.{heard.channel}"
            assert 0 < heard.confidence <= 1
            await rig.switch.run([_listen(heard.channel, (), True)])
            await outside.say("chest-pain")
            flagged = await listener.next(Heard, red_flag="chest-pain")
            assert (flagged.phrase, flagged.channel) == (None, heard.channel)
            await outside.hang_up()
            await listener.next(LegEnded)

    async def test_v5_nothing_is_heard_after_the_end_and_ending_it_twice_is_harmless(self, rig: Rig) -> None:
        async with Listener(rig.switch) as listener:
            outside = await self.listening(rig, listener, phrases=("billing",), red_flags=True)
            await outside.say("billing")
            channel = (await listener.next(Heard, phrase="billing")).channel
            stop = StopListening(channel=channel, stream=f"e.{channel}")
            await rig.switch.run([stop, stop])
            await outside.say("chest-pain")
            # The call itself was never touched: its keys come, and nothing was heard before them.
            await outside.press("1")
            await listener.next(Digit, channel=channel)
            assert not any(event.red_flag for event in listener.all(Heard))
            await outside.hang_up()
            await listener.next(LegEnded)


def _listen(channel: str, phrases: tuple[str, ...], red_flags: bool) -> StartListening:
    return StartListening(channel=channel, stream=f"e.{channel}", language="en", phrases=phrases, red_flags=red_flags)
