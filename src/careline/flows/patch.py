"""A flow's text changed to hold other data, where only the lines change that must: comments and layout stay. Pure.

The text is read into nodes with their places; each difference becomes an edit of its own place. What cannot be edited
in place is written anew, the smallest part that can be; and if the outcome does not hold the data, the whole text is.
"""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from careline.flows.model import FlowError
from careline.flows.text import Dumper, Loader, dump, load

#: Folded texts are broken at this width.
_WIDTH = 100


def patched(text: str, data: Mapping[str, Any]) -> str:
    """The text with `data` in it, as like the old one as can be. A text that cannot be read is written anew."""
    plain = json.loads(json.dumps(data))
    try:
        before = load(text)
        root = yaml.compose(text, Loader)
    except FlowError:
        return dump(plain)
    if same(before, plain):
        return text
    made = text
    if isinstance(root, yaml.MappingNode):
        patch = _Patch(text)
        patch.mapping(root, before, plain)
        made = patch.done()
    try:
        if same(load(made), plain):
            return made
    except FlowError:
        pass
    return dump(plain)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same data; the order of names does not count, and true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


@dataclass(slots=True)
class _Patch:
    """Edits of a text, by their places in it."""

    text: str
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    def done(self) -> str:
        """The text with every edit; those at one place in the order they were made."""
        made = self.text
        # From the end on; at one place what is taken away goes first, and what is put in stands in the order it came.
        order = sorted(enumerate(self.edits), key=lambda e: (e[1][0], e[1][1] > e[1][0], e[0]), reverse=True)
        for _, (start, end, words) in order:
            made = made[:start] + words + made[end:]
        return made

    def put(self, start: int, end: int, words: str) -> None:
        self.edits.append((start, end, words))

    # --- what differs -------------------------------------------------------------------------------------------------

    def value(self, node: yaml.Node, old: Any, new: Any, *, flow: bool) -> bool:
        """Edit a value in place. False where it cannot be: then whatever it stands in is written anew."""
        if same(old, new):
            return True
        if isinstance(node, yaml.MappingNode) and isinstance(new, dict) and new and old:
            if node.flow_style and old.keys() != new.keys():
                self.put(node.start_mark.index, node.end_mark.index, _inline(new))
            else:
                self.mapping(node, old, new)
            return True
        if isinstance(node, yaml.SequenceNode) and isinstance(new, list) and new and old:
            if node.flow_style and len(old) != len(new):
                self.put(node.start_mark.index, node.end_mark.index, _inline(new))
            else:
                self.sequence(node, old, new)
            return True
        if flow or (node_flow := getattr(node, "flow_style", None)):
            self.put(node.start_mark.index, node.end_mark.index, _inline(new))
            return True
        if isinstance(node, yaml.ScalarNode) and not isinstance(new, dict | list) and not node_flow:
            return self.scalar(node, new)
        return False

    def scalar(self, node: yaml.ScalarNode, new: Any) -> bool:
        start, end = node.start_mark.index, node.end_mark.index
        if node.style in ("|", ">"):
            indent = self.column(self.text.rfind("\n", 0, start) + 1) + 2
            words = _folded(new, indent) if isinstance(new, str) else _inline(new)
            self.put(start, end, words + "\n" * self.text[start:end].endswith("\n"))
            return True
        # A value that is left out begins right behind its colon.
        gap = " " if start == end else ""
        self.put(start, end, gap + _inline(new))
        return True

    def mapping(self, node: yaml.MappingNode, old: dict[str, Any], new: dict[str, Any]) -> None:
        entries = {key.value: (key, value) for key, value in node.value}
        renamed = _renamed(old, new)
        flow = bool(node.flow_style)
        for key, (name, value) in entries.items():
            now = renamed.get(key, key)
            if now not in new:
                continue
            if now != key:
                self.put(name.start_mark.index, name.end_mark.index, _inline(now))
            if not self.value(value, old[key], new[now], flow=flow):
                start, end = name.start_mark.index, self.line_end(_tail(value))
                self.put(start, end, _entry(now, new[now], name.start_mark.column).lstrip(" "))
        if flow:
            return
        kept = {renamed.get(key, key): key for key in entries if renamed.get(key, key) in new}
        for key in entries:
            if renamed.get(key, key) not in new:
                self.remove(node, key)
        after: str | None = None
        for key in new:
            if key in kept:
                after = kept[key]
            else:
                self.insert(node, entries, after, key, new[key])

    def insert(
        self, node: yaml.MappingNode, entries: Mapping[str, Any], after: str | None, key: str, value: Any
    ) -> None:
        """A new entry, below the one before it in the data, or above all."""
        column = node.start_mark.column
        if after is None:
            first = node.start_mark.index
            self.put(first, first, _entry(key, value, column).lstrip(" ") + " " * column)
            return
        place = self.line_end(_tail(entries[after][1]))
        above = "" if self.text[:place].endswith("\n") else "\n"
        self.put(place, place, above + _entry(key, value, column))

    def remove(self, node: yaml.MappingNode, key: str) -> None:
        names = [name for name, _ in node.value]
        at = next(n for n, name in enumerate(names) if name.value == key)
        start = names[at].start_mark.index
        line = self.text.rfind("\n", 0, start) + 1
        if self.text[line:start].strip():
            # Behind the dash of a list: the next entry moves up.
            end = names[at + 1].start_mark.index if at + 1 < len(names) else _tail(node.value[at][1])
            self.put(start, end, "")
        else:
            self.put(line, self.line_end(_tail(node.value[at][1])), "")

    def sequence(self, node: yaml.SequenceNode, old: list[Any], new: list[Any]) -> None:
        flow = bool(node.flow_style)
        if len(old) == len(new):
            steps = [("replace", 0, len(old), 0, len(new))]
        else:
            matcher = difflib.SequenceMatcher(None, [_key(x) for x in old], [_key(x) for x in new], autojunk=False)
            steps = list(matcher.get_opcodes())
        for what, a, b, c, d in steps:
            if what == "equal":
                continue
            both = min(b - a, d - c)
            for n in range(both):
                item = node.value[a + n]
                if not self.value(item, old[a + n], new[c + n], flow=flow):
                    start, end = self.dash(item), self.line_end(_tail(item))
                    self.put(start, end, _item(new[c + n], node.start_mark.column).lstrip(" "))
            for n in range(a + both, b):
                start = self.text.rfind("\n", 0, self.dash(node.value[n])) + 1
                self.put(start, self.line_end(_tail(node.value[n])), "")
            for n in range(c + both, d):
                place = self.line_end(_tail(node.value[b - 1])) if b else self.dash(node.value[0])
                words = _item(new[n], node.start_mark.column)
                above = "" if not b or self.text[:place].endswith("\n") else "\n"
                self.put(place, place, above + words if b else words.lstrip(" ") + " " * node.start_mark.column)

    # --- places -------------------------------------------------------------------------------------------------------

    def dash(self, item: yaml.Node) -> int:
        """Where the dash of a list's item stands."""
        return self.text.rfind("-", 0, item.start_mark.index)

    def line_end(self, place: int) -> int:
        """Behind the line of a place, comment and line feed included."""
        if place and self.text[place - 1] == "\n":
            return place
        end = self.text.find("\n", place)
        return len(self.text) if end < 0 else end + 1

    def column(self, line: int) -> int:
        return len(self.text[line:]) - len(self.text[line:].lstrip(" "))


