"""The sentences that a page's scripts say, translated: found in the scripts themselves, so no list can fall behind.

A script marks each with `t("…")`: one plain string in double quotes, English, with `%(name)s` for what changes.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

from careline.platform.i18n import gettext

_MARKED = re.compile(r'\bt\(("(?:[^"\\]|\\.)*")')


@cache
def sentences(package: str, *scripts: str) -> tuple[str, ...]:
    """Every English sentence in these scripts of a package, in order."""
    found: dict[str, None] = {}
    for name in scripts:
        source = files(package).joinpath(name).read_text("utf-8")
        found.update((json.loads(text), None) for text in _MARKED.findall(source))
    return tuple(found)


def words(package: str, *scripts: str) -> dict[str, str]:
    """English sentence -> the same in the present language."""
    return {text: gettext(text) for text in sentences(package, *scripts)}
