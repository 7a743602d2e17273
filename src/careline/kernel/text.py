"""Text that people send: trimmed, of a bearable length, and without what a database cannot hold."""

from __future__ import annotations

from careline.kernel.errors import InvalidInput


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