def _tail(node: yaml.Node) -> int:
    """Where the last word of a value ends; the end of a block lies behind comments that are not its own."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _tail(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _renamed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """Names that only became others: the same content, or the only one gone and the only one come, alike in kind."""
    gone, come = [key for key in old if key not in new], [key for key in new if key not in old]
    found: dict[str, str] = {}
    for key in gone:
        if twin := next((n for n in come if n not in found.values() and same(old[key], new[n])), None):
            found[key] = twin
    rest, others = [k for k in gone if k not in found], [k for k in come if k not in found.values()]
    if len(rest) == len(others) == 1:
        one, other = old[rest[0]], new[others[0]]
        if isinstance(one, dict) and isinstance(other, dict) and one.get("kind") == other.get("kind") is not None:
            found[rest[0]] = others[0]
    return found


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


# --- writing ----------------------------------------------------------------------------------------------------------


def _inline(value: Any) -> str:
    """On one line, safe within brackets too."""
    made = yaml.dump([value], Dumper=Dumper, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return str(made).strip()[1:-1]


def _entry(key: str, value: Any, column: int) -> str:
    return textwrap.indent(dump({key: value}), " " * column, lambda line: bool(line.strip()))


def _item(value: Any, column: int) -> str:
    made = yaml.dump([value], Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)
    lines = str(made).splitlines()
    # The writer sets lists in; here the list has its place.
    inset = len(lines[0]) - len(lines[0].lstrip(" "))
    return "".join(f"{' ' * column}{line[inset:]}\n" for line in lines)


def _folded(text: str, indent: int) -> str:
    """Words on lines that are read as one; a text that would not survive that goes on one line."""
    lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    if " ".join(lines) != text or not lines:
        return _inline(text)
    return ">-\n" + "\n".join(" " * indent + line for line in lines)
