"""Fixtures of the fault tier: a whole running system, whose processes are killed for real."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from careline.testing.system import System, running_system


@pytest.fixture
async def system() -> AsyncIterator[System]:
    """`careline up` with one line that leads straight into its queue."""
    async with running_system() as running:
        yield running
