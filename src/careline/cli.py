"""The `careline` command. Everything a command needs is imported when it runs, so that starting stays quick."""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

from careline import __version__
from careline.kernel.errors import CarelineError
from careline.setup.names import PLAIN_LOOP, PROCESSES


def _call(module: str, function: str, *args: Any, _uvloop: bool = False) -> int:
    """Import a module now, run its function (a coroutine is run to its end) and give its exit code."""
    result = getattr(importlib.import_module(module), function)(*args)
    if inspect.iscoroutine(result):
        import asyncio  # here, since it costs half of the start of commands without it

        factory = importlib.import_module("uvloop").new_event_loop if _uvloop else None
        with asyncio.Runner(loop_factory=factory) as runner:
            result = runner.run(result)
    return result if isinstance(result, int) else 0


def _runs(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    """A command whose work is `module.function(options)`."""
    return lambda options: _call(module, function, options)


def _runs_process(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    """A command that is one long-running process."""
    return lambda options: _call(module, function, _uvloop=options.command not in PLAIN_LOOP)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(
        prog="careline",
        description="Open-source healthcare call center.",
        epilog="Settings: careline.toml and CARELINE_* environment variables, see docs/settings.md.",
    )
    root.add_argument("--version", action="version", version=f"careline {__version__}")
    commands = root.add_subparsers(dest="command", metavar="command", required=True)

    demo = commands.add_parser("demo", help="start everything with a demo health system and synthetic callers")
    demo.add_argument("--calls-per-hour", type=float, default=None, help="synthetic calls an hour (default 60)")
    demo.add_argument("--no-callers", action="store_true", help="start without synthetic callers")
    demo.add_argument("--fresh", action="store_true", help="throw the demo's data away first")
    demo.set_defaults(run=_runs("careline.setup.run", "demo"))

    up = commands.add_parser("up", help="start everything with an empty system")
    up.set_defaults(run=_runs("careline.setup.run", "up"))

    stop = commands.add_parser("stop", help="stop what demo or up started, also what outlived it")
    stop.set_defaults(run=_runs("careline.setup.run", "stop"))

    doctor = commands.add_parser("doctor", help="each component's version and state, and what to do about a fault")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.set_defaults(run=_runs("careline.setup.doctor", "command"))

    call = commands.add_parser("call", help="place a real SIP call and say what was heard")
    call.add_argument("number", help="the number to call, e.g. +15555550100")
    call.add_argument("--say", metavar="TEXT", help="speak this once connected")
    call.add_argument("--keys", metavar="1,2", help="keys to press, one after each prompt")
    call.add_argument("--wait", type=float, default=30, metavar="SECONDS", help="hang up after this long")
    call.add_argument("--save", metavar="FILE", help="save what was heard as a WAV file")
    call.add_argument("--from", dest="caller", metavar="NUMBER", help="caller's number")
    call.add_argument("--to-address", metavar="HOST:PORT", help="SIP address (default: the running system's)")
    call.set_defaults(run=_runs("careline.setup.calling", "command"))

    test = commands.add_parser("test", help="install what tests need and run all checks and test tiers")
    test.add_argument("--fast", action="store_true", help="only checks, unit and integration")
    test.add_argument("--ci", action="store_true", help="output for a log instead of a terminal")
    test.add_argument("--tier", action="append", default=[], help="only this tier (repeatable; 'checks' is one)")
    test.add_argument("arguments", nargs="*", help="more arguments for pytest (after --)")
    test.set_defaults(run=_runs("careline.setup.testing", "command"))

    backup = commands.add_parser("backup", help="write database, recordings, prompts, settings and keys to one file")
    backup.add_argument("file")
    _passphrase_options(backup)
    backup.set_defaults(run=_runs("careline.setup.archive", "backup_command"))

    restore = commands.add_parser("restore", help="bring a backup into an empty system")
    restore.add_argument("file")
    _passphrase_options(restore)
    restore.set_defaults(run=_runs("careline.setup.archive", "restore_command"))

    audit = commands.add_parser("audit", help="check or export the audit log")
    audit.add_argument("action", choices=["verify", "export"])
    audit.add_argument("--file", help="where to export to (default: standard output)")
    audit.set_defaults(run=_runs("careline.setup.auditing", "command"))

    keys = commands.add_parser("keys", help="replace the keys that protect recordings and secrets at rest")
    keys.add_argument("action", choices=["rotate"])
    keys.set_defaults(run=_runs("careline.setup.keys", "command"))

    people = commands.add_parser("people", help="let somebody in again who has lost password and authenticator")
    people.add_argument("action", choices=["rescue"])
    people.add_argument("email")
    people.set_defaults(run=_runs("careline.setup.people", "command"))

    bench = commands.add_parser("bench", help="measure Careline, beside Asterisk's own app_queue or alone")
    bench.add_argument("name", choices=["offer", "waiting", "routing", "simulate", "redflags", "live"])
    bench.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    bench.add_argument("--quick", action="store_true", help="a short run that only shows that the bench works")
    bench.set_defaults(run=_runs("careline.bench.command", "command"))

    simulate = commands.add_parser("simulate", help="how many agents a day needs: by formula, and simulated")
    simulate.add_argument("--calls", type=float, default=1000, help="calls on the day (default 1000)")
    simulate.add_argument("--agents", type=int, default=None, help="agents (default: what Erlang C says)")
    simulate.add_argument("--handle", type=float, default=240, metavar="SEC", help="mean handling time, 240")
    simulate.add_argument("--patience", type=float, default=180, metavar="SEC", help="mean patience, 180; 0: endless")
    simulate.add_argument("--target", type=float, default=30, metavar="SEC", help="in time means within, 30")
    simulate.add_argument("--level", type=float, default=80, metavar="PERCENT", help="answered in time, wanted, 80")
    simulate.add_argument("--retries", type=float, default=0, metavar="PERCENT", help="who hung up and calls again, 0")
    simulate.add_argument("--callbacks", type=float, default=0, metavar="PERCENT", help="who takes a callback, 0")
    simulate.add_argument("--strategy", default="longest-idle", help="who gets the call (default longest-idle)")
    simulate.add_argument("--days", type=int, default=20, help="how many such days, 20")
    simulate.add_argument("--seed", type=int, default=1, help="the same seed gives the same days")
    simulate.set_defaults(run=_runs("careline.workforce.command", "command"))

    replay = commands.add_parser("replay", help="decide every offer of a day again from its event rows")
    replay.add_argument("--day", type=date.fromisoformat, required=True, help="the day, in UTC, as 2026-11-23")
    replay.set_defaults(run=_runs("careline.setup.replaying", "command"))

    flow = commands.add_parser("flow", help="check, test, compare, publish and carry flows")
    flow.add_argument("action", choices=["list", "check", "test", "diff", "publish", "rollback", "export", "import"])
    flow.add_argument("target", nargs="*", help="files or names of flows; diff: two files, or a name and two versions")
    flow.add_argument("--name", help="import: the flow's name (default: the one in the file)")
    flow.add_argument("--note", default="", help="publish: a note for colleagues")
    flow.add_argument("--share", type=int, default=100, metavar="PERCENT", help="publish: how many new calls get it")
    flow.add_argument("--tenant", metavar="SLUG", help="whose flows, where there are several tenants")
    flow.set_defaults(run=_runs("careline.setup.flows", "command"))

    prompts = commands.add_parser("prompts", help="render the spoken prompts anew")
    prompts.add_argument("action", choices=["check", "render"])
    prompts.set_defaults(run=_runs("careline.setup.voices", "command"))

    install = commands.add_parser("install", help="fetch every component without starting anything")
    install.set_defaults(run=_runs("careline.setup.run", "install"))

    migrate = commands.add_parser("migrate", help="bring the database to the newest schema")
    migrate.set_defaults(run=_runs("careline.setup.run", "migrate"))

    for name, (module, function, purpose) in PROCESSES.items():
        process = commands.add_parser(name, help=f"process: {purpose}")
        process.set_defaults(run=_runs_process(module, function))
    return root


def _passphrase_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--key-file", metavar="FILE", help="file whose content encrypts the backup")
    command.add_argument(
        "--passphrase-env", metavar="NAME", help="environment variable that holds the passphrase (else you are asked)"
    )


def main(argv: list[str] | None = None) -> int:
    """Run one command; errors made on purpose are shown as one sentence, never as a traceback."""
    options = parser().parse_args(argv)
    try:
        return int(options.run(options))
    except CarelineError as error:
        print(f"careline {options.command}: {error.detail}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
