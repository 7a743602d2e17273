"""Puts emergencies that nobody took on the board, in the transaction of the events that say so."""

from __future__ import annotations

from careline.calls.model import Call, Event, Kind
from careline.calls.store import Batch
from careline.platform.db import Tx
from careline.reporting.alarms import Why, raise_alarm


def why(event: Event, call: Call) -> Why | None:
    """Why an event needs somebody's eyes; None: it does not. `call`: as it is after the event or later."""
    match event.kind:
        case Kind.EMERGENCY_RAISED if event.body.get("nobody"):
            return "nobody-signed-on"
        case Kind.HELP_CALLED if event.body["tried"] == 1:
            return "not-taken"
        case Kind.HELP_ENDED:
            return "nobody-reached" if event.body["outcome"] == "nobody-reached" else "not-taken"
        case Kind.ENDED if call.emergency_how in ("key", "words"):
            # Somebody here, or outside, talked with the caller: nothing was missed.
            return None if call.connected_at or event.body["outcome"] == "transferred" else "caller-left"
    return None


async def alarming(tx: Tx, batch: Batch) -> None:
    """The writer's companion."""
    for event in batch.events:
        if reason := why(event, batch.calls[event.call_id]):
            await raise_alarm(tx, event.call_id, reason, event.at)
