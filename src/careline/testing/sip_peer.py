"""Telephones that nobody here wrote, for tests: baresip's SIP stack behind a small, plain interface.

A phone registers as a desk phone would, answers by itself or on demand, plays a tone, keeps what it hears, and tells
the strongest frequency of each second, so that a test can prove who hears whom. Needs `baresip-python` (a development
dependency); one `SipPeers` at a time in a process, with as many phones as wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from array import array
from collections.abc import AsyncIterator, Callable
from typing import Any

from careline.speech.audio import RATE, from_pcm_bytes, pcm_bytes, tone
from careline.speech.listening import dominant

_CHUNK = RATE // 50


class SipPeers:
    """baresip's stack, running in this process."""

    def __init__(self, ip: str = "127.0.0.1") -> None:
        """`ip`: the local address the phones speak from."""
        self.ip = ip
        self._baresip: Any = importlib.import_module("baresip")
        self._runtime: Any = None
        self._phones: list[SipPhone] = []

    async def __aenter__(self) -> SipPeers:
        runtime = self._baresip.Runtime(native_log_level="error")
        config = self._baresip.Config(
            net_interface=self.ip,
            max_concurrent_calls=None,
            expose_headers=("X-Careline-Call", "X-Careline-Resume"),
            extra_config_text=f"sip_listen {self.ip}:0\n",
        )
        await runtime.start(config)
        self._runtime = runtime
        return self

    async def __aexit__(self, *_: object) -> None:
        for phone in self._phones:
            await phone.close()
        await self._runtime.close()

    async def phone(
        self,
        user: str,
        password: str,
        switch: tuple[str, int],
        *,
        register: bool = True,
        auto_answer: bool = True,
        hz: float | None = 440.0,
        transport: str = "udp",
    ) -> SipPhone:
        """A telephone with an account at `switch`. `hz`: the tone it plays into every call; None for silence."""
        account = self._baresip.Account(
            user=user,
            domain=f"{switch[0]}:{switch[1]}",
            password=password,
            reg_interval=600 if register else 0,
            transport=transport,
        )
        agent = await self._baresip.UserAgent.create(self._runtime, account)
        phone = SipPhone(agent, switch, auto_answer=auto_answer, hz=hz)
        self._phones.append(phone)
        if register:
            await agent.register()
            phone.registered = True
        return phone


