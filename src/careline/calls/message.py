"""A spoken message: the invitation, the recording, its end, and the last word of a call. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from careline.calls.model import MESSAGE_LENGTH, Kind
from careline.calls.step import Step
from careline.calls.switch_commands import StartRecording, StopRecording, Watch
from careline.flows.spoken import Prompt


def say_goodbye(s: Step, outcome: str, *prompts: Prompt) -> None:
    """Speak a last word; the line is hung up when it has been heard."""
    s.happened(Kind.ENDING, outcome=outcome)
    s.speak(s.call.channel, *prompts)


def invite_message(s: Step, department: UUID | None, prompts: tuple[Prompt, ...]) -> None:
    """Explain the voicemail; recording begins after the beep. Who refused to be recorded is asked first."""
    if s.call.consent is False:
        note_invitation(s, department, asked=1)
        s.speak(s.call.channel, *prompts, *unrecorded(s))
        return
    note_invitation(s, department)
    s.speak(s.call.channel, *prompts, Prompt("beep"))


def note_invitation(s: Step, department: UUID | None, *, asked: int = 0, listen_until: datetime | None = None) -> None:
    """The caller is told about the message; nothing is recorded yet. `asked`: how often whether it may be recorded."""
    s.happened(
        Kind.VOICEMAIL_STARTED,
        recording_id=None,
        department_id=str(department) if department else None,
        until=None,
        asked=asked,
        listen_until=listen_until.isoformat() if listen_until else None,
    )


def unrecorded(s: Step) -> tuple[Prompt, ...]:
    """That a message is a recording, and what there is instead."""
    instead = (Prompt("voicemail.unrecorded-callback"),) if s.line.fallback_queue in s.setting.queues else ()
    return (Prompt("voicemail.unrecorded"), *instead, Prompt("voicemail.unrecorded-nothing"))


def record_message(s: Step) -> None:
    message = s.call.message
    assert message is not None
    recording = s.call.next_recording()
    s.happened(
        Kind.VOICEMAIL_STARTED,
        recording_id=recording,
        department_id=str(message.department) if message.department else None,
        until=(s.now + MESSAGE_LENGTH).isoformat(),
    )
    s.do(
        StartRecording(channel=s.call.channel, recording=recording, tenant=s.call.tenant_id),
        Watch(channel=s.call.channel, on=True),
    )


def end_recording(s: Step, why: str) -> None:
    """Nothing more is recorded; what was said is kept and goes to the inbox."""
    message = s.call.message
    assert message is not None
    assert message.recording is not None
    assert message.started_at is not None
    s.happened(Kind.VOICEMAIL_ENDED, why=why, seconds=round((s.now - message.started_at).total_seconds(), 1))
    s.do(
        StopRecording(channel=s.call.channel, recording=message.recording),
        Watch(channel=s.call.channel, on=False),
    )


def end_message(s: Step, why: str) -> None:
    """The message is complete: thank and say goodbye."""
    end_recording(s, why)
    say_goodbye(s, "voicemail", Prompt("voicemail.thanks"))
