"""The language of the present request. Catalogues are installed by the web shell; anyone below may translate."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from gettext import NullTranslations

#: The languages that pages exist in; the first is the default and the language of the source text.
LANGUAGES = ("en", "es")

_language: ContextVar[str] = ContextVar("careline_language", default=LANGUAGES[0])
_catalogues: dict[str, NullTranslations] = {}


def install(catalogues: Mapping[str, NullTranslations]) -> None:
    """Make catalogues known, by language."""
    _catalogues.update(catalogues)


def language() -> str:
    """The language in force for the present request or task."""
    return _language.get()


def use_language(code: str) -> None:
    """Choose the language for the rest of the present request or task; an unknown one means the default."""
    _language.set(code if code in LANGUAGES else LANGUAGES[0])


def gettext(message: str) -> str:
    """The message in the present language."""
    catalogue = _catalogues.get(_language.get())
    return catalogue.gettext(message) if catalogue and message else message


def ngettext(one: str, many: str, count: int) -> str:
    """The message in the present language, in the form that `count` asks for."""
    catalogue = _catalogues.get(_language.get())
    if catalogue:
        return catalogue.ngettext(one, many, count)
    return one if count == 1 else many
