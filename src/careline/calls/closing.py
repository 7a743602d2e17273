"""The end of a call, whoever caused it. Pure."""

from __future__ import annotations

from careline.calls.model import Kind, Phase
from careline.calls.step import Step
from careline.calls.switch_commands import DropBridge, Hangup, StopRecording
from careline.calls.switch_events import HangupCause


def end(s: Step, *, by: str, cause: HangupCause = HangupCause.NORMAL, outcome: str | None = None) -> None:
    """Close the call, whoever ended it. Legs and recordings of the agent's side are ended by the agent's side first."""
    call = s.call
    message = call.message
    if message and message.until and message.recording and message.started_at:
        s.happened(Kind.VOICEMAIL_ENDED, why="hang-up", seconds=round((s.now - message.started_at).total_seconds(), 1))
        s.do(StopRecording(channel=call.channel, recording=message.recording))
    if call.recording and call.connected_at:
        s.do(StopRecording(channel=call.channel, recording=call.recording))
    if call.transfer:
        s.do(Hangup(channel=call.transfer.leg))
    if call.connected_at or call.outside:
        s.do(DropBridge(bridge=call.bridge))
    s.happened(Kind.ENDED, by=by, cause=cause.value, outcome=outcome or call.ending or _outcome(s))


def _outcome(s: Step) -> str:
    call = s.call
    if call.outside:
        return "transferred"
    if call.message and call.message.recording:
        return "voicemail"
    match call.phase:
        case Phase.ARRIVED | Phase.FLOW:
            return "handled" if call.connected_at else "left-menu"
        case Phase.VOICEMAIL if call.queued_at is None and not call.connected_at:
            # Asked for a message and left without one, never having waited for anybody.
            return "left-menu" if s.line.hours(s.now) == "open" else "closed"
        case Phase.WAITING | Phase.VOICEMAIL | Phase.CALLBACK:
            return "abandoned"
        case Phase.TALKING | Phase.ENDED:
            return "handled"
