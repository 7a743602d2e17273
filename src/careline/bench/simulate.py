"""`careline bench simulate`: simulated calls a minute on one core, and how near they come to the exact formulas.

The scenarios are rows of the Erlang C and Erlang A reference tables (metrics.md §4, §5); the seeds are stated here.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass

from careline.bench.figures import Figure, Report
from careline.workforce import model
from careline.workforce.simulate import Handling, Scenario, Tally, office, simulate

#: The first of the seeds; each further run takes the next.
SEED = 1917


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the tables: calls in so many seconds, their length, agents, mean patience (None: endless)."""

    calls: float
    seconds: float
    handle: float
    agents: int
    patience: float | None = None

    @property
    def name(self) -> str:
        """The row in words."""
        kind = "Erlang C" if self.patience is None else "Erlang A"
        return f"{kind}, {self.calls:g} calls in {self.seconds / 60:g} min × {self.handle:g} s, {self.agents} agents"


CASES = (
    Case(100, 1800, 180, 14),
    Case(240, 3600, 240, 20),
    Case(100, 1800, 180, 12, 120),
    Case(240, 3600, 240, 16, 180),
    Case(60, 1800, 300, 10, 90),
    Case(1000, 1800, 600, 333, 180),
)


def run(case: Case, calls: int, seed: int, target: float = 20.0) -> Tally:
    """Simulate a row for about so many calls, after filling the house."""
    queues, people = office(case.agents)
    warm_up = 10 * case.handle
    seconds = warm_up + calls * case.seconds / case.calls
    return simulate(
        Scenario(
            queues=queues,
            agents=people,
            calls=case.calls * seconds / case.seconds,
            hours=(1.0,),
            hour_seconds=seconds,
            handling=Handling(mean=case.handle, exponential=True),
            patience=case.patience,
            target_seconds=target,
            warm_up=warm_up,
            seed=seed,
        )
    )


def exact(case: Case, target: float = 20.0) -> model.Outlook:
    """The formula's answer to a row."""
    if case.patience is None:
        return model.patient(model.load(case.calls, case.seconds, case.handle), case.agents, case.handle, target)
    return model.impatient(case.calls / case.seconds, case.handle, case.agents, case.patience)


def command(quick: bool) -> Report:
    """Run the bench."""
    calls = 20_000 if quick else 400_000
    report = Report("simulate")
    simulated, spent, figures = 0, 0.0, []
    for number, case in enumerate(CASES):
        gc.collect()
        began = time.process_time()
        tally = run(case, calls, SEED + number)
        spent += time.process_time() - began
        simulated += tally.offered
        outlook = exact(case)
        figures += [
            Figure(f"{case.name}: {what}, off by", round(100 * abs(mine - theirs), 3), None, "% points", limit)
            for what, mine, theirs, limit in (
                ("occupancy", tally.occupancy, outlook.occupancy, None if quick else 1.0),
                ("who waits", tally.waiting, outlook.waiting, None if quick else 1.0),
                ("who hangs up", tally.abandoning, outlook.abandoning, None if quick else 1.0),
            )
            if theirs
        ]
    report.figures = [
        Figure("one simulated call, processor time", round(spent / simulated * 1e6, 2), None, "µs", 60.0),
        Figure("simulated calls a minute", round(60 * simulated / spent), None, "1/min"),
        *figures,
    ]
    return report