class SipPhone:
    """One telephone."""

    def __init__(self, agent: Any, switch: tuple[str, int], *, auto_answer: bool, hz: float | None) -> None:
        self.registered = False
        self.auto_answer = auto_answer
        self.calls: list[PeerCall] = []
        self._agent = agent
        self._switch = switch
        self._hz = hz
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        agent.on_incoming(self._incoming)

    async def dial(self, number: str, *, seconds: float = 15.0) -> PeerCall:
        """Call a number at the switch and wait until it is answered. Raises baresip's CallFailed when refused."""
        native = await self._agent.dial(f"sip:{number}@{self._switch[0]}:{self._switch[1]}")
        call = self._adopt(native)
        await native.wait_established(seconds)
        return call

    async def next_call(self, seconds: float = 15.0) -> PeerCall:
        """The next incoming call that has not been taken with this method yet. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: any(call.incoming and not call.taken for call in self.calls))
        call = next(call for call in self.calls if call.incoming and not call.taken)
        call.taken = True
        return call

    async def unregister(self) -> None:
        """Sign off from the switch."""
        await self._agent.unregister()
        self.registered = False

    async def close(self) -> None:
        """Hang everything up; the registration is left to expire when the switch is gone already."""
        for call in self.calls:
            await call.hang_up()
        if self.registered:
            with contextlib.suppress(Exception):
                await self._agent.unregister(timeout=2)
        for task in list(self._tasks):
            task.cancel()

    def _incoming(self, native: Any) -> None:
        call = self._adopt(native, incoming=True)
        self._spawn(self._receive(call))

    async def _receive(self, call: PeerCall) -> None:
        if self.auto_answer:
            await call.answer()
        async with self._arrived:
            self._arrived.notify_all()

    def _adopt(self, native: Any, *, incoming: bool = False) -> PeerCall:
        call = PeerCall(native, self._hz, incoming=incoming)
        self.calls.append(call)
        self._spawn(call.pump())
        return call

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class PeerCall:
    """One call of a telephone."""

    def __init__(self, native: Any, hz: float | None, *, incoming: bool) -> None:
        self.incoming = incoming
        self.taken = False
        #: What was heard since the call was established, or since `forget`.
        self.heard = array("h")
        #: Keys that the far side pressed.
        self.keys: list[str] = []
        self.ended = asyncio.Event()
        self.established = asyncio.Event()
        self._native = native
        self._baresip: Any = importlib.import_module("baresip")
        self._loop_sound = tone(hz, 1.0) if hz else array("h", bytes(2 * RATE))
        self._position = 0
        native.on(self._event)
        native.on_dtmf(lambda event: self.keys.append(str(event.digit)))

    @property
    def peer(self) -> str:
        """The far side's SIP address."""
        return str(self._native.peer)

    async def answer(self) -> None:
        """Pick up."""
        await self._native.answer()

    async def reject(self) -> None:
        """Refuse with 486 Busy Here."""
        await self._native.reject()

    async def hang_up(self) -> None:
        """End the call; it may have ended already."""
        with contextlib.suppress(self._baresip.StaleHandleError):
            await self._native.hangup()

    async def hold(self) -> None:
        """Put the far side on hold by re-INVITE."""
        await self._native.hold()

    async def resume(self) -> None:
        """Take it back."""
        await self._native.resume()

    async def press(self, keys: str) -> None:
        """Press keys (RFC 4733)."""
        await self._native.send_dtmf(keys)

    def play(self, hz: float | None) -> None:
        """Change the tone; None for silence."""
        self._loop_sound = tone(hz, 1.0) if hz else array("h", bytes(2 * RATE))

    def say(self, samples: array[int]) -> None:
        """Play these 8 kHz samples in a loop instead of a tone."""
        self._loop_sound, self._position = samples, 0

    def forget(self) -> None:
        """Drop what was heard so far."""
        del self.heard[:]

    def frequencies(self) -> list[int | None]:
        """The strongest frequency of each full second heard; None for silence."""
        return [dominant(self.heard[n : n + RATE]) for n in range(0, len(self.heard) - RATE + 1, RATE)]

    async def hears(self, wanted: Callable[[int | None], bool], seconds: float = 15.0) -> int | None:
        """Wait until a half second satisfies `wanted`, called with its strongest frequency. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            seen = len(self.heard)
            while True:
                while len(self.heard) - seen >= RATE // 2:
                    found = dominant(self.heard[seen : seen + RATE // 2])
                    seen += RATE // 2
                    if wanted(found):
                        return found
                await asyncio.sleep(0.1)

    async def hears_tone(self, hz: float, seconds: float = 15.0) -> None:
        """Wait until this tone is heard. Raises TimeoutError."""
        await self.hears(lambda found: found is not None and abs(found - hz) < 15, seconds)

    def _event(self, event: Any) -> None:
        kind = event.event.name
        if kind == "CALL_ESTABLISHED":
            self.established.set()
        elif kind == "CALL_CLOSED":
            self.ended.set()

    async def pump(self) -> None:
        """Feed the call its sound and take what it hears, every 20 ms."""
        audio = self._native.audio
        while not self.ended.is_set():
            try:
                info = audio.info()
                missing = 4 * _CHUNK * 2 - info.tx_buffered
                if info.tx_ready and missing > 0:
                    audio.write(pcm_bytes(self._next(missing // 2)))
                if info.rx_ready and info.rx_buffered:
                    self.heard.extend(from_pcm_bytes(audio.read(info.rx_buffered)))
            except (self._baresip.AudioNotActive, self._baresip.AudioRestarted):
                pass  # no sound yet, or a re-INVITE has just replaced it
            await asyncio.sleep(0.02)

    def _next(self, count: int) -> array[int]:
        out = array("h")
        while len(out) < count:
            piece = self._loop_sound[self._position : self._position + count - len(out)]
            out.extend(piece)
            self._position = (self._position + len(piece)) % len(self._loop_sound)
        return out


@contextlib.asynccontextmanager
async def desk_phone(user: str, password: str, switch: tuple[str, int], **options: Any) -> AsyncIterator[SipPhone]:
    """One registered telephone, for tests that need no more."""
    async with SipPeers() as peers:
        yield await peers.phone(user, password, switch, **options)
