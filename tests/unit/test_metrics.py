"""Metrics: labels come from the list, also those of modules that make their metrics themselves."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from pathlib import Path

import prometheus_client
import pytest

import careline
from careline.platform import metrics

pytestmark = pytest.mark.unit


def test_a_label_that_is_not_on_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="patient_name"):
        metrics.counter("careline_test_refused", "A test.", ("route", "patient_name"))


def test_every_metric_of_the_program_keeps_to_the_list() -> None:
    for module in pkgutil.walk_packages(careline.__path__, "careline."):
        spec = importlib.util.find_spec(module.name)
        if spec and spec.origin and "prometheus_client" in Path(spec.origin).read_text("utf-8"):
            importlib.import_module(module.name)
    ours = [
        c for c in list(prometheus_client.REGISTRY._collector_to_names) if "careline" in str(getattr(c, "_name", ""))
    ]
    assert ours, "no metric found: this test would prove nothing"
    wrong = {c._name: c._labelnames for c in ours if not set(c._labelnames) <= metrics.ALLOWED_LABELS}  # type: ignore[attr-defined]
    assert wrong == {}
