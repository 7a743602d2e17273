"""A system on this machine: its state folder, its ports, and whether it is running now."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from careline.platform.settings import Settings
from careline.platform.supervisor import leftover, start_time

Kind = Literal["demo", "up"]
#: Where the demo's synthetic callers call from; never the proxy's own 127.0.0.1.
DEMO_TRUNK = "127.0.0.2"


@dataclass(frozen=True)
class Running:
    """What a start has written down for other commands to find."""

    kind: Kind
    pid: int
    began: str
    environment: dict[str, str]
    url: str
    sip: str

    @property
    def alive(self) -> bool:
        """Whether the process that wrote it still runs."""
        return bool(self.began) and start_time(self.pid) == self.began


def demo_home(base: Path) -> Path:
    """The demo keeps its own state, so that it never mixes with a real system's."""
    return base / "demo"


def state_file(home: Path) -> Path:
    """Where `Running` is kept."""
    return home / "run" / "system.json"


def write_running(home: Path, kind: Kind, settings: Settings, environment: Mapping[str, str]) -> Running:
    """Note that this process runs the system of `home`."""
    state = Running(
        kind=kind,
        pid=os.getpid(),
        began=start_time(os.getpid()),
        environment=dict(environment),
        url=settings.url,
        sip=f"{settings.sip_host}:{settings.sip_port}",
    )
    file = state_file(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(state), indent=2) + "\n")
    return state


def read_running(home: Path) -> Running | None:
    """What the last start of `home` wrote, whether it still runs or not."""
    try:
        return Running(**json.loads(state_file(home).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def active_home() -> Path:
    """The system that commands are about: a running demo, else the real one."""
    base = Settings.load().home
    if base.name == "demo":
        return base
    demo = read_running(demo_home(base))
    real = read_running(base)
    if demo and demo.alive and not (real and real.alive):
        return demo_home(base)
    return base


def active_settings() -> tuple[Settings, Running | None]:
    """Settings of the active system, with the ports it really has, and its state if it was ever started."""
    home = active_home()
    state = read_running(home)
    environment = state.environment if state else {}
    return Settings.load(home, {**os.environ, **environment}), state


# --- ports --------------------------------------------------------------------------------------------------------


def port_free(host: str, port: int, *, udp: bool = False) -> bool:
    """Whether nobody listens there."""
    kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM] if udp else [socket.SOCK_STREAM]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in kinds:
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def first_free(host: str, wanted: int, *, udp: bool = False, avoid: Iterable[int] = ()) -> int | None:
    """`wanted`, or the next of a few higher ports that is free; None when all are taken."""
    taken = set(avoid)
    candidates: list[int] = [wanted, *range(wanted + 20, wanted + 220, 10)]
    for port in candidates:
        if port not in taken and port_free(host, port, udp=udp):
            return port
    return None


def choose_ports(settings: Settings, fixed: Mapping[str, int]) -> tuple[dict[str, int], list[str]]:
    """A free port for everything that listens, and a sentence for each that is not the configured one.

    `fixed` are ports of an adopted switch, which keeps what it has.
    """
    chosen: dict[str, int] = dict(fixed)
    notes: list[str] = []
    plan = [
        ("web_port", settings.web_host, False),
        ("sip_port", settings.sip_host, True),
        ("sip_tls_port", settings.sip_host, False),
        ("asterisk_http_port", "127.0.0.1", False),
        ("asterisk_manager_port", "127.0.0.1", False),
    ]
    for name, host, udp in plan:
        if name in chosen:
            continue
        wanted = int(getattr(settings, name))
        found = first_free(host, wanted, udp=udp, avoid=chosen.values())
        if found is None:
            # Left as it is: the process that cannot listen will say so, by name.
            found = wanted
        if found != wanted:
            notes.append(f"port {wanted} ({name}) is taken on this machine; using {found}")
        chosen[name] = found
    return chosen, notes


def leftover_processes(home: Path, names: Iterable[str]) -> dict[str, int]:
    """Processes of an earlier start of `home` that still run: name → pid."""
    found = {name: leftover(home / "run" / f"{name}.pid") for name in names}
    return {name: pid for name, pid in found.items() if pid is not None}
