"""`careline replay`: decide every offer of a day again from its event rows, and say whether it comes out the same."""

from __future__ import annotations

import argparse
import asyncio
from datetime import date

from careline import bootstrap
from careline.calls.days import replay_day
from careline.calls.replay import Difference, Report
from careline.kernel.errors import NotFound
from careline.setup import system

#: Differences printed one by one.
SHOWN = 20


def command(options: argparse.Namespace) -> int:
    """Replay the day for every tenant; 1 when anything comes out differently."""
    return asyncio.run(_replay(options.day))


async def _replay(day: date) -> int:
    settings, _ = system.active_settings()
    same = True
    async with bootstrap.open_services(settings) as services:
        async with services.db.system() as tx:
            tenants = [row["id"] for row in await tx.all("SELECT id FROM tenant ORDER BY id")]
        for tenant_id in tenants:
            try:
                report = await replay_day(services.db, tenant_id, day)
            except NotFound:
                print(f"tenant {tenant_id}: nothing was decided on {day}")
                continue
            for line in lines(tenant_id, report):
                print(line)
            same = same and not report.differences
    return 0 if same else 1


def lines(tenant_id: int, report: Report) -> list[str]:
    """A report in words."""
    end = "all the same" if not report.differences else f"{len(report.differences)} DIFFERENT"
    by_hand = f", {report.not_decided} not by the router" if report.not_decided else ""
    head = f"tenant {tenant_id}: {report.offers} offers decided again{by_hand}: {end}"
    more = len(report.differences) - SHOWN
    shown = [_line(one) for one in report.differences[:SHOWN]]
    return [head, *shown, *([f"  … and {more} more"] if more > 0 else [])]


def _line(one: Difference) -> str:
    was = f"call {one.was.call_id} to agent {one.was.agent_id}" if one.was else "nothing"
    now = f"call {one.now.call_id} to agent {one.now.agent_id}" if one.now else "nothing"
    reasons = " (the reasons differ)" if one.was and one.now and was == now else ""
    return f"  {one.at.isoformat()}: was {was}, now {now}{reasons}"
