"""`careline keys rotate`: new keys at rest, while the system runs."""

from __future__ import annotations

import argparse
import asyncio

from careline import bootstrap
from careline.security.rotation import rotate_all
from careline.setup import system
from careline.setup.steps import say


def command(_: argparse.Namespace) -> int:
    """Rotate, and say what to do with backups."""
    return asyncio.run(_rotate())


async def _rotate() -> int:
    settings, _ = system.active_settings()
    async with bootstrap.open_services(settings) as services:
        done = await rotate_all(services.db, services.security.keyring)
    say(f"master key {done.master}: {done.tenants} tenants, {done.rewrapped} keys wrapped anew")
    say("make a backup now: older ones open only with the key file they contain")
    return 0
