"""`careline flow …`: check and test flows as files or by name, see what changed, publish, and carry them in and out."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from careline import bootstrap
from careline.flows import diff, gate, judge, text, trials
from careline.flows.model import FlowError, Problem
from careline.flows.reading import read_text
from careline.flows.trials import Trial
from careline.flows.views import FlowView
from careline.kernel.errors import InvalidInput, NotFound
from careline.security.actor import Actor, system_actor
from careline.setup import system
from careline.setup.steps import say
from careline.telephony.prompts.known import known_prompts

#: Examples that come with Careline, for `flow test` without a file and for `flow import`.
EXAMPLES = Path(gate.__file__).with_name("examples")


def command(options: argparse.Namespace) -> int:
    """Do one action; 1 when a flow has problems or a test fails."""
    targets: list[str] = options.target
    match options.action:
        case "check" | "test":
            files = [Path(target) for target in targets] or sorted(EXAMPLES.glob("*.yaml"))
            if all(_is_file(file) for file in files):
                return max([_judge(file, tests=options.action == "test") for file in files])
            return asyncio.run(_with_services(options))
        case "diff" if len(targets) == 2 and all(_is_file(Path(target)) for target in targets):
            old, new = (_read(Path(target)) for target in targets)
            return _show_diff(diff.changes(text.load(old), text.load(new)), diff.lines(old, new, old=targets[0]))
        case _:
            return asyncio.run(_with_services(options))


def _is_file(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml", ".json") or path.is_file()


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.") from error


def _judge(file: Path, *, tests: bool) -> int:
    """A file by itself: names of queues and tables are not known here and not judged."""
    written = _read(file)
    reading = read_text(written)
    found = list(reading.problems)
    if not any(p.code == "text-unreadable" for p in found):
        found += gate.problems(reading.flow, judge.Context(prompts=known_prompts()))
    played: list[Trial] = []
    if tests and not any(p.code in gate.BLOCKING for p in found):
        played = trials.run(reading.flow, text.load(written).get("tests"))
    return _show(str(file), found, played)


def _show(name: str, problems: Sequence[Problem], played: Sequence[Trial]) -> int:
    for problem in problems:
        where = f"{problem.node}: " if problem.node else ""
        print(f"{name}: {problem.severity}: {where}{problem.text} [{problem.field or 'flow'}, {problem.code}]")
    for test in played:
        step = f" (step {test.step})" if test.step else ""
        print(f"{name}: {'ok' if test.ok else 'FAILED'}  {test.name}{'' if test.ok else f': {test.said}{step}'}")
    wrong = any(p.severity == "error" for p in problems) or not all(test.ok for test in played)
    green = sum(test.ok for test in played)
    print(f"{name}: {'problems found' if wrong else 'no problems'}; {green} of {len(played)} tests green")
    return 1 if wrong else 0


def _show_diff(found: Sequence[diff.Change], lines: str) -> int:
    for change in found:
        print(f"{change.node}: {change.text}" if change.node else change.text)
    if not found:
        print("nothing changed")
    elif lines:
        print(f"\n{lines}")
    return 0


async def _with_services(options: argparse.Namespace) -> int:
    settings, _ = system.active_settings()
    async with bootstrap.open_services(settings) as services:
        actor = await _actor(services, options.tenant)
        return await _act(services, actor, options)


async def _actor(services: bootstrap.Services, slug: str | None) -> Actor:
    """Careline itself, in the named tenant, or in the only one."""
    async with services.db.system() as tx:
        rows = await tx.all("SELECT id, slug FROM tenant ORDER BY id")
    chosen = [row for row in rows if slug is None or row["slug"] == slug]
    if len(chosen) != 1:
        raise InvalidInput(f"Say which tenant: --tenant {' or '.join(row['slug'] for row in rows)}.")
    return system_actor(chosen[0]["id"])


async def _act(services: bootstrap.Services, actor: Actor, options: argparse.Namespace) -> int:
    flows, targets = services.flows, options.target
    match options.action, targets:
        case "list", []:
            for view in await flows.list(actor):
                live = ", ".join(f"version {s.number} {s.share} %" for s in view.live) or "not published"
                print(f"{view.name}: {live}{f'; draft {view.draft}' if view.draft else ''}")
        case (("check" | "test"), names):
            codes = []
            for name in names:
                flow = await _named(services, actor, name)
                draft = await flows.draft(actor, flow.id)
                found = await flows.check(actor, draft.text, flow.id, tests=options.action == "test")
                codes.append(_show(name, found.problems, found.tests))
            return max(codes)
        case "diff", [name, old, new] if old.isdigit() and new.isdigit():
            told = await flows.diff(actor, (await _named(services, actor, name)).id, int(old), int(new))
            return _show_diff(told.changes, told.text)
        case "publish", [name]:
            flow = await _named(services, actor, name)
            made = await flows.publish(actor, flow.id, note=options.note, share=options.share)
            say(f"{name}: " + ", ".join(f"version {s.number} for {s.share} % of calls" for s in made.live))
        case "rollback", [name]:
            made = await flows.roll_back(actor, (await _named(services, actor, name)).id)
            say(f"{name}: " + ", ".join(f"version {s.number} for {s.share} % of calls" for s in made.live))
        case "export", [name]:
            sys.stdout.write((await flows.draft(actor, (await _named(services, actor, name)).id)).text)
        case "import", [file]:
            return await _import(services, actor, _read(Path(file)), options.name)
        case _:
            raise InvalidInput("See `careline flow --help`: the names or files do not fit this action.")
    return 0


async def _import(services: bootstrap.Services, actor: Actor, written: str, name: str | None) -> int:
    """A text as the draft of the flow of its name, which is made when there is none."""
    name = name or str(text.load(written).get("name") or "")
    if not name:
        raise FlowError("The file does not name its flow: add a name, or use --name.")
    known = {view.name: view for view in await services.flows.list(actor)}
    if name in known:
        draft = await services.flows.draft(actor, known[name].id)
        saved = await services.flows.save_draft(actor, known[name].id, written, based_on=draft.revision)
    else:
        saved = await services.flows.draft(actor, (await services.flows.create(actor, name, written)).id)
    say(f"{name}: saved as draft {saved.number}; `careline flow publish` puts it before callers")
    return _show(name, saved.problems, [])


async def _named(services: bootstrap.Services, actor: Actor, name: str) -> FlowView:
    found = [view for view in await services.flows.list(actor) if view.name == name]
    if not found:
        raise NotFound(f"There is no flow “{name}”.")
    return found[0]
