"""A flow as YAML text: read without the surprises of YAML 1.1, written in a form that every reader understands. Pure.

`on`, `no` and `08:30` are words here and not truth values or base-60 numbers; only true, false, numbers and null are
special. Anchors and double keys are refused: the first make a small text enormous, the second lose half of it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from careline.flows.model import FlowError

#: The longest text of a flow, in characters.
LONGEST = 400_000


class Loader(yaml.SafeLoader):
    """YAML 1.2's core words only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own way)

    def compose_node(self, parent: yaml.nodes.Node | None, index: int) -> yaml.nodes.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: ARG002
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"“{key.value}” is there twice", key.start_mark)
            seen.add(key.value)
        # Keys are always words: `1:` is the key 1 of a telephone, not a number.
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


def _whole_mapping(loader: Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


#: What a flow is made of. A `!!binary`, `!!timestamp` or `!!set` is no JSON, and nobody writes one by accident.
_PLAIN = ("str", "int", "float", "bool", "null", "seq")
Loader.yaml_constructors = {
    tag: make
    for tag, make in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix("tag:yaml.org,2002:") in _PLAIN
}
# No other tags: bytes, dates and sets are nothing a flow holds.
Loader.yaml_constructors = {
    tag: made
    for tag, made in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.rpartition(":")[2] in ("null", "bool", "int", "float", "str", "seq")
}
Loader.add_constructor("tag:yaml.org,2002:map", _whole_mapping)
for _tag, _pattern, _first in (
    ("bool", r"(?:true|false)$", "tf"),
    ("null", r"(?:null|~|)$", "n~\0"),
    ("int", r"-?(?:0|[1-9][0-9]{0,14})$", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}$", "-0123456789"),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first.replace("\0", "")))
Loader.yaml_implicit_resolvers.setdefault("", []).append(("tag:yaml.org,2002:null", re.compile(r"$")))


class Dumper(yaml.SafeDumper):
    """Long texts as blocks, nothing folded in the middle of a word, lists set in."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def load(text: str) -> dict[str, Any]:
    """The data of a flow's YAML or JSON text. Raises `FlowError` naming line and column."""
    if len(text) > LONGEST:
        raise FlowError(f"A flow has at most {LONGEST} characters.")
    try:
        data = yaml.load(text, Loader)  # noqa: S506 (a safe loader, narrowed)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FlowError(f"The text cannot be read{where}: {error.problem or 'it is not YAML'}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FlowError("The text cannot be read: it is not YAML, or uses aliases.") from error
    if not isinstance(data, dict):
        raise FlowError("A flow begins with “careline: flow/1”.")
    return data


def dump(data: Any) -> str:
    """Data as YAML text, in the order it has."""
    plain = json.loads(json.dumps(data))
    return str(
        yaml.dump(plain, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)
    )
