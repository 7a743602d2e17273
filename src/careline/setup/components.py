"""The components Careline runs on, as set-up steps: PostgreSQL, the telephone engine, the browser code, the voices."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import importlib.util
import subprocess
from pathlib import Path

from careline.platform import postgres
from careline.setup.steps import Say, Step, StepFailed
from careline.setup.tools import tools_folder


def cache_folder() -> Path:
    """Where downloads live, shared by all checkouts of this user."""
    return tools_folder().parent


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
    from careline.web import assets

    if not assets.assets_ready():
        return None
    size = sum(f.stat().st_size for f in assets.VENDOR.glob("*.js"))
    return f"browser code, {size / 1000:.0f} kB"


def _build_assets(tell: Say) -> None:
    from careline.web import assets

    assets.build_assets(cache_folder(), tell)


def _engine() -> str | None:
    from careline.telephony import engine

    found = engine.find()
    return None if found is None else str(found)


def _fetch_engine(tell: Say) -> None:
    from careline.telephony import engine

    engine.ensure(tell)


def version_of(package: str) -> str:
    """The installed version of a Python package, or a dash."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "–"


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
    ]
