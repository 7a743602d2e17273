"""The programs that only tests and benches need: a browser, and a SIP load generator that nobody here wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from careline.setup.steps import Say, Step, StepFailed
from careline.telephony.apt import fetch_packages, find_archive
from careline.telephony.engine import default_cache

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def tools_folder() -> Path:
    """Where programs unpacked without root live; shared by all checkouts of this user."""
    return default_cache() / "tools"


def _version(argv: Sequence[str], env: dict[str, str] | None = None) -> str | None:
    """What a program prints of its own version, or None when it does not run (a stub that wants a snap, say)."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=env)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[0][:80] if lines else None


def chromium() -> str | None:
    """The path of a Chromium that runs: CARELINE_CHROMIUM, the PATH, Playwright's own, or ours unpacked privately."""
    if given := os.environ.get("CARELINE_CHROMIUM"):
        return given
    candidates = [found for name in CHROMIUM_NAMES if (found := shutil.which(name))]
    browsers = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    candidates += [str(p) for p in sorted(browsers.glob("chromium-*/chrome-linux*/chrome"), reverse=True)]
    candidates += [str(tools_folder() / "bin" / "chromium")]
    for path in candidates:
        if Path(path).exists() and (_version([path, "--version"]) or "").startswith(("Chromium", "Google Chrome")):
            return path
    return None


def sipp() -> str | None:
    """The path of sipp, or None."""
    own = tools_folder() / "bin" / "sipp"
    path = shutil.which("sipp") or (str(own) if own.exists() else None)
    return path if path and "SIPp" in (_version([path, "-v"]) or "") else None


def _apt(packages: Sequence[str], tell: Say, step: str) -> bool:
    """Install Debian packages when we are root and apt-get is here. False when that way is closed."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    for attempt, commands in enumerate(([install], [["apt-get", "update"], install])):
        tell(f"apt-get install {' '.join(packages)}" + (" (after apt-get update)" if attempt else ""))
        failed = None
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
            if done.returncode:
                failed = done
                break
        if failed is None:
            return True
    raise StepFailed(step, "\n  ".join(failed.stderr.strip().splitlines()[-6:]) if failed else "", "see apt's message")


def _wrapper(name: str, program: Path, root: Path) -> None:
    """A small script that starts a privately unpacked program with the libraries unpacked beside it."""
    machine = os.uname().machine
    libraries = [root / "usr/lib" / f"{machine}-linux-gnu", root / "lib" / f"{machine}-linux-gnu", root / "usr/lib"]
    script = tools_folder() / "bin" / name
    script.parent.mkdir(parents=True, exist_ok=True)
    path = ":".join(str(p) for p in libraries if p.is_dir())
    script.write_text(
        f'#!/bin/sh\nLD_LIBRARY_PATH="{path}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}" exec "{program}" "$@"\n'
    )
    script.chmod(0o755)


def _unpack(packages: Sequence[str], name: str, program: str, tell: Say) -> None:
    """Fetch packages without root, the way the telephone engine is fetched, and make them startable."""
    archive = find_archive()
    root = tools_folder() / name
    tell(f"unpacking {' '.join(packages)} without root")
    fetch_packages(packages, archive.codename, root, archive=archive)
    _wrapper(name, root / program, root)


def _install_chromium(tell: Say) -> None:
    if _apt(["chromium"], tell, "Chromium") and chromium():
        return
    # Ubuntu's package is a stub for a snap; Playwright's own build serves there, where its host can be reached.
    tell("asking Playwright for its own build")
    done = subprocess.run(["playwright", "install", "chromium"], capture_output=True, text=True, check=False)
    if done.returncode == 0 and chromium():
        return
    _unpack(["chromium", "fonts-dejavu-core"], "chromium", "usr/lib/chromium/chromium", tell)


def _install_sipp(tell: Say) -> None:
    if _apt(["sip-tester"], tell, "sipp") and sipp():
        return
    _unpack(["sip-tester"], "sipp", "usr/bin/sipp", tell)


def _describe(path: str | None, *version: str) -> str | None:
    return None if path is None else f"{_version([path, *version]) or 'version unknown'} ({path})"


def test_steps() -> list[Step]:
    """What `careline test` and `careline bench` need beyond Careline itself."""
    return [
        Step(
            "Chromium",
            lambda: _describe(chromium(), "--version"),
            _install_chromium,
            "sudo apt-get install chromium, or set CARELINE_CHROMIUM to a Chromium or Chrome program",
        ),
        Step("sipp", lambda: _describe(sipp(), "-v"), _install_sipp, "sudo apt-get install sip-tester"),
    ]
