"""Asterisk as a process: outlives its parent, is adopted, started anew; callers wait while call control is away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from careline.calls.switch_commands import Answer, Hangup
from careline.calls.switch_events import Arrived, EndpointChanged, LegEnded, SwitchDown, SwitchUp
from careline.demo.phone import Phone
from careline.kernel.errors import Unavailable
from careline.telephony import switch as switch_module
from careline.telephony.process import AsteriskProcess, BootFailed
from careline.telephony.switch import AsteriskSwitch
from careline.testing.asterisk import private_asterisk
from careline.testing.sip_peer import SipPeers
from careline.testing.switch import Listener

pytestmark = pytest.mark.telephony

_PARENT = """
import asyncio, pickle, sys
process = pickle.load(sys.stdin.buffer)
print(asyncio.run(process.ensure()), process.pid(), flush=True)
import time
time.sleep(600)
"""


@pytest.fixture
def own() -> Iterator[AsteriskProcess]:
    """An instance of this test's own, which it may hurt."""
    with private_asterisk() as process:
        yield process


def start_from_a_parent(process: AsteriskProcess) -> tuple[subprocess.Popen[bytes], str]:
    import pickle

    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(pickle.dumps(process))
    parent.stdin.close()
    said = parent.stdout.readline().decode().split()
    return parent, said[0]


async def test_it_outlives_its_parent_and_is_adopted(own: AsteriskProcess):
    await own.stop(gently=2)
    assert own.pid() is None
    parent, how = await asyncio.to_thread(start_from_a_parent, own)
    try:
        assert how == "started"
        first = own.pid()
        assert first is not None
    finally:
        parent.kill()
        parent.wait()
        assert parent.stdout is not None
        parent.stdout.close()
    assert own.pid() == first
    assert os.getsid(first) == first, "it must not share a session that could be ended"
    assert await own.ensure() == "adopted"
    assert own.pid() == first
    if os.geteuid() == 0:
        assert Path(f"/proc/{first}").stat().st_uid != 0, "Asterisk must not run as root"


async def test_changed_settings_wait_for_the_calls_in_progress(own: AsteriskProcess):
    switch = AsteriskSwitch(own.access())
    caller = Phone()
    await caller.start()
    async with Listener(switch) as listener:
        await caller.call("+15555550100", (own.config.bind, own.config.ports.sip), caller=None)
        channel = (await listener.next(Arrived)).channel
        first = own.pid()
        changed = AsteriskProcess(replace(own.config, trunk_outbound="127.0.0.9:5070"), own.engine)
        assert await changed.ensure() == "adopted"
        assert own.pid() == first
        await switch.run([Hangup(channel=channel)])
        await listener.next(LegEnded)
        async with asyncio.timeout(5):
            while await own.calls():
                await asyncio.sleep(0.02)
        assert await changed.ensure() == "started"
        assert own.pid() != first
    await caller.stop()
    await switch.close()


async def test_a_restarted_asterisk_is_told_as_fresh_and_knows_its_telephones_again(own: AsteriskProcess):
    switch = AsteriskSwitch(own.access())
    sip = (own.config.bind, own.config.ports.sip)
    async with Listener(switch) as listener, SipPeers() as peers:
        await switch.grant_softphone("d-anna", "secret-anna", kind="desk")
        pid = own.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await listener.next(SwitchDown)
        async with asyncio.timeout(10):
            while own.pid() is not None:
                await asyncio.sleep(0.02)
        await own.ensure()
        assert (await listener.next(SwitchUp)).fresh
        await peers.phone("d-anna", "secret-anna", sip)
        assert (await listener.next(EndpointChanged)).online
    await switch.close()


async def test_callers_wait_while_call_control_is_away(own: AsteriskProcess):
    caller = Phone()
    await caller.start()
    sip = (own.config.bind, own.config.ports.sip)
    early = await caller.call("+15555550100", sip, caller="+15555550123")
    async with asyncio.timeout(15):
        await early.answered.wait()
    switch = AsteriskSwitch(own.access())
    async with Listener(switch) as listener:
        arrived = await listener.next(Arrived)
        assert (arrived.dialled, arrived.caller) == ("+15555550100", "+15555550123")
        await switch.run([Answer(channel=arrived.channel)])
    await switch.close()
    assert not early.ended.is_set()
    again = AsteriskSwitch(own.access())
    async with Listener(again) as listener:
        seen = (await again.snapshot()).channels[arrived.channel]
        assert (seen.ours, seen.up, seen.inbound) == (True, True, True)
        early.hang_up()
        await listener.next(LegEnded, channel=arrived.channel)
    await again.close()
    await caller.stop()


async def test_a_failed_start_says_why(own: AsteriskProcess):
    thief = AsteriskProcess(replace(own.config, home=own.home.parent / "b"), own.engine)
    thief.home.mkdir()
    config = thief.engine.argv[-1]
    broken = AsteriskProcess(thief.config, replace(own.engine, argv=("/bin/false", config)))
    with pytest.raises(BootFailed, match="ended at once"):
        await broken.start()


async def test_an_asterisk_that_is_gone_or_hangs_is_started_again(own: AsteriskProcess):
    said: list[str] = []
    guarding = asyncio.create_task(own.guard(said.append, patience=2.0))
    for hurt in (signal.SIGKILL, signal.SIGSTOP):
        pid = own.pid()
        assert pid is not None
        os.kill(pid, hurt)
        async with asyncio.timeout(30):
            while own.pid() in (None, pid):
                await asyncio.sleep(0.05)
            while True:
                with contextlib.suppress(Unavailable):
                    await own.calls()
                    break
                await asyncio.sleep(0.05)
    assert not guarding.done()
    guarding.cancel()
    await asyncio.wait([guarding])
    assert [words.partition(";")[0] for words in said] == ["Asterisk is gone", "Asterisk does not answer any more"]


async def test_a_switch_that_hangs_is_told_as_down_and_its_calls_are_there_afterwards(
    own: AsteriskProcess, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(switch_module, "_PULSE_EVERY", 0.3)
    monkeypatch.setattr(switch_module, "_PULSE_PATIENCE", 1.0)
    switch = AsteriskSwitch(own.access())
    caller = Phone()
    await caller.start()
    async with Listener(switch) as listener:
        call = await caller.call("+15555550100", (own.config.bind, own.config.ports.sip), caller=None)
        channel = (await listener.next(Arrived)).channel
        await switch.run([Answer(channel=channel)])
        pid = own.pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await listener.next(SwitchDown)
        os.kill(pid, signal.SIGCONT)
        assert not (await listener.next(SwitchUp)).fresh
        assert (await switch.snapshot()).channels[channel].up
        call.hang_up()
        await listener.next(LegEnded, channel=channel)
    await caller.stop()
    await switch.close()
