"""The demo's flows: the examples, with the clinic's own queues; the after-hours line takes its callers through one."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import Any

from careline.organization.model import FlowChoice
from careline.security.actor import Actor

#: Names in the examples -> names here.
_HERE = {"queue: Scheduling": "queue: Appointments", "queue: Front desk": "queue: General"}
_EXAMPLES = (("main-line", "Main line"), ("after-hours", "After hours"), ("spanish-first", "Spanish first"))
_PLANS = [["123", "Prairie Health", True], ["456", "Lakes Mutual", False], ["789", "Union Care", True]]
_COLUMNS = [
    {"name": "plan", "type": "text"},
    {"name": "name", "type": "text"},
    {"name": "accepted", "type": "boolean"},
]


async def seed_flows(services: Any, actor: Actor, after_hours: str) -> None:
    """Make what is missing: a table, the flows, and the choice of the line with this number."""
    if "plans" not in {table.name for table in await services.tables.list(actor)}:
        await services.tables.create(actor, "plans", _COLUMNS, _PLANS)
    there = {flow.name: flow for flow in await services.flows.list(actor)}
    for file, name in _EXAMPLES:
        if name not in there:
            there[name] = await services.flows.create(actor, name, _text(file))
        if not there[name].live:
            await services.flows.publish(actor, there[name].id, note="The demo's own")
    for line in await services.organization.lines(actor):
        if line.number == after_hours and not line.config.flows:
            config = replace(line.config, flows=(FlowChoice(flow_id=there["After hours"].id),))
            await services.organization.configure_line(actor, line.line_id, config, note="After hours flow")


def _text(name: str) -> str:
    written = files("careline.flows").joinpath("examples", f"{name}.yaml").read_text("utf-8")
    written = written.replace("callback: Scheduling", "callback: Appointments")
    for theirs, ours in _HERE.items():
        written = written.replace(theirs, ours)
    return written
