"""`careline test`: every check and every tier of tests, in the order of how quickly they tell something."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from careline.setup import components, tools
from careline.setup.steps import prepare, say

TIERS = ("unit", "integration", "telephony", "browser", "journeys", "faults")
FAST = ("checks", "unit", "integration")
#: Tiers that hear and time real sound on whatever machine this is. A few failures there are tried once more, alone, and
#: the summary says so: what passes only then is a test or a machine to look at, not a reason to hide it.
REAL_TIME = frozenset({"telephony", "browser", "journeys", "faults"})
FEW = 4
#: Tiers whose tests share nothing but the machine: each worker has its own PostgreSQL.
#: The others hear and time sound, or kill processes of a whole system, and have the machine to themselves.
SIDE_BY_SIDE = frozenset({"unit", "integration"})
WORKERS = min(4, os.cpu_count() or 1)
#: The longest a tier may take before it counts as hung, in minutes.
LIMIT = 20


@dataclass
class Outcome:
    """How one check or tier ended."""

    name: str
    ok: bool
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""

    def line(self) -> str:
        """One line of the summary."""
        counts = f"{self.passed:5d} passed {self.failed:3d} failed {self.skipped:3d} skipped" if self.passed else ""
        word = "ok  " if self.ok else "FAIL"
        return f"  {word} {self.name:<22} {self.seconds:7.1f} s  {counts} {self.note}".rstrip()


def _checkout() -> Path:
    """The checkout that holds the tests: they are not part of an installed package."""
    given = os.environ.get("CARELINE_CHECKOUT")
    return Path(given) if given else Path(__file__).resolve().parents[3]


def _checks(root: Path) -> list[tuple[str, list[str]]]:
    python = sys.executable
    scripts = Path(python).parent
    return [
        ("ruff", [str(scripts / "ruff"), "check", "src", "tests"]),
        ("ruff format", [str(scripts / "ruff"), "format", "--check", "-q", "src", "tests"]),
        ("mypy --strict", [str(scripts / "mypy"), "--strict", "src/careline"]),
        ("import-linter", [str(scripts / "lint-imports"), "--config", str(root / "pyproject.toml")]),
    ]


def _run_check(name: str, argv: list[str], root: Path, env: dict[str, str]) -> Outcome:
    started = time.monotonic()
    done = subprocess.run(argv, cwd=root, env=env, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        print(f"----- {name}\n{done.stdout}{done.stderr}", flush=True)
    return Outcome(name, done.returncode == 0, seconds)


def _counts(report: Path) -> tuple[int, int, int]:
    """Passed, failed, skipped of a JUnit report."""
    total = failed = skipped = 0
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - our own pytest wrote it
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return total - failed - skipped, failed, skipped


def _run_tier(tier: str, root: Path, env: dict[str, str], more: Sequence[str], ci: bool) -> Outcome:
    reports = Path(env["CARELINE_HOME"]) / "test-reports"
    reports.mkdir(parents=True, exist_ok=True)
    report = reports / f"{tier}.xml"
    report.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "pytest", "-m", tier, f"--junitxml={report}", "--durations=5", *more]
    argv += ["--color=no", "-q"] if ci else []
    alone = argv
    if tier in SIDE_BY_SIDE and WORKERS > 1:
        argv = [*argv, f"--numprocesses={WORKERS}", "--dist=worksteal"]
    started = time.monotonic()
    note = ""
    code = _pytest(argv, root, env)
    passed, failed, skipped = _counts(report) if report.exists() else (0, 0, 0)
    if code is None:
        code, note = 1, f"did not end within {LIMIT} minutes"
    elif code == 1 and tier in REAL_TIME and 0 < failed <= FEW:
        say(f"tests: {tier}: {failed} failed; they are tried once more, alone")
        if _pytest([*alone, "--last-failed", "--last-failed-no-failures=none"], root, env) == 0:
            code, note = 0, f"{failed} only at the second try"
            passed, failed = passed + failed, 0
    if code == 5:
        note = "no test was found"
    return Outcome(tier, code == 0, time.monotonic() - started, passed, failed, skipped, note)


def _pytest(argv: Sequence[str], root: Path, env: dict[str, str]) -> int | None:
    """pytest's exit code; None when it had to be ended."""
    try:
        return subprocess.run(argv, cwd=root, env=env, check=False, timeout=LIMIT * 60).returncode
    except subprocess.TimeoutExpired:
        return None


def command(options: argparse.Namespace) -> int:
    """Run what was asked for; 0 only when everything is green."""
    root = _checkout()
    wanted = list(options.tier) or list(FAST if options.fast else ("checks", *TIERS))
    if unknown := [name for name in wanted if name not in ("checks", *TIERS)]:
        print(f"careline test: there is no tier {unknown[0]!r}; tiers: checks, {', '.join(TIERS)}", file=sys.stderr)
        return 2
    started = time.monotonic()
    env = dict(os.environ)
    env.setdefault("CARELINE_HOME", str(root / ".careline"))
    if {"telephony", "browser", "journeys", "faults"} & set(wanted):
        prepare([*components.run_steps(), *tools.test_steps()])
        env["CARELINE_CHROMIUM"] = tools.chromium() or ""
        env["PATH"] = f"{env['PATH']}:{tools.tools_folder() / 'bin'}"
    outcomes: list[Outcome] = []
    for name in wanted:
        if name == "checks":
            for check, argv in _checks(root):
                say(f"checking with {check}")
                outcomes.append(_run_check(check, argv, root, env))
        else:
            say(f"tests: {name}")
            outcomes.append(_run_tier(name, root, env, options.arguments, options.ci))
    return _summary(outcomes, time.monotonic() - started)


def _summary(outcomes: Sequence[Outcome], seconds: float) -> int:
    print("\nSummary")
    for outcome in outcomes:
        print(outcome.line())
    passed = sum(o.passed for o in outcomes)
    failed = sum(o.failed for o in outcomes)
    skipped = sum(o.skipped for o in outcomes)
    ok = all(o.ok for o in outcomes)
    print(f"  {'everything is green' if ok else 'NOT GREEN'} after {seconds / 60:.1f} minutes")
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 0 if ok else 1
