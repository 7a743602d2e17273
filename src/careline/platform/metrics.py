"""Prometheus metrics. Labels come from a short list of names with few values, so that no patient can be in one."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest, start_http_server

#: Names whose values are codes of the program: route templates, states, kinds. No number, name or id of a person.
ALLOWED_LABELS = frozenset(
    {"cause", "channel", "command", "component", "event", "follower", "job", "kind", "language", "method", "outcome",
     "phase", "queue", "reason", "result", "route", "source", "state", "status", "step", "tenant", "topic",
     "transport"}
)  # fmt: skip
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def counter(name: str, about: str, labels: Sequence[str] = ()) -> Counter:
    """Something that is counted."""
    return Counter(name, about, _checked(labels))


def gauge(name: str, about: str, labels: Sequence[str] = ()) -> Gauge:
    """Something that goes up and down."""
    return Gauge(name, about, _checked(labels))


def histogram(name: str, about: str, labels: Sequence[str] = (), buckets: Sequence[float] = ()) -> Histogram:
    """Durations or sizes, in buckets."""
    return Histogram(name, about, _checked(labels), buckets=tuple(buckets) or Histogram.DEFAULT_BUCKETS)


def exposition() -> bytes:
    """Everything this process measures, as Prometheus reads it."""
    return generate_latest(REGISTRY)


def serve(port: int) -> None:
    """Answer `/metrics` on a loopback port, from a thread; port 0 means no."""
    if port:
        start_http_server(port, addr="127.0.0.1")


def _checked(labels: Sequence[str]) -> Sequence[str]:
    if wrong := sorted(set(labels) - ALLOWED_LABELS):
        raise ValueError(f"labels not on the list of platform/metrics.py: {wrong}")
    return labels
