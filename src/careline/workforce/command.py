"""`careline simulate`: what a number of agents means for callers, by formula and by a simulated day."""

from __future__ import annotations

import argparse
import time

from careline.kernel.errors import InvalidInput
from careline.queues.model import Queue
from careline.queues.rules import Rules
from careline.queues.strategies import names
from careline.workforce import model
from careline.workforce.simulate import OFFICE_DAY, QUEUE, Handling, Scenario, Tally, office, simulate

#: Staffings looked at, around the one asked for.
AROUND = (-2, -1, 0, 1, 2)


def command(options: argparse.Namespace) -> int:
    """Print a table: one line a staffing."""
    _check(options)
    erlangs = model.load(options.calls * max(OFFICE_DAY), 3600, options.handle)
    needed = model.agents_needed(erlangs, options.handle, options.level / 100, options.target)
    agents = options.agents or needed
    print(
        f"{options.calls:g} calls on a day from 08:00 to 18:00, {options.handle:g} s each, patience "
        f"{f'{options.patience:g} s' if options.patience else 'without end'}; seed {options.seed}"
    )
    print(
        f"In the busiest hour {erlangs:.1f} erlangs: {needed} agents answer {options.level:g} % within "
        f"{options.target:g} s, if nobody hangs up (Erlang C).\n"
    )
    print(f"{'agents':>6} {'answered in time':>17} {'hang up':>8} {'wait (mean)':>12} {'longest':>8} {'occupancy':>10}")
    began, calls = time.perf_counter(), 0
    for extra in AROUND:
        if agents + extra < 1:
            continue
        tally = _day(options, agents + extra)
        calls += tally.offered
        mark = " <" if extra == 0 else ""
        print(
            f"{agents + extra:>6} {tally.service_level:>16.1%} {tally.abandoning:>8.1%} {tally.mean_wait:>10.1f} s "
            f"{tally.longest / 60:>4.1f} min {tally.occupancy:>9.1%}{mark}"
        )
    seconds = time.perf_counter() - began
    print(
        f"\n{calls} calls simulated in {seconds:.1f} s. Answered in time: of all callers, those who hung up included. "
        "Add absences and breaks (30 to 35 %)."
    )
    return 0


def _day(options: argparse.Namespace, agents: int) -> Tally:
    queues, people = office(agents)
    queue = Queue(
        id=QUEUE, tenant_id=1, name="all calls", members=queues[0].members, rules=Rules(strategy=options.strategy)
    )
    # One day is luck; many days one after the other with the same agents are the rule.
    return simulate(
        Scenario(
            queues=[queue],
            agents=people,
            calls=options.calls * options.days,
            hours=OFFICE_DAY * options.days,
            handling=Handling(mean=options.handle),
            patience=options.patience or None,
            retries=options.retries / 100,
            callbacks=options.callbacks / 100,
            target_seconds=options.target,
            seed=options.seed,
        )
    )


def _check(options: argparse.Namespace) -> None:
    if options.strategy not in names():
        raise InvalidInput(f"There is no strategy {options.strategy!r}; there are: {', '.join(names())}.")
    for name, least, most in (
        ("calls", 1, 1_000_000),
        ("handle", 1, 36_000),
        ("patience", 0, 36_000),
        ("target", 0, 3600),
        ("level", 0, 99.99),
        ("retries", 0, 100),
        ("callbacks", 0, 100),
        ("days", 1, 1000),
    ):
        if not least <= getattr(options, name) <= most:
            raise InvalidInput(f"--{name} goes from {least:g} to {most:g}.")
    if options.agents is not None and not 1 <= options.agents <= 10_000:
        raise InvalidInput("--agents goes from 1 to 10000.")
