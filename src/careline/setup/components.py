"""The components Careline runs on, as set-up steps: PostgreSQL, the telephone engine, the browser code, the voices."""

from __future__ import annotations

import ctypes.util
import subprocess
import time

from careline.platform import postgres
from careline.setup.steps import Say, Step, StepFailed
from careline.telephony import engine
from careline.telephony.apt import Progress
from careline.telephony.prompts import voices
from careline.web import assets

cache_folder = engine.default_cache


def _postgres() -> str | None:
    try:
        program = postgres.binaries() / "postgres"
    except postgres.PostgresError:
        return None
    try:
        done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def _install_postgres(_: Say) -> None:
    if ctypes.util.find_library("z") is None:
        raise StepFailed("PostgreSQL", "It needs the library zlib, which this machine lacks.", "apt-get install zlib1g")
    raise StepFailed(
        "PostgreSQL",
        "Its program, which came with Careline's Python environment, does not run on this machine.",
        "install PostgreSQL 18 and set CARELINE_POSTGRES_BIN, or name a server with CARELINE_DATABASE_URL",
    )


def _assets() -> str | None:
    if not assets.assets_ready():
        return None
    size = sum(f.stat().st_size for f in assets.VENDOR.glob("*.js"))
    return f"browser code, {size / 1000:.0f} kB"


def _build_assets(tell: Say) -> None:
    assets.build_assets(cache_folder(), lambda text: tell(text.removeprefix("browser code: ")))


def _engine() -> str | None:
    found = engine.find_engine(cache_folder())
    return None if found is None else f"Asterisk {found.version} ({found.origin})"


def progress(tell: Say) -> Progress:
    """The package fetcher's progress as lines: each step once, downloads with their size and time."""
    began: dict[str, float] = {}

    def report(step: str, done: int, total: int | None) -> None:
        if step not in began:
            began[step] = time.monotonic()
            size = f", {total / 1e6:.0f} MB" if step == "download" and total else ""
            tell(f"{step}{size}")
        elif total and done >= total:
            tell(f"{step} done in {time.monotonic() - began[step]:.1f} s")
            began[step] = time.monotonic()

    return report


def _fetch_engine(tell: Say) -> None:
    engine.get_engine(cache_folder(), progress(tell))


def _voice() -> str | None:
    found = voices.voice_engines()
    return ", ".join(engine.name for engine in found) or None


def _fetch_voice(tell: Say) -> None:
    voices.fetch_voice(progress=progress(tell))


def run_steps() -> list[Step]:
    """What running Careline needs, quickest first."""
    return [
        Step("PostgreSQL", _postgres, _install_postgres, "see docs/troubleshooting.md"),
        Step(
            "browser code",
            _assets,
            _build_assets,
            "check that npm's registry can be reached (npm ping), or install Node.js: sudo apt-get install nodejs npm",
        ),
        Step(
            "telephone engine (Asterisk)",
            _engine,
            _fetch_engine,
            "sudo apt-get install asterisk (version 20 or newer), or see docs/troubleshooting.md",
        ),
        Step(
            "voice for names",
            _voice,
            _fetch_voice,
            "sudo apt-get install espeak-ng (until then lines are greeted without their names)",
            optional=True,
        ),
    ]
