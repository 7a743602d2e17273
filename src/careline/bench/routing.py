"""`careline bench routing`: decisions a second of the router alone, on one core, with everything waiting at once.

A decision is what one event makes necessary: an agent becomes free and gets the best call, or a call comes and gets the
best agent. 1,000 agents with some of 50 skills serve 50 queues; 10,000 calls wait and stay 10,000: for each that is
matched a new one comes. Everything is drawn from a stated seed. Times are processor
time of the one thread that decides.
"""

from __future__ import annotations

import gc
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from careline.bench.figures import Figure, Report, quantile
from careline.queues.model import Agent, AgentStatus, Queue, Waiting
from careline.queues.router import Router
from careline.queues.rules import Ageing, Rules

SEED = 20261123
AGENTS, SKILLS, WAITING, QUEUES = 1000, 50, 10_000, 50
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Scene:
    """A big floor, every agent busy, every call waiting."""

    def __init__(self, seed: int = SEED, agents: int = AGENTS, waiting: int = WAITING, queues: int = QUEUES) -> None:
        self.lots = random.Random(seed)
        self.now = NOON
        self.router = Router()
        self.serial = 0
        skills = [f"skill-{n}" for n in range(SKILLS)]
        self.agents = [
            Agent(
                id=UUID(int=n + 1),
                tenant_id=1,
                name=f"agent {n}",
                languages=frozenset({"en", "es"} if self.lots.random() < 0.2 else {"en"}),
                skills={s: float(self.lots.randint(1, 100)) for s in self.lots.sample(skills, 10)},
                status=AgentStatus.TALKING,
                endpoint=f"s-{n}",
                phone_online=True,
            )
            for n in range(agents)
        ]
        self.queues = []
        for n in range(queues):
            skill = skills[n % SKILLS]
            self.queues.append(
                Queue(
                    id=UUID(int=10_000 + n),
                    tenant_id=1,
                    name=f"queue {n}",
                    members=frozenset(a.id for a in self.agents if skill in a.skills),
                    skills={skill: 10.0},
                    rules=Rules(
                        requirement=f"{skill} >= {self.lots.choice((10, 30, 50))}",
                        weight=n % 3,
                        ageing=Ageing(formula=("priority", "minutes", "accelerated")[n % 3], acceleration=1 + n % 2),
                    ),
                )
            )
        self.router.configure({q.id: q for q in self.queues})
        for agent in self.agents:
            self.router.put_agent(agent)
        for _ in range(waiting):
            self.router.put_call(self.call(self.lots.uniform(0, 1800)))
        self.router.match(self.now)

    def call(self, waited: float = 0.0) -> Waiting:
        """A new caller."""
        self.serial += 1
        lots = self.lots
        return Waiting(
            call_id=UUID(int=1_000_000 + self.serial),
            queue_id=lots.choice(self.queues).id,
            language="es" if lots.random() < 0.15 else "en",
            place_at=self.now - timedelta(seconds=waited),
            priority=lots.choice((0, 0, 0, 1, 2)),
        )

    def tick(self) -> datetime:
        """A moment later."""
        self.now += timedelta(milliseconds=50)
        return self.now


def agents_become_free(scene: Scene, decisions: int) -> list[float]:
    """Seconds of each decision: an agent out of a call, 10,000 calls to choose from."""
    times, router = [], scene.router
    for _ in range(decisions):
        now = scene.tick()
        agent = scene.lots.choice(scene.agents)
        free = replace(agent, status=AgentStatus.AVAILABLE, idle_since=now, since=now)
        began = time.thread_time()
        router.put_agent(free)
        matches = router.match(now)
        times.append(time.thread_time() - began)
        for _match in matches:
            router.put_call(scene.call())
        router.put_agent(agent)
        router.match(now)
    return times


def calls_come(scene: Scene, decisions: int) -> list[float]:
    """Seconds of each decision: a call comes, and half of all agents wait for one in vain, but perhaps not for this."""
    times, router = [], scene.router
    free = [
        replace(
            agent, status=AgentStatus.AVAILABLE, idle_since=scene.now - timedelta(seconds=scene.lots.uniform(0, 900))
        )
        for agent in scene.agents
        if scene.lots.random() < 0.5
    ]
    known = {agent.id: agent for agent in free}
    for call_id in list(router.calls):
        router.drop_call(call_id)
    for agent in [*scene.agents, *free]:
        router.put_agent(agent)
    router.match(scene.now)
    for _ in range(decisions):
        now = scene.tick()
        call = scene.call()
        began = time.thread_time()
        router.put_call(call)
        matches = router.match(now)
        times.append(time.thread_time() - began)
        for match in matches:
            router.put_agent(replace(known[match.agent_id], idle_since=now))
        router.drop_call(call.call_id)
    return times


def command(quick: bool) -> Report:
    """Run the bench."""
    decisions = 2_000 if quick else 50_000
    report = Report("routing")
    scene = Scene()
    for name, run in (("an agent becomes free, 10,000 wait", agents_become_free), ("a call comes", calls_come)):
        gc.collect()
        run(scene, 200)
        times = run(scene, decisions)
        mean, worst = sum(times) / len(times), quantile(times, 0.99)
        assert worst is not None
        report.figures += [
            Figure(f"{name}: one decision", round(mean * 1e6, 2), None, "µs", 50.0),
            Figure(f"{name}: p99", round(worst * 1e6, 1), None, "µs", 1000.0),
            Figure(f"{name}: decisions a second", round(1 / mean), None, "1/s"),
        ]
    return report
