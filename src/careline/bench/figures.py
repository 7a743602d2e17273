"""What a bench found: figures of ours and of the peer, their ratio, the budget, and the file they are written to."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One comparison. `budget` is what the ratio (or, without a peer, our value) may be at most; with `margin` it is by
    how much we may be over the peer, in the figure's unit."""

    name: str
    ours: float | None
    peer: float | None
    unit: str
    budget: float | None = None
    margin: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's; below 1 means that we need less."""
        if self.ours is None or not self.peer:
            return None
        return round(self.ours / self.peer, 3)

    @property
    def ok(self) -> bool | None:
        """Whether the budget is kept; None where there is none. A missing figure of ours keeps no budget."""
        if self.budget is None:
            return None
        return self._compared is not None and self._compared <= self.budget

    @property
    def _compared(self) -> float | None:
        if self.margin:
            return None if self.ours is None or self.peer is None else self.ours - self.peer
        return self.ratio if self.peer else self.ours

    @property
    def allowed(self) -> str:
        """The budget as a reader sees it; empty where there is none."""
        if self.budget is None:
            return ""
        return f"<= +{self.budget:g} {self.unit}" if self.margin else f"<= {self.budget:g}"

    def as_json(self) -> dict[str, object]:
        """The figure as the report file holds it."""
        return asdict(self) | {"ratio": self.ratio, "ok": self.ok}


@dataclass
class Report:
    """All figures of one run."""

    bench: str
    figures: list[Figure] = field(default_factory=list)
    date: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def ok(self) -> bool:
        """Whether every budget is kept."""
        return all(f.ok is not False for f in self.figures)

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        body = {
            "bench": self.bench,
            "date": self.date.isoformat(timespec="seconds"),
            "machine": machine(),
            "figures": [f.as_json() for f in self.figures],
        }
        path.write_text(json.dumps(body, indent=2) + "\n")

    def table(self) -> str:
        """The figures as text for a terminal."""
        width = max(len(f"{f.name} ({f.unit})") for f in self.figures) + 2
        head = f"{'':<{width}}{'Careline':>11}{'app_queue':>11}{'ratio':>8}  budget"
        rows = [head]
        for f in self.figures:
            budget = "" if f.budget is None else f"{f.allowed} {'ok' if f.ok else 'NOT KEPT'}"
            rows.append(f"{f.name + ' (' + f.unit + ')':<{width}}{_number(f.ours):>11}{_number(f.peer):>11}"
                        f"{_number(f.ratio):>8}  {budget}".rstrip())  # fmt: skip
        return "\n".join(rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def machine() -> str:
    """What this machine is, in a few words; no host name."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {model}, {platform.system()} {platform.machine()}, load {load:.1f} at the start"


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of the values lie (nearest rank), or None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
