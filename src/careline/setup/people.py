"""`careline people rescue EMAIL`: let somebody in again who has lost password and authenticator."""

from __future__ import annotations

import argparse
import asyncio

from careline import bootstrap
from careline.security.rescue import rescue
from careline.setup import system
from careline.setup.steps import say


def command(options: argparse.Namespace) -> int:
    """Print a new first password."""
    return asyncio.run(_rescue(options.email))


async def _rescue(email: str) -> int:
    settings, _ = system.active_settings()
    async with bootstrap.open_services(settings) as services:
        password = await rescue(services.db, services.security, email)
    say(f"first password for {email}: {password}")
    say("it must be replaced at the next sign-in, where an authenticator is set up anew; this is in the audit log")
    return 0
