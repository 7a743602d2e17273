"""Text that people send: trimmed, of a bearable length, and without what a database cannot hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from careline.kernel.errors import InvalidInput

#: NUL, and halves of characters: neither PostgreSQL nor UTF-8 holds them.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: Numbers beyond this are no counts of anything a call has.
_LARGEST = 10**15


def plain(text: str, field: str, *, most: int = 200, needed: bool = True) -> str:
    """The text without the spaces around it. Raises `InvalidInput` naming the field: empty, too long, or with NUL."""
    if "\x00" in text:
        raise InvalidInput("Text may not contain the character NUL.", field=field)
    text = text.strip()
    if needed and not text:
        raise InvalidInput("This must not be empty.", field=field)
    if len(text) > most:
        raise InvalidInput(f"At most {most} characters.", field=field)
    return text


def storable(value: Any) -> Any:
    """A JSON value without what a database cannot hold: characters that are none, numbers without bound."""
    match value:
        case str():
            return _UNSTORABLE.sub("", value)
        case int() | float() if not isinstance(value, bool) and not abs(value) <= _LARGEST:
            return None
        case Mapping():
            return {storable(key): storable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [storable(inner) for inner in value]
    return value
