"""The words that the desk's scripts say, translated for the page. A test holds scripts and this list together."""

from __future__ import annotations

from careline.platform.i18n import gettext as _


def words() -> dict[str, str]:
    """English sentence -> the same in the reader's language."""
    return {text: _(text) for text in WORDS}


def N_(message: str) -> str:
    """Mark a message for translation; it is translated when it is shown."""
    return message


WORDS: tuple[str, ...] = ()
