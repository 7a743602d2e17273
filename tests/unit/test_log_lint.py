"""Log calls: a constant sentence, no arguments, and only keys that are on the list. Read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from careline.platform.logging import ALLOWED

pytestmark = pytest.mark.unit

SOURCE = Path(__file__).parents[2] / "src" / "careline"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
LOGGERS = {"log", "logger", "_log", "_logger", "logging"}


def faults(source: str, name: str = "<text>") -> Iterator[str]:
    """What is wrong with the log calls of a module."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
            continue
        owner = node.func.value
        owner_name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        if owner_name not in LOGGERS:
            continue
        where = f"{name}:{node.lineno}"
        text = node.args[1:2] if node.func.attr == "log" else node.args[:1]
        if not (text and isinstance(text[0], ast.Constant) and isinstance(text[0].value, str)):
            yield f"{where}: the text is not constant"
        if len(node.args) > (2 if node.func.attr == "log" else 1):
            yield f"{where}: values go into extra={{...}}, not into the text"
        for keyword in node.keywords:
            if keyword.arg == "extra":
                yield from (f"{where}: {fault}" for fault in _keys(keyword.value))


def _keys(extra: ast.expr) -> Iterator[str]:
    if not isinstance(extra, ast.Dict):
        yield "extra is not written out as a dictionary"
        return
    for key in extra.keys:
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            yield "a key of extra is not constant"
        elif key.value not in ALLOWED:
            yield f"the key {key.value!r} is not in careline.platform.logging.ALLOWED"


def test_every_log_call_in_the_source() -> None:
    found = [f for path in sorted(SOURCE.rglob("*.py")) for f in faults(path.read_text("utf-8"), path.name)]
    assert found == []


@pytest.mark.parametrize(
    "call",
    [
        "log.info(f'hello {name}')",
        "log.info('hello %s', name)",
        "log.info('hello ' + name)",
        "self.log.warning(text)",
        "logger.error('hello', extra={'patient_name': name})",
        "logger.error('hello', extra={key: name})",
        "logger.error('hello', extra=values)",
        "logging.log(10, f'{name}')",
    ],
)
def test_the_lint_refuses(call: str) -> None:
    assert list(faults(call))


def test_the_lint_accepts() -> None:
    assert list(faults("log.info('call ended', extra={'call_id': call.id}, exc_info=error)")) == []
