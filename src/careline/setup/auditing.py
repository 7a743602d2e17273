"""`careline audit`: check the hash-chained audit log, or write it out for an auditor."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TextIO

from careline import bootstrap
from careline.security.chain import anchors_file, export_all, verify_all
from careline.setup import system
from careline.setup.steps import say


def command(options: argparse.Namespace) -> int:
    """Verify or export; 1 when a chain is broken."""
    return asyncio.run(_verify()) if options.action == "verify" else _export(options.file)


async def _verify() -> int:
    settings, _ = system.active_settings()
    async with bootstrap.open_services(settings) as services:
        states = await verify_all(services.db, services.security.keyring, anchors_file(settings.home))
    for state in states:
        words = "whole" if state.whole else f"BROKEN: {state.reason}"
        print(f"tenant {state.tenant_id}: {state.rows} rows, {state.anchors} anchors, {words}")
    return 0 if all(state.whole for state in states) else 1


def _export(file: str | None) -> int:
    if file is None:
        rows = asyncio.run(_rows(sys.stdout))
    else:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            rows = asyncio.run(_rows(out))
    say(f"{rows} rows written")
    return 0


async def _rows(out: TextIO) -> int:
    settings, _ = system.active_settings()
    async with bootstrap.open_services(settings) as services:
        return await export_all(services.db, out)
