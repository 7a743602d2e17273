"""Fixtures of the journeys: a whole running system and a real Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from careline.testing import browser
from careline.testing.system import System, running_system


@pytest.fixture
async def system() -> AsyncIterator[System]:
    """`careline up` with one line: greeting, language, menu, queue."""
    async with running_system(direct=False) as running:
        yield running


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    """A Chromium whose microphone is a tone."""
    browser.write_microphone(tmp_path / "microphone.wav")
    async with browser.chromium(tmp_path / "microphone.wav") as running:
        yield running
