"""`careline call`: a synthetic caller places one real SIP call and says what it heard."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from careline.demo.call import Moment, Plan, Report, place_call
from careline.kernel.errors import InvalidInput
from careline.setup.steps import say
from careline.setup.system import DEMO_TRUNK, active_settings
from careline.speech.asr import NO_TRANSCRIPT, SpeechExtraMissing, Transcriber, find_transcriber
from careline.telephony.prompts.voices import voice_engines


class BadAddress(InvalidInput):
    """Give the SIP address as HOST:PORT, for example 127.0.0.1:5060."""

    id = "bad-sip-address"


def command(options: argparse.Namespace) -> int:
    """Place the call; exit code 0 when it was answered, 1 when not."""
    settings, _ = active_settings()
    address = _address(options.to_address or f"{settings.sip_host}:{settings.sip_port}")
    transcriber: Transcriber | None = None
    try:
        transcriber = find_transcriber(settings.home / "models")
    except SpeechExtraMissing:
        say(NO_TRANSCRIPT)
    plan = Plan(
        say=options.say or "",
        keys=tuple(part.strip() for part in (options.keys or "").split(",") if part.strip()),
        pace=None,
        wait=options.wait,
    )
    # From the trunk's own address when there is one on this machine: another is not a trunk and is refused.
    local = next((source for source in settings.trunk_sources if source.startswith("127.")), DEMO_TRUNK)
    report = asyncio.run(
        place_call(
            options.number,
            address,
            plan,
            caller=options.caller or "+12025550123",
            ip=local,
            save=Path(options.save) if options.save else None,
            voices=voice_engines(),
            transcriber=transcriber,
            tell=lambda moment: print(moment, flush=True),
        )
    )
    _tell_heard(report, options.save)
    return 0 if report.answered else 1


def _tell_heard(report: Report, saved: str | None) -> None:
    print("\nHeard:" if report.answered else "\nNothing was heard: the call was not answered.")
    for moment in sorted((m for m in report.moments if m.seconds is not None), key=_at):
        print(moment)
    if report.words is not None:
        print(f"Words: {report.words or '(none understood)'}")
    if saved and report.answered:
        print(f"Saved to {saved}")


def _at(moment: Moment) -> float:
    return moment.at


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadAddress
    return host, int(port)
