"""Unused browser telephones are withdrawn; used ones never."""

from __future__ import annotations

import asyncio

import pytest

from careline.kernel.errors import Unavailable
from careline.web.telephones import Telephones

pytestmark = pytest.mark.unit


class Switch:
    """Remembers what was withdrawn."""

    def __init__(self) -> None:
        self.retired: list[str] = []
        self.news = asyncio.Event()

    async def retire(self, name: str) -> None:
        self.retired.append(name)
        self.news.set()
        if name == "w-away":
            raise Unavailable

    async def wait(self) -> None:
        async with asyncio.timeout(5):
            await self.news.wait()
        self.news.clear()


async def test_one_that_was_never_used_or_no_longer_is_goes() -> None:
    switch = Switch()
    telephones = Telephones(switch.retire, unused=0.01)
    telephones.granted("w-never")
    await switch.wait()
    telephones.granted("w-once")
    with telephones.in_use("w-once"):
        # A timer of 10 ms is long over when another, set later, has rung.
        telephones.granted("w-away")
        await switch.wait()
        assert switch.retired == ["w-never", "w-away"]
    await switch.wait()
    assert switch.retired == ["w-never", "w-away", "w-once"]
    await telephones.stop()


async def test_two_sockets_keep_it_until_both_are_gone() -> None:
    switch = Switch()
    telephones = Telephones(switch.retire, unused=0.0)
    with telephones.in_use("s-x"):
        with telephones.in_use("s-x"):
            pass
        telephones.granted("s-mark")
        await switch.wait()
        assert switch.retired == ["s-mark"]
    await switch.wait()
    assert switch.retired == ["s-mark", "s-x"]
    await telephones.stop()


async def test_stopping_withdraws_nothing() -> None:
    switch = Switch()
    telephones = Telephones(switch.retire, unused=0.0)
    telephones.granted("s-x")
    await telephones.stop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert switch.retired == []
