"""What changed between two versions of a flow, as people say it, and as lines of text. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that changed."""

    #: The node; None for the flow as a whole.
    node: str | None
    #: added, removed, changed, renamed
    code: str
    #: One sentence: “key 3 now leads to “billing”, before to “front desk””.
    text: str


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between the data of two versions, node by node."""
    found = [
        _changed(None, name, before.get(name), after.get(name))
        for name in ("name", "description", "languages", "start")
        if before.get(name) != after.get(name)
    ]
    found += _members(None, "variable", _map(before.get("variables")), _map(after.get("variables")))
    old, new = _map(before.get("nodes")), _map(after.get("nodes"))
    renamed = _renamed(old, new)
    for was, name in renamed.items():
        found.append(Change(node=name, code="renamed", text=f"“{was}” is now called “{name}”"))
    for name in new:
        was = next((w for w, n in renamed.items() if n == name), name)
        if was not in old:
            kind = _map(new[name]).get("kind", "node")
            found.append(Change(node=name, code="added", text=f"new: {kind} “{name}”"))
        elif old[was] != new[name]:
            found += _node(name, _map(old[was]), _map(new[name]))
    for name in old:
        if name not in new and name not in renamed:
            found.append(Change(node=name, code="removed", text=f"“{name}” was removed"))
    if before.get("tests") != after.get("tests"):
        found.append(Change(node=None, code="changed", text="the tests changed"))
    return found


def lines(before: str, after: str, *, old: str = "before", new: str = "after") -> str:
    """The two texts as a unified diff; empty when they are equal."""
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="", n=2))


def _renamed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Nodes that only got another name: one gone, one come, with the same content."""
    gone = {json.dumps(old[n], sort_keys=True, default=str): n for n in old if n not in new}
    found = {}
    for name in new:
        if name not in old and (was := gone.pop(json.dumps(new[name], sort_keys=True, default=str), None)):
            found[was] = name
    return found


def _node(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old.get("kind") != new.get("kind"):
        yield Change(node=name, code="changed", text=f"is now a {new.get('kind')}, before a {old.get('kind')}")
        return
    yield from _exits(name, "exit", _ways(old), _ways(new))
    yield from _options(name, _map(old.get("options")), _map(new.get("options")))
    for field in dict.fromkeys([*old, *new]):
        if field in ("kind", "next", "exits", "options", "at") or old.get(field) == new.get(field):
            continue
        if field in ("values", "into", "query", "inputs", "outputs", "tells"):
            yield from _members(name, field, _map(old.get(field)), _map(new.get(field)))
        else:
            yield _changed(name, field, old.get(field), new.get(field))


def _ways(node: Mapping[str, Any]) -> dict[str, Any]:
    ways = dict(_map(node.get("exits")))
    if "next" in node:
        ways["next"] = node["next"]
    return ways


def _exits(node: str, what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for exit in dict.fromkeys([*old, *new]):
        if old.get(exit) == new.get(exit):
            continue
        if exit not in old:
            text = f"{what} “{exit}” leads to “{new[exit]}” (new)"
        elif exit not in new:
            text = f"{what} “{exit}” is gone (it led to “{old[exit]}”)"
        else:
            text = f"{what} “{exit}” now leads to “{new[exit]}”, before to “{old[exit]}”"
        yield Change(node=node, code="changed", text=text)


def _options(node: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    def target(option: Any) -> Any:
        return option if isinstance(option, str) else _map(option).get("next")

    for key in dict.fromkeys([*old, *new]):
        if key not in new:
            yield Change(node=node, code="changed", text=f"key {key} is gone (it led to “{target(old[key])}”)")
        elif key not in old:
            yield Change(node=node, code="changed", text=f"key {key} leads to “{target(new[key])}” (new)")
        elif target(old[key]) != target(new[key]):
            text = f"key {key} now leads to “{target(new[key])}”, before to “{target(old[key])}”"
            yield Change(node=node, code="changed", text=text)
        elif old[key] != new[key]:
            one, other = _map(old[key]), _map(new[key])
            for field in dict.fromkeys([*one, *other]):
                if field != "next" and one.get(field) != other.get(field):
                    yield _changed(node, f"key {key}, {field}", one.get(field), other.get(field))


def _members(node: str | None, what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name) or (name in old) != (name in new):
            yield _changed(node, f"{what} “{name}”", old.get(name), new.get(name))


def _changed(node: str | None, what: str, old: Any, new: Any) -> Change:
    if old is None:
        text = f"{what}: {_short(new)} (new)"
    elif new is None:
        text = f"{what} is gone (it was {_short(old)})"
    else:
        text = f"{what}: {_short(new)}, before {_short(old)}"
    return Change(node=node, code="changed", text=text)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"“{text if len(text) <= 80 else text[:77] + '…'}”"


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
