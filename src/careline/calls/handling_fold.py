"""The fold of what an agent does with a call: connected, held, muted, handed over, lost and back, left, written up.

Pure; called by `fold.evolve` and by nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from careline.calls.model import Call, Event, Handling, Kind, Outside, Phase, Transfer


def evolve(call: Call, event: Event) -> Call:
    """The state after one event between agent and caller. An event of another kind changes nothing."""
    b, at = event.body, event.at
    match event.kind:
        case Kind.CONNECTED:
            return replace(
                call,
                phase=Phase.TALKING,
                offers=(),
                arranging=None,
                transfer=None,
                playback=None,
                handling=Handling(
                    id=UUID(b["handling_id"]),
                    agent_id=UUID(b["agent_id"]),
                    leg=b["leg"],
                    endpoint=b["endpoint"],
                    connected_at=at,
                ),
                connected_at=call.connected_at or at,
                held=False,
                muted=False,
                help=None,
            )
        case Kind.HELD | Kind.RESUMED:
            return replace(call, held=event.kind is Kind.HELD)
        case Kind.MUTED | Kind.UNMUTED:
            return replace(call, muted=event.kind is Kind.MUTED)
        case Kind.TRANSFER_STARTED:
            return replace(
                call,
                held=True,
                legs=call.legs + 1,
                transfer=Transfer(
                    mode=b["mode"],
                    to=b["to"],
                    target=b["target"],
                    label=b["label"],
                    leg=b["leg"],
                    endpoint=b["endpoint"],
                    until=datetime.fromisoformat(b["until"]),
                ),
            )
        case Kind.TRANSFER_ANSWERED:
            return replace(call, transfer=replace(call.transfer, answered=True) if call.transfer else None)
        case Kind.TRANSFER_FAILED | Kind.TRANSFER_CANCELLED:
            return replace(call, transfer=None, held=bool(b.get("held", False)))
        case Kind.TRANSFERRED:
            if b["to"] != "number":
                return replace(call, transfer=None, held=False, outside=None)
            return replace(
                call,
                phase=Phase.TALKING,
                transfer=None,
                held=False,
                playback=None,
                outside=Outside(leg=b["leg"], number=b["target"]),
                help=None,
            )
        case Kind.PHONE_LOST:
            handling = call.handling
            return replace(
                call, handling=replace(handling, lost_at=at, returning_leg=None) if handling else None, muted=False
            )
        case Kind.PHONE_RINGING_BACK:
            handling = call.handling
            return replace(
                call,
                handling=replace(handling, returning_leg=b["leg"], endpoint=b["endpoint"]) if handling else None,
                legs=call.legs + 1,
            )
        case Kind.PHONE_BACK:
            handling = call.handling
            return replace(
                call,
                handling=replace(handling, leg=b["leg"], lost_at=None, returning_leg=None) if handling else None,
            )
        case Kind.AGENT_LEFT:
            return replace(
                call,
                handling=None,
                muted=False,
                notes_asked=False,
                wrapping=call.wrapping | {UUID(b["agent_id"])} if b["wrap_up"] else call.wrapping,
            )
        case Kind.NOTES_ASKED:
            return replace(call, notes_asked=True)
        case Kind.WRAPPED_UP:
            return replace(call, wrapping=call.wrapping - {UUID(b["agent_id"])})
        case _:
            return call
