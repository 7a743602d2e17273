"""Asterisk keeps the contract of switches: callers from the trunk, desk phones that nobody here wrote."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from careline.demo.phone import Phone, PhoneCall
from careline.speech.audio import RATE
from careline.telephony.process import AsteriskProcess
from careline.telephony.switch import AsteriskSwitch
from careline.testing.callcenter import until
from careline.testing.sip_peer import PeerCall, SipPeers, SipPhone
from careline.testing.switch_contract import Caller, Desk, ListeningContract, Rig, SwitchContract
from careline.testing.voice import voice_process

pytestmark = pytest.mark.telephony
SPOKEN = Path(__file__).parent / "spoken"


class TrunkCaller(Caller):
    def __init__(self, call: PhoneCall) -> None:
        self.call = call

    async def press(self, digits: str) -> None:
        await self.call.answered.wait()
        self.call.media.press(digits)

    async def say(self, words: str) -> None:
        await self.call.answered.wait()
        sound = (SPOKEN / f"{words}.ulaw").read_bytes()
        self.call.media.say(sound)
        # Nobody says two things at once: what is said takes its time, and a breath follows.
        await asyncio.sleep(len(sound) / RATE + 1.5)

    async def hang_up(self) -> None:
        self.call.hang_up()

    async def refused(self) -> str:
        await self.call.ended.wait()
        return self.call.end


class DeskPhone(Desk):
    def __init__(self, phone: SipPhone) -> None:
        self.phone = phone
        self.taken: PeerCall | None = None

    async def answer(self) -> None:
        self.taken = await self.phone.next_call()
        await self.taken.answer()

    async def refuse(self) -> None:
        await (await self.phone.next_call()).reject()

    async def hang_up(self) -> None:
        assert self.taken is not None
        await self.taken.hang_up()

    async def leave(self) -> None:
        await self.phone.unregister()


class AsteriskRig(Rig):
    no_such_number = "refused 404"

    def __init__(self, asterisk: AsteriskProcess, peers: SipPeers, callers: Phone, folder: Path) -> None:
        self.switch: AsteriskSwitch = AsteriskSwitch(asterisk.access())
        self.peers, self.callers = peers, callers
        self.sip = (asterisk.config.bind, asterisk.config.ports.sip)
        self.long, self.short = folder / "long", folder / "short"

    async def call(self, number: str, caller: str | None) -> Caller:
        return TrunkCaller(await self.callers.call(number, self.sip, caller=caller))

    async def desk(self, name: str) -> Desk:
        await self.switch.grant_softphone(name, f"secret-{name}", kind="desk")
        return DeskPhone(await self.peers.phone(name, f"secret-{name}", self.sip, auto_answer=False, hz=None))

    async def pass_time(self, seconds: float) -> None:
        """Real time passes by itself."""

    async def listened_to(self) -> None:
        """Nobody is, here."""

    async def playback_over(self, playback: str) -> None:
        """Asterisk plays."""


@pytest.fixture(scope="session")
def sounds(asterisk: AsteriskProcess) -> Path:
    folder = asterisk.home / "sounds-of-tests"
    folder.mkdir(mode=0o755)
    for name, seconds in (("short", 0.2), ("long", 30)):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(round(16000 * seconds)))
    for path in [folder, *folder.iterdir()]:
        path.chmod(0o755)
    return folder


@pytest.fixture
async def rig(asterisk: AsteriskProcess, sounds: Path) -> AsyncIterator[AsteriskRig]:
    callers = Phone()
    await callers.start()
    async with SipPeers() as peers:
        rig = AsteriskRig(asterisk, peers, callers, sounds)
        yield rig
        await callers.stop()
        for channel in (await rig.switch.snapshot()).channels:
            await rig.switch._ari.request("DELETE", f"channels/{channel}")
        for bridge in (await rig.switch.snapshot()).bridges:
            await rig.switch._ari.request("DELETE", f"bridges/{bridge}")
    await rig.switch.close()


class TestAsteriskSwitch(SwitchContract):
    """Every test of the contract."""


class HearingRig(AsteriskRig):
    """With the voice process beside it."""

    async def listened_to(self) -> None:
        await until(lambda: any(stream.made[1:] for stream in self.switch._listening._streams.values()))


class TestAsteriskListening(ListeningContract):
    """Every test of listening."""

    @pytest.fixture
    async def rig(self, asterisk: AsteriskProcess, sounds: Path) -> AsyncIterator[AsteriskRig]:
        callers = Phone()
        await callers.start()
        async with voice_process() as ears, SipPeers() as peers:
            rig = HearingRig(asterisk, peers, callers, sounds)
            await rig.switch.close()
            rig.switch = AsteriskSwitch(asterisk.access(), voice=ears.line)
            yield rig
            await callers.stop()
            await rig.switch.close()
